"""The plots of the docks, which pyqtgraph draws. Times are in seconds or frames, as given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QGraphicsRectItem

if TYPE_CHECKING:
    from napari.utils.theme import Theme

__all__ = [
    "A_COLOUR",
    "B_COLOUR",
    "CURSOR_COLOUR",
    "CurvePlot",
    "MatrixPlot",
    "NullPlot",
    "PlaceboPlot",
    "Plot",
    "TracePlot",
    "TrajectoryPlot",
]

A_COLOUR, B_COLOUR = "#f08c2e", "#3b8eea"
"""As in difference maps: orange is A, blue is B."""
CURVE_COLOURS = ("#2aa198", "#d9539b", "#8a7de0", "#b58900")
TRACE_COLOURS = ("#2aa198", "#d9539b", "#8a7de0", "#b58900", "#5fa83a", "#c8603c", "#4f9fd1", "#9a7b5f")
CURSOR_COLOUR = "#e0483e"
CURSOR_DEPTH = 10
MOST_POINTS = 4000
"""Points of a trajectory that are drawn; more would be no clearer, only slower."""

Spans = Sequence[tuple[float, float]]


class Plot(pg.PlotWidget):
    """A plot in the colours of napari's theme."""

    def __init__(self, x: str, y: str, *, interactive: bool = False, height: int = 120) -> None:
        super().__init__(enableMenu=False)
        self._labels = {"bottom": x, "left": y}
        self._interactive = interactive
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


class CurvePlot(Plot):
    """Named curves over epochs."""

    def __init__(self, y: str, names: Sequence[str], *, height: int = 140) -> None:
        super().__init__("epoch", y, height=height)
        self._curves = {
            name: self.plot(name=name, pen=pg.mkPen(colour, width=2))
            for name, colour in zip(names, CURVE_COLOURS, strict=False)
        }

    def show_curves(self, x: ArrayLike, curves: Mapping[str, ArrayLike]) -> None:
        """Replace the points of the curves."""
        for name, y in curves.items():
            self._curves[name].setData(np.asarray(x, dtype=float), np.asarray(y, dtype=float))


class TracePlot(Plot):
    """Traces over time, one above the other, with the cursor of the current frame and the ranges A and B."""

    sought = Signal(float)
    spans_moved = Signal(str, list)

    def __init__(self) -> None:
        super().__init__("frame", "latent", interactive=True, height=130)
        self.setMouseEnabled(True, False)
        self.setDownsampling(auto=True, mode="peak")
        self.setClipToView(True)
        self._traces: list[Any] = []
        self._spans: dict[str, list[Any]] = {"a": [], "b": []}
        self._end = 1.0
        self._cursor = pg.InfiniteLine(movable=True, pen=pg.mkPen(CURSOR_COLOUR, width=2))
        self._cursor.setZValue(CURSOR_DEPTH)
        self._cursor.sigDragged.connect(lambda line: self.sought.emit(float(line.value())))
        self.addItem(self._cursor)
        self.setXRange(0, 1, padding=0)
        self._placeholder = pg.TextItem("Latents of a fit appear here.", anchor=(0.5, 0.5))
        self._placeholder.setParentItem(self.getViewBox())
        self.getViewBox().sigResized.connect(self._place)
        self.scene().sigMouseClicked.connect(self._clicked)

    def set_time(self, label: str, end: float) -> None:
        """Set the label and the end of the time axis."""
        self._labels["bottom"] = label
        self.getAxis("bottom").setLabel(label)
        if end != self._end:
            self._end = end
            self.setLimits(xMin=0, xMax=end, minXRange=end / 1000)
            self.setXRange(0, end, padding=0)

    def show_traces(self, times: ArrayLike, traces: NDArray[Any], names: Sequence[str]) -> None:
        """Replace the traces, shape (T, n), each scaled to its own height, the first on top."""
        for curve in self._traces:
            self.removeItem(curve)
        self._traces = []
        n = traces.shape[1]
        self._placeholder.setVisible(n == 0)
        for i in range(n):
            trace = traces[:, i] - np.median(traces[:, i])
            height = 2 * float(np.percentile(np.abs(trace), 99.8)) or 1.0
            pen = pg.mkPen(TRACE_COLOURS[i % len(TRACE_COLOURS)])
            self._traces.append(self.plot(np.asarray(times), trace / height + (n - 1 - i), pen=pen))
        self.getAxis("left").setTicks([[(n - 1 - i, name) for i, name in enumerate(names)]])
        self.setYRange(-0.6, max(n, 1) - 0.4, padding=0)

    def set_cursor(self, position: float) -> None:
        """Move the cursor."""
        self._cursor.setValue(position)

    def set_spans(self, letter: str, spans: Spans) -> None:
        """Draw the parts of a range."""
        shown = self._spans[letter]
        while len(shown) > len(spans):
            self.removeItem(shown.pop())
        while len(shown) < len(spans):
            colour = pg.mkColor(A_COLOUR if letter == "a" else B_COLOUR)
            faint, edge = pg.mkColor(colour), pg.mkPen(colour, width=2)
            faint.setAlpha(50)
            region = pg.LinearRegionItem(brush=faint, hoverBrush=faint, pen=edge, hoverPen=pg.mkPen(colour, width=4))
            region.setZValue(CURSOR_DEPTH - 1)  # inside a range the cursor is above it, and can be dragged
            for line in region.lines:
                line.setZValue(2)  # above the cursor: an edge on which it lies can be dragged
            label = pg.InfLineLabel(region.lines[0], letter.upper(), position=0.92, anchors=[(0, 0), (0, 0)])
            label.setColor(colour)
            region.sigRegionChangeFinished.connect(lambda _region, letter=letter: self._moved(letter))
            self.addItem(region)
            shown.append(region)
        for region, span in zip(shown, spans, strict=True):
            region.blockSignals(True)
            region.setBounds((0, self._end))
            region.setRegion(span)
            region.blockSignals(False)

    def restyle(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().restyle(theme)
        self._placeholder.setColor(theme.text.as_hex(format="long"))

    def _place(self, view: Any) -> None:
        self._placeholder.setPos(view.rect().center())

    def _moved(self, letter: str) -> None:
        self.spans_moved.emit(letter, [tuple(map(float, region.getRegion())) for region in self._spans[letter]])

    def _clicked(self, event: Any) -> None:
        """Seek to where the plot was clicked."""
        if event.button() == Qt.MouseButton.LeftButton and self.sceneBoundingRect().contains(event.scenePos()):
            self.sought.emit(float(self.getViewBox().mapSceneToView(event.scenePos()).x()))


class TrajectoryPlot(Plot):
    """Two latents against each other, coloured by time from dark to bright, with the current frame marked."""

    sought = Signal(int)

    def __init__(self) -> None:
        super().__init__("", "", interactive=True, height=130)
        self._points = np.zeros((0, 2))
        self._step = 1
        self._line = self.plot(pen=pg.mkPen(128, 128, 128, 45))
        self._dots = pg.ScatterPlotItem(size=4, pen=None, pxMode=True)
        self._here = pg.ScatterPlotItem(size=13, pen=pg.mkPen(CURSOR_COLOUR, width=3), brush=None)
        self.addItem(self._dots)
        self.addItem(self._here)
        self.scene().sigMouseClicked.connect(self._clicked)

    def show_trajectory(self, points: NDArray[Any], x: str, y: str) -> None:
        """Replace the trajectory, shape (T, 2); frames of NaN are left out."""
        self._points, self._step = points, -(-len(points) // MOST_POINTS) or 1
        thin = points[:: self._step]
        thin = thin[np.isfinite(thin).all(axis=1)]
        colours = pg.colormap.get("viridis").map(np.linspace(0.05, 1, max(len(thin), 1)), mode="qcolor")
        self._line.setData(thin)
        self._dots.setData(pos=thin, brush=colours[: len(thin)])
        self._labels = {"bottom": x, "left": y}
        for side, label in self._labels.items():
            self.getAxis(side).setLabel(label)
        self.autoRange()
        self.set_cursor(0)

    def set_cursor(self, frame: int) -> None:
        """Mark the point of a frame."""
        here = self._points[frame : frame + 1]
        self._here.setData(pos=here[np.isfinite(here).all(axis=1)])

    def _clicked(self, event: Any) -> None:
        """Seek to the frame of the point nearest to a click."""
        if event.button() == Qt.MouseButton.LeftButton and len(self._points):
            view = self.getViewBox()
            at, size = view.mapSceneToView(event.scenePos()), view.viewRect()
            dx = (self._points[:, 0] - at.x()) / size.width()
            dy = (self._points[:, 1] - at.y()) / size.height()
            self.sought.emit(int(np.argmin(np.nan_to_num(dx**2 + dy**2, nan=np.inf))))


class MatrixPlot(Plot):
    """Coefficients (targets, sources) as an image, blue below and orange above zero."""

    picked = Signal(int, int)
    hovered = Signal(int, int)

    def __init__(self) -> None:
        super().__init__("source latent", "target latent", height=310)
        self.setAspectLocked(True)
        self.invertY(True)
        self._image = pg.ImageItem(axisOrder="row-major")
        self._mark = QGraphicsRectItem()
        self._mark.setPen(pg.mkPen(CURSOR_COLOUR, width=2))
        self.addItem(self._image)
        self.addItem(self._mark)
        self.scene().sigMouseClicked.connect(self._clicked)
        self.scene().sigMouseMoved.connect(self._moved)
        self._shape = (0, 0)

    def restyle(self, theme: Theme) -> None:
        """Take the colours of a theme; zero is the background."""
        super().restyle(theme)
        zero = theme.background.as_hex(format="long")
        table = pg.ColorMap([0, 0.3, 0.5, 0.7, 1], ["#35a0ff", "#1f5fc8", zero, "#d8571a", "#ffb43c"])
        self._image.setLookupTable(table.getLookupTable(nPts=255))

    def show_matrix(self, matrix: NDArray[Any]) -> None:
        """Replace the matrix, shape (targets, sources); colours are symmetric about zero."""
        # Most coefficients are small beside the diagonal: a root shows both without hiding the sign.
        shade = np.sign(matrix) * np.sqrt(np.abs(matrix))
        extreme = float(np.abs(shade).max(initial=0)) or 1.0
        self._image.setImage(shade, levels=(-extreme, extreme), autoLevels=False)
        self._shape = matrix.shape
        self.setRange(QRectF(0, 0, matrix.shape[1], matrix.shape[0]), padding=0.02)

    def mark(self, cell: tuple[int, int] | None) -> None:
        """Mark the cell (target, source), or none."""
        self._mark.setVisible(cell is not None)
        if cell is not None:
            self._mark.setRect(QRectF(cell[1], cell[0], 1, 1))

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
