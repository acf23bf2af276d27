"""The plot of the Time dock: rows over time, frame sets, trials and breaks. Times are in the unit that is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QScrollBar

from napari_varae.figures.colours import OTHER_COLOUR, TRACE_COLOURS
from napari_varae.session.time_rows import Row
from napari_varae.widgets.parts.plots import CURSOR_COLOUR, Plot, keep_drawn
from napari_varae.widgets.parts.raster import Raster
from napari_varae.widgets.parts.segments import FAR, SegmentLayer, Shaded, Spans, TimeView

if TYPE_CHECKING:
    from napari.utils.theme import Theme

    from napari_varae.core.movie.frames import FrameRange

__all__ = ["Lane", "TimePlot"]

CURSOR_DEPTH = 10
LEAST_ROW, BAR, LOWEST = 16, 8, 90
"""Pixels of a row at least, so that names do not overlap, of the bar that scrolls them, and of the plot."""
STEPS = 100
"""Steps of the bar for each row."""
LANE, LANES = 0.5, 6
"""Height of a lane, in rows, and how many there are at most; more share the last."""
RASTER_ROWS = 3.0
"""Height of the raster, in rows."""
NAME = 16
"""Letters of a name beside its row."""
CURSOR, EDGES = CURSOR_DEPTH, CURSOR_DEPTH + 1
PLACEHOLDER = "Latents of a fit appear here. Drag to make a segment."


class Lane(NamedTuple):
    """Bars at the top of the plot: a frame set, or the trials of a condition; the table names them by colour."""

    group: str
    colour: str
    spans: Spans


class TimePlot(Plot):
    """Rows one above the other on one time axis, with the cursor, frame sets, and marks of trials and breaks."""

    sought = Signal(float)
    picked = Signal(int)
    """A latent, whose line of the raster was clicked."""
    menu_wanted = Signal(float, QPoint)
    """A place on the time axis, and where on the screen."""

    def __init__(self) -> None:
        super().__init__("frame", "", interactive=True, height=LOWEST, view=TimeView())
        self.setMouseEnabled(True, False)
        self.setDownsampling(auto=True, mode="peak")
        self.setClipToView(True)
        self.rows: list[Row] = []
        self.order = np.zeros(0, dtype=np.int64)
        """Latents of the raster, the first on top."""
        self._curves: list[Any] = []
        self._lanes: list[Lane] = []
        self._bars: list[Any] = []
        self._raster_shown = False
        self._rate, self._end = 1.0, 1.0
        dashes = pg.mkPen(OTHER_COLOUR, style=Qt.PenStyle.DashLine)
        self._breaks = pg.PlotCurveItem(connect="pairs", pen=dashes)
        self._bad = pg.BarGraphItem(x0=[], x1=[], y0=[], y1=[], pen=None, brush=pg.mkBrush(128, 128, 128, 110))
        self._cursor = pg.InfiniteLine(pen=pg.mkPen(CURSOR_COLOUR, width=2))
        self._cursor.setZValue(CURSOR)
        for item in (self._breaks, self._bad, self._cursor):
            self.addItem(item, ignoreBounds=True)
        self.raster = Raster(self)
        self.segments = SegmentLayer(self, EDGES)
        self.segments.held.connect(self.sought)
        self.bar = QScrollBar(Qt.Orientation.Vertical, self)
        self.bar.setAccessibleName("Rows in view")
        self.bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.bar.setSingleStep(STEPS)
        self.bar.valueChanged.connect(self._scroll_rows)
        self._height = 1.0
        self.setXRange(0, 1, padding=0)
        self._placeholder = pg.TextItem(PLACEHOLDER, anchor=(0.5, 0.5))
        self._placeholder.setParentItem(self.getViewBox())
        self.getViewBox().sigResized.connect(self._place)
        self.scene().sigMouseClicked.connect(self._clicked)

    def set_time(self, label: str, n_frames: int, rate: float) -> None:
        """Set the label of the time axis, and its end: that of `n_frames` at `rate` frames per unit."""
        self._labels["bottom"], self._rate = label, rate
        self.getAxis("bottom").setLabel(label)
        end = n_frames / rate
        if end != self._end:
            self._end = self.segments.end = end
            self.setLimits(xMin=0, xMax=end, minXRange=end / 5000)
            self.reset_view()

    def reset_view(self) -> None:
        """Show the whole recording."""
        self.setXRange(0, self._end, padding=0)

    def show_rows(self, rows: Sequence[Row], raster: NDArray[np.int64] | None = None) -> None:
        """Replace the rows, the first on top; below them the raster with the latents in this order, if any."""
        for curve in self._curves:
            self.removeItem(curve)
        self.rows, self._curves = list(rows), []
        self._raster_shown = raster is not None and len(raster) > 0
        self._placeholder.setVisible(not rows and not self._raster_shown)
        for row, colour in zip(rows, self.colours, strict=True):
            y, whole = _scaled(row.values)
            pen = pg.mkPen(colour, width=3 if row.chosen else 1)
            times = np.arange(len(y)) / self._rate
            self._curves.append(self.plot(times, y, pen=pen, connect="all" if whole else "finite"))
            keep_drawn(self._curves[-1].curve)
        self.order = np.zeros(0, dtype=np.int64) if raster is None else raster
        self.raster.place(self.order, self._rate, 0.0, RASTER_ROWS)
        self.segments.floor = RASTER_ROWS if self._raster_shown else -FAR  # no colour over those of the raster
        self._arrange()

    @property
    def colours(self) -> list[str]:
        """Colours of the rows."""
        latents = np.cumsum([row.latent is not None for row in self.rows])
        return [
            OTHER_COLOUR if row.latent is None else TRACE_COLOURS[(count - 1) % len(TRACE_COLOURS)]
            for row, count in zip(self.rows, latents.tolist(), strict=True)
        ]

    @property
    def frames(self) -> FrameRange:
        """Frames in view, at least two."""
        low, high = (edge * self._rate for edge in self.getViewBox().viewRange()[0])
        last = round(self._end * self._rate)
        start = min(max(int(low), 0), last - 2)
        return start, min(max(int(np.ceil(high)), start + 2), last)

    def show_sets(self, sets: Mapping[str, Shaded], active: str) -> None:
        """Replace the frame sets."""
        self.segments.show_sets(sets, active)

    def show_lanes(self, lanes: Sequence[Lane]) -> None:
        """Replace the bars at the top, one item for each lane, however many bars."""
        for bar in self._bars:
            self.removeItem(bar)
        self._lanes, self._bars = list(lanes), []
        for lane in lanes:
            pen = pg.mkPen(lane.colour, width=6)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            bar = pg.PlotCurveItem(np.ravel(lane.spans), np.zeros(2 * len(lane.spans)), connect="pairs", pen=pen)
            self.addItem(bar, ignoreBounds=True)
            self._bars.append(bar)
        self._arrange()

    def show_marks(self, breaks: Sequence[float], bad: Spans) -> None:
        """Draw a dashed line at each break of the recording, and shade the bad frames."""
        self._breaks.setData(np.repeat(np.asarray(breaks, dtype=float), 2), np.tile([-10.0, FAR], len(breaks)))
        starts, stops = np.array(bad, dtype=float).reshape(-1, 2).T
        self._bad.setOpts(x0=starts, x1=stops, y0=np.full(len(starts), -10.0), y1=np.full(len(starts), FAR))

    def set_cursor(self, position: float) -> None:
        """Move the cursor."""
        self._cursor.setValue(position)
        self.segments.cursor = position

    def restyle(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().restyle(theme)
        self._placeholder.setColor(theme.text.as_hex(format="long"))
        self.raster.restyle(theme)

    def _arrange(self) -> None:
        """Place raster, rows and lanes from the bottom to the top, and their names."""
        floor = RASTER_ROWS if self._raster_shown else 0.0
        n, lanes = len(self.rows), min(len(self._lanes), LANES)
        ticks = [(RASTER_ROWS / 2, "all latents")] if self._raster_shown else []
        for i, (row, curve) in enumerate(zip(self.rows, self._curves, strict=True)):
            curve.setPos(0, floor + n - i - 0.5)
            ticks.append((floor + n - i - 0.5, _short(row.name)))
        top, places = floor + n + 0.1, defaultdict(list)
        for i, (lane, bar) in enumerate(zip(self._lanes, self._bars, strict=True)):
            y = top + LANE * (lanes - min(i, LANES - 1) - 0.5)
            bar.setPos(0, y)
            places[lane.group].append(y)
        ticks += [(float(np.mean(ys)), group) for group, ys in places.items()]
        self.getAxis("left").setTicks([ticks])
        self._height = max(top + LANE * lanes, 1.0)
        self._scroll_rows()

    def _scroll_rows(self, _value: int = 0) -> None:
        """Show all rows, or as many as there is room for; the bar brings the others."""
        room = max(self.getViewBox().height() / LEAST_ROW, 1.0)
        below = max(self._height - room, 0.0)
        with QSignalBlocker(self.bar):
            self.bar.setRange(0, round(STEPS * below))
            self.bar.setPageStep(round(STEPS * room))
        self.bar.setVisible(self.bar.maximum() > 0)
        low = max(below - self.bar.value() / STEPS, 0.0)
        self.setYRange(low, low + self._height - below, padding=0)

    def _place(self, view: Any) -> None:
        """Keep the placeholder in the middle, and the bar at the right."""
        self._placeholder.setPos(view.rect().center())
        self.bar.setGeometry(self.width() - BAR, 0, BAR, round(view.height()))
        self._scroll_rows()

    def _clicked(self, event: Any) -> None:
        """Seek to where the plot was clicked; on the raster, choose the latent as well."""
        if not self.sceneBoundingRect().contains(event.scenePos()):
            return
        at = self.getViewBox().mapSceneToView(event.scenePos())
        if event.button() == Qt.MouseButton.RightButton:
            self.menu_wanted.emit(float(at.x()), event.screenPos().toPoint())
        elif event.button() == Qt.MouseButton.LeftButton:
            self.sought.emit(float(at.x()))
            latent = self.raster.latent_at(float(at.y())) if self._raster_shown else None
            if latent is not None:
                self.picked.emit(latent)


def _scaled(values: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """Scale a trace to the height of a row, about its median, and return whether it is known throughout."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(len(values)), True
    middle = np.median(known)
    height = 2 * float(np.percentile(np.abs(known - middle), 99.8)) or 1.0
    return (values - middle) / height, len(known) == len(values)


def _short(name: str) -> str:
    """Cut a name that would take room from the rows."""
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"
