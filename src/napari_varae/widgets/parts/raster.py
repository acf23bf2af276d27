"""All latents over time as an image, one line each, drawn at the resolution of the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QRectF

if TYPE_CHECKING:
    from napari.utils.theme import Theme

__all__ = ["Raster"]

COLUMNS = 1200
"""Columns that are drawn at most."""
COARSE = 16
"""Frames that are averaged once, for views of many."""
DARK, BRIGHT = 2.0, 99.0
"""Percentiles of the values drawn at the ends of the scale."""


class Raster:
    """Latents as lines of an image, each in SD of its own; what is drawn does not grow with the frames.

    Parameters
    ----------
    plot : PlotWidget
        The plot that it is a row of.
    """

    def __init__(self, plot: Any) -> None:
        self._view = plot.getViewBox()
        self._image = pg.ImageItem(axisOrder="row-major")
        self._image.setZValue(-2)
        plot.addItem(self._image, ignoreBounds=True)
        self._latents: NDArray[Any] = np.zeros((0, 0), dtype=np.float32)
        self._coarse, self._mean, self._sd = self._latents, np.zeros(0), np.ones(0)
        self._order = np.zeros(0, dtype=np.int64)
        self._rate, self._bottom, self._height = 1.0, 0.0, 0.0
        self._view.sigXRangeChanged.connect(self._show)
        self._view.sigResized.connect(self._show)

    def restyle(self, theme: Theme) -> None:
        """Take the colours of a theme: the mean is the background."""
        ends = [theme.background.as_hex(format="long"), theme.text.as_hex(format="long")]
        self._image.setLookupTable(pg.ColorMap([0, 1], ends).getLookupTable(nPts=256))

    def set_latents(self, latents: NDArray[Any], usual: NDArray[np.bool_]) -> None:
        """Replace the latents, shape (T, K); mean and SD are those of the `usual` frames."""
        self._latents = latents
        whole = len(latents) // COARSE * COARSE
        self._coarse = latents[:whole].reshape(-1, COARSE, latents.shape[1]).mean(axis=1)
        known = latents[usual] if usual.any() else latents
        self._mean, self._sd = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-12)

    def place(self, order: NDArray[np.int64], rate: float, bottom: float, height: float) -> None:
        """Draw the latents in this order from the top, above `bottom`; none when the order is empty."""
        self._order, self._rate, self._bottom, self._height = order, rate, bottom, height
        self._show()

    def latent_at(self, y: float) -> int | None:
        """Return the latent whose line is at a height."""
        if not len(self._order) or not self._bottom <= y < self._bottom + self._height:
            return None
        line = int((self._bottom + self._height - y) / self._height * len(self._order))
        return int(self._order[min(line, len(self._order) - 1)])

    def _show(self, *_range: Any) -> None:
        """Draw the frames in view."""
        n, shown = len(self._latents), len(self._order) > 0
        self._image.setVisible(shown and n > 0)
        if not shown or not n:
            return
        low, high = self._view.viewRange()[0]
        start, stop = max(int(low * self._rate), 0), min(int(high * self._rate) + 2, n)
        if start >= stop:
            return
        step = COARSE if stop - start > COARSE * COLUMNS else 1
        frames = self._coarse if step > 1 else self._latents
        first, last = start // step, min(-(-stop // step), len(frames))
        edges = np.unique(np.linspace(first, last, min(last - first, COLUMNS) + 1).astype(np.int64))
        part = frames[first:last]
        sums = np.add.reduceat(part, edges[:-1] - first, axis=0)
        binned = (sums / np.diff(edges)[:, None] - self._mean) / self._sd
        image = binned[:, self._order[::-1]].T  # the first line on top
        levels = np.percentile(image, [DARK, BRIGHT])
        self._image.setImage(image, levels=(levels[0], max(levels[1], levels[0] + 1e-6)), autoLevels=False)
        left, width = first * step / self._rate, (last - first) * step / self._rate
        self._image.setRect(QRectF(left, self._bottom, width, self._height))
