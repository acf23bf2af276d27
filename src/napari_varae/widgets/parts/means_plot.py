"""The plot of the mean of each frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from napari_varae.widgets.parts.plots import CURSOR_COLOUR, Plot

if TYPE_CHECKING:
    from napari.utils.theme import Theme

__all__ = ["MeansPlot"]


class MeansPlot(Plot):
    """The mean of each frame, with marks at some frames and one of them in colour; extremes may leave the plot."""

    def __init__(self) -> None:
        super().__init__("frame", "mean", height=96)
        self._means = self.plot()
        self._means.setDownsampling(auto=True, method="peak")
        self._marks = pg.ScatterPlotItem(size=8, symbol="t1", pen=None, brush=pg.mkBrush(CURSOR_COLOUR))
        self._here = pg.InfiniteLine(pen=pg.mkPen(CURSOR_COLOUR, width=1))
        self.addItem(self._marks)
        self.addItem(self._here)

    def show_means(
        self, times: NDArray[Any], means: NDArray[Any], marks: NDArray[Any], here: float, label: str
    ) -> None:
        """Replace the trace (T,), the times of the marks (n,), and where the one in view is."""
        usual = np.percentile(means, (1, 99))
        low, high = usual[0] - (usual[1] - usual[0]), usual[1] + (usual[1] - usual[0])
        self._means.setData(times, means)
        self._marks.setData(marks, np.full(len(marks), low))
        self._here.setValue(here)
        self._labels["bottom"] = label
        self.getAxis("bottom").setLabel(label)
        self.setXRange(float(times[0]), float(times[-1]), padding=0.01)
        self.setYRange(float(low), float(high if high > low else low + 1), padding=0.05)

    def restyle(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().restyle(theme)
        self._means.setPen(pg.mkPen(theme.text.as_hex(format="long")))
