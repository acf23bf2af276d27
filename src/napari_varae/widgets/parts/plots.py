"""The plots of the docks, in the colours of napari's theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QKeyEvent, QWheelEvent
from qtpy.QtWidgets import QGraphicsItem, QGraphicsRectItem

from napari_varae.figures.colours import CHOSEN_COLOUR, CURVE_COLOURS, MATRIX_COLOURS, OBSERVED_COLOUR

if TYPE_CHECKING:
    from napari.utils.theme import Theme

__all__ = [
    "CURSOR_COLOUR",
    "CurvePlot",
    "MatrixPlot",
    "NullPlot",
    "PlaceboPlot",
    "Plot",
    "keep_drawn",
]

CURSOR_COLOUR = OBSERVED_COLOUR


class Plot(pg.PlotWidget):
    """A plot in the colours of napari's theme."""

    def __init__(
        self, x: str, y: str, *, interactive: bool = False, height: int = 120, view: pg.ViewBox | None = None
    ) -> None:
        super().__init__(enableMenu=False, viewBox=view)
        self._labels = {"bottom": x, "left": y}
        self._interactive = interactive
        if not interactive:
            self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Tab goes on to what keys can use
        self.setMinimumHeight(height)
        if not interactive:
            self.setMaximumHeight(height)
        self.setMouseEnabled(interactive, interactive)
        self.hideButtons()
        item = self.getPlotItem()
        item.setContentsMargins(0, 4, 8, 0)
        for side in ("bottom", "left"):
            item.getAxis(side).enableAutoSIPrefix(False)
            item.getAxis(side).setStyle(tickLength=-4, tickTextOffset=4)
        self.legend = item.addLegend(offset=(-6, 4), labelTextSize="8pt", horSpacing=12, verSpacing=-4)

    def restyle(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        text = theme.text.as_hex(format="long")
        self.setBackground(theme.background.as_hex(format="long"))
        for side, label in self._labels.items():
            axis = self.getAxis(side)
            axis.setPen(pg.mkPen(theme.primary.as_hex(format="long")))
            axis.setTextPen(text)
            axis.setLabel(label, color=text, **{"font-size": "8pt"})
        self.legend.setLabelTextColor(text)
        for _sample, label in self.legend.items:
            label.setText(label.text, color=text)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom, or leave the wheel to the dock's scroll area."""
        if self._interactive:
            super().wheelEvent(event)
        else:
            event.ignore()


def keep_drawn(item: QGraphicsItem) -> None:
    """Keep an item as a picture, so that a cursor moves over it without drawing it again, however long it is."""
    item.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)


STEPS, MOST_TICKS = tuple(n * 10**power for power in range(7) for n in (1, 2, 5)), 8
"""Epochs between ticks, and how many ticks there are at most."""
HEADROOM = 0.9
"""Room above the curves, as a share of their height, for the legend and the mark of the best epoch."""


class CurvePlot(Plot):
    """Named curves over epochs."""

    def __init__(self, y: str, names: Sequence[str], *, height: int = 140) -> None:
        super().__init__("epoch", y, height=height)
        self.legend.setColumnCount(2)  # one line
        self._curves = {
            name: self.plot(name=name, pen=pg.mkPen(colour, width=2))
            for name, colour in zip(names, CURVE_COLOURS, strict=False)
        }
        self._best = pg.InfiniteLine(
            angle=90,
            pen=pg.mkPen(CURSOR_COLOUR, style=Qt.PenStyle.DashLine),
            label="best",
            labelOpts={"position": 0.88, "color": CURSOR_COLOUR},
        )
        self._best.hide()
        self.addItem(self._best, ignoreBounds=True)

    def show_curves(self, x: ArrayLike, curves: Mapping[str, ArrayLike]) -> None:
        """Replace the points of the curves."""
        for name, y in curves.items():
            self._curves[name].setData(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        epochs, values = np.asarray(x, dtype=int), np.array(list(curves.values()), dtype=float)
        if not np.isfinite(values).any():
            return
        last = int(epochs.max())
        step = next(step for step in STEPS if last <= MOST_TICKS * step)
        self.getAxis("bottom").setTicks([[(epoch, str(epoch)) for epoch in range(0, last + 1, step)]])
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        span = high - low or abs(high) or 1.0
        self.setYRange(low - 0.05 * span, high + HEADROOM * span, padding=0)

    def mark_epoch(self, best: int | None) -> None:
        """Mark the best epoch; None when there is none yet."""
        self._best.setVisible(best is not None)
        self._best.setValue(best or 0)
        low, high = self.getViewBox().viewRange()[0]
        self.legend.setOffset((6, 4) if (best or 0) > (low + high) / 2 else (-6, 4))  # beside the mark

    @property
    def best_epoch(self) -> int | None:
        """The epoch that is marked."""
        return int(self._best.value()) if self._best.isVisible() else None


MOVES: dict[int, tuple[int, int]] = {
    Qt.Key.Key_Left.value: (0, -1), Qt.Key.Key_Right.value: (0, 1),
    Qt.Key.Key_Up.value: (-1, 0), Qt.Key.Key_Down.value: (1, 0),
}  # fmt: skip
"""Rows and columns by which an arrow key moves."""


class MatrixPlot(Plot):
    """Coefficients (targets, sources) as an image, blue below and orange above zero; clicks and arrow keys choose."""

    picked = Signal(int, int)
    hovered = Signal(int, int)

    def __init__(self) -> None:
        super().__init__("source latent", "target latent", height=310)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Matrix of coefficients")
        self.setToolTip("Click an entry, or move with the arrow keys")
        self.setStyleSheet(
            f"MatrixPlot {{ border: 1px solid transparent }} MatrixPlot:focus {{ border-color: {CURSOR_COLOUR} }}"
        )
        self.setAspectLocked(True)
        self.invertY(True)
        self._image = pg.ImageItem(axisOrder="row-major")
        self._mark = QGraphicsRectItem()
        self._mark.setPen(pg.mkPen(CURSOR_COLOUR, width=2))
        self.addItem(self._image)
        self._of_latent = [QGraphicsRectItem() for _ in range(2)]
        for line in self._of_latent:
            line.setPen(pg.mkPen(CHOSEN_COLOUR, width=1))
            self.addItem(line)
        self.addItem(self._mark)
        self.scene().sigMouseClicked.connect(self._clicked)
        self.scene().sigMouseMoved.connect(self._moved)
        self._shape = (0, 0)
        self._marked: tuple[int, int] | None = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose the next entry with an arrow key."""
        move = MOVES.get(event.key())
        if move is None or 0 in self._shape:
            super().keyPressEvent(event)
            return
        entry = (0, 0) if self._marked is None else np.add(self._marked, move)
        row, column = np.clip(entry, 0, np.subtract(self._shape, 1)).tolist()
        self.picked.emit(row, column)

    def restyle(self, theme: Theme) -> None:
        """Take the colours of a theme; zero is the background."""
        super().restyle(theme)
        zero = theme.background.as_hex(format="long")
        table = pg.ColorMap([0, 0.3, 0.5, 0.7, 1], [*MATRIX_COLOURS[:2], zero, *MATRIX_COLOURS[2:]])
        self._image.setLookupTable(table.getLookupTable(nPts=255))

    def show_matrix(self, matrix: NDArray[Any]) -> None:
        """Replace the matrix, shape (targets, sources); colours are symmetric about zero."""
        # Most coefficients are small beside the diagonal: a root shows both without hiding the sign.
        shade = np.sign(matrix) * np.sqrt(np.abs(matrix))
        extreme = float(np.abs(shade).max(initial=0)) or 1.0
        self._image.setImage(shade, levels=(-extreme, extreme), autoLevels=False)
        self._shape = matrix.shape
        self.setRange(QRectF(0, 0, matrix.shape[1], matrix.shape[0]), padding=0.02)

    def mark_latent(self, latent: int | None) -> None:
        """Mark the row and the column of a latent, or none."""
        for line in self._of_latent:
            line.setVisible(latent is not None)
        if latent is not None:
            height, width = self._shape
            self._of_latent[0].setRect(QRectF(0, latent, width, 1))
            self._of_latent[1].setRect(QRectF(latent, 0, 1, height))

    def mark(self, entry: tuple[int, int] | None) -> None:
        """Mark the entry (target, source), or none."""
        self._marked = entry
        self._mark.setVisible(entry is not None)
        if entry is not None:
            self._mark.setRect(QRectF(entry[1], entry[0], 1, 1))

    def _cell(self, position: Any) -> tuple[int, int] | None:
        """Return the cell at a place in the scene."""
        at = self.getViewBox().mapSceneToView(position)
        row, column = int(np.floor(at.y())), int(np.floor(at.x()))
        return (row, column) if 0 <= row < self._shape[0] and 0 <= column < self._shape[1] else None

    def _clicked(self, event: Any) -> None:
        if cell := self._cell(event.scenePos()):
            self.picked.emit(*cell)

    def _moved(self, position: Any) -> None:
        if cell := self._cell(position):
            self.hovered.emit(*cell)


class NullPlot(Plot):
    """The distribution of a statistic when nothing differs, and the value that was observed."""

    def __init__(self) -> None:
        super().__init__("test statistic", "resamples", height=150)
        self._bars = self.plot(stepMode="center", fillLevel=0, name="if nothing differed")
        self._observed = self.plot(pen=pg.mkPen(CURSOR_COLOUR, width=3), name="observed")

    def restyle(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().restyle(theme)
        self._bars.setPen(pg.mkPen(theme.secondary.as_hex(format="long")))
        self._bars.setBrush(pg.mkBrush(theme.secondary.as_hex(format="long")))

    def show_null(self, null: ArrayLike, observed: float) -> None:
        """Draw the histogram of the null and the observed value."""
        values = np.asarray(null, dtype=float)
        counts, edges = np.histogram(values, bins=min(40, max(5, len(values) // 10)))
        self._bars.setData(edges, counts)
        self._observed.setData([observed, observed], [0, counts.max() * 2])  # room for the legend
        self.autoRange()
        self.legend.setOffset((6, 4) if observed > edges[len(edges) // 2] else (-6, 4))  # beside the line


class PlaceboPlot(Plot):
    """P-values in order, against those that chance would give."""

    def __init__(self) -> None:
        super().__init__("p if nothing differed", "p found", height=150)
        self._chance = self.plot([0, 1], [0, 1], name="as by chance")
        self._found = self.plot(
            pen=None, symbol="o", symbolSize=6, symbolPen=None, symbolBrush=CURVE_COLOURS[0], name="pairs"
        )
        self.setRange(QRectF(0, 0, 1, 1), padding=0.03)
        self.legend.setOffset((6, 4))  # where p-values seldom are

    def restyle(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().restyle(theme)
        self._chance.setPen(pg.mkPen(theme.secondary.as_hex(format="long"), style=Qt.PenStyle.DashLine))

    def show_values(self, p_values: ArrayLike) -> None:
        """Draw the p-values."""
        values = np.sort(np.asarray(p_values, dtype=float))
        self._found.setData((np.arange(len(values)) + 0.5) / max(len(values), 1), values)
