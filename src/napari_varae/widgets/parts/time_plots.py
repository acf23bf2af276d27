"""The plots of the Time dock: traces over time, and the trajectory. Times are in seconds or frames, as given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import Qt, Signal

from napari_varae.widgets.parts.plots import A_COLOUR, B_COLOUR, CURSOR_COLOUR, Plot

if TYPE_CHECKING:
    from napari.utils.theme import Theme

__all__ = ["CONDITION_COLOURS", "TracePlot", "TrajectoryPlot"]

TRACE_COLOURS = ("#2aa198", "#d9539b", "#8a7de0", "#b58900", "#5fa83a", "#c8603c", "#4f9fd1", "#9a7b5f")
OTHER_COLOUR = "#8f959c"
CONDITION_COLOURS = ("#8a7de0", "#2aa198", "#d9539b", "#b58900", "#5fa83a", "#4f9fd1")
CURSOR_DEPTH = 10
LANE, LANES = 0.42, 4
"""Height of a row of trials, in rows of traces; conditions beyond the fourth share a row."""
MOST_POINTS = 4000
"""Points of a trajectory that are drawn; more would be no clearer, only slower."""
MOST_DRAGGED = 6
"""Parts of a range whose edges can be dragged; more come from a table of trials or a threshold."""

Spans = Sequence[tuple[float, float]]


class TracePlot(Plot):
    """Traces over time, one above the other, with the cursor, the ranges A and B, and marks of trials and breaks."""

    sought = Signal(float)
    spans_moved = Signal(str, list)

    def __init__(self) -> None:
        super().__init__("frame", "", interactive=True, height=130)
        self.setMouseEnabled(True, False)
        self.setDownsampling(auto=True, mode="peak")
        self.setClipToView(True)
        self._traces: list[Any] = []
        self._bars: list[Any] = []
        self._breaks = pg.PlotCurveItem(connect="pairs", pen=pg.mkPen(OTHER_COLOUR, style=Qt.PenStyle.DashLine))
        self.addItem(self._breaks, ignoreBounds=True)
        self._names: list[str] = []
        self._spans: dict[str, list[Any]] = {"a": [], "b": []}
        self._many = {letter: pg.BarGraphItem(x0=[], x1=[], y0=[], y1=[]) for letter in self._spans}
        for many in self._many.values():
            self.addItem(many, ignoreBounds=True)
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

    def show_traces(
        self,
        times: ArrayLike,
        traces: NDArray[Any],
        names: Sequence[str],
        *,
        others: int = 0,
        chosen: int | None = None,
    ) -> None:
        """Replace the traces, shape (T, n), each scaled to its own height, the first on top.

        The first `others` are other traces than latents, and grey; a trace may be NaN in part. The `chosen` one is
        drawn thicker.
        """
        for curve in self._traces:
            self.removeItem(curve)
        self._traces, self._names = [], list(names)
        n = traces.shape[1]
        self._placeholder.setVisible(n == 0)
        for i in range(n):
            known = traces[:, i][np.isfinite(traces[:, i])]
            trace = traces[:, i] - (np.median(known) if len(known) else 0)
            height = 2 * float(np.percentile(np.abs(known - np.median(known)), 99.8)) if len(known) else 1.0
            colour = OTHER_COLOUR if i < others else TRACE_COLOURS[(i - others) % len(TRACE_COLOURS)]
            pen = pg.mkPen(colour, width=3 if i == chosen else 1)
            y = trace / (height or 1.0) + (n - 1 - i)
            connect = "all" if len(known) == len(trace) else "finite"
            self._traces.append(self.plot(np.asarray(times), y, pen=pen, connect=connect))
        self._show_rows()

    def show_trials(self, spans: Mapping[str, Spans]) -> None:
        """Mark the trials of each condition by bars at the top, one item for each condition, however many trials."""
        for bar in self._bars:
            self.removeItem(bar)
        self._bars = []
        for i, parts in enumerate(spans.values()):
            pen = pg.mkPen(CONDITION_COLOURS[i % len(CONDITION_COLOURS)], width=7)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            bar = pg.PlotCurveItem(np.ravel(parts), np.zeros(2 * len(parts)), connect="pairs", pen=pen)
            self.addItem(bar, ignoreBounds=True)
            self._bars.append(bar)
        self._show_rows()

    def show_breaks(self, times: Sequence[float]) -> None:
        """Draw a dashed line at each break of the recording."""
        self._breaks.setData(np.repeat(np.asarray(times, dtype=float), 2), np.tile([-10.0, 1000.0], len(times)))

    def _show_rows(self) -> None:
        """Place the rows: trials at the top, traces below, and their names."""
        n, lanes = len(self._names), min(len(self._bars), LANES)
        for i, bar in enumerate(self._bars):
            bar.setPos(0, n - 0.3 + LANE * (lanes - 1 - i % LANES))
        ticks: list[tuple[float, str]] = [(n - 1 - i, name) for i, name in enumerate(self._names)]
        if lanes:
            ticks.append((n - 0.3 + LANE * (lanes - 1) / 2, "trials"))
        self.getAxis("left").setTicks([ticks])
        self.setYRange(-0.6, max(n, 1) - 0.4 + LANE * (lanes + bool(lanes)), padding=0)

    def set_cursor(self, position: float) -> None:
        """Move the cursor."""
        self._cursor.setValue(position)

    def set_spans(self, letter: str, spans: Spans) -> None:
        """Draw the parts of a range: so many that no edge could be found among them are drawn as one item."""
        shown, together = self._spans[letter], len(spans) > MOST_DRAGGED
        colour = pg.mkColor(A_COLOUR if letter == "a" else B_COLOUR)
        colour.setAlpha(60)
        starts, stops = np.array(spans if together else np.zeros((0, 2)), dtype=float).T
        self._many[letter].setOpts(
            x0=starts, x1=stops, y0=np.full(len(starts), -10.0), y1=np.full(len(starts), 1000.0), brush=colour, pen=None
        )
        spans = () if together else spans
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
