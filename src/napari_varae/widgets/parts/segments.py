"""Frame sets in a plot over time: shaded segments, edges to drag, and new segments drawn with the mouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QObject, Qt, Signal

__all__ = ["Edge", "SegmentLayer", "Shaded", "Spans", "TimeView"]

Spans = Sequence[tuple[float, float]]
NEAR = 5
"""Pixels from an edge within which the mouse takes hold of it, or an edge snaps."""
SHADE, EDGE = 60, 150
"""Alpha of the shading and of the edges, of 255: traces are seen through both."""
FAR = 1000.0
"""Height that reaches beyond all rows."""


class Shaded(NamedTuple):
    """A frame set as it is drawn: its colour, and its segments in the unit of the time axis."""

    colour: str
    spans: Spans


class Edge(NamedTuple):
    """The start (0) or stop (1) of a segment of a frame set."""

    name: str
    segment: int
    end: int


class TimeView(pg.ViewBox):
    """A view in which dragging edits frame sets; with Shift or the middle button it pans, and the wheel zooms."""

    dragged = Signal(object)
    hovered = Signal(object)

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Leave a plain drag to the frame sets."""
        shifted = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if event.button() == Qt.MouseButton.LeftButton and not shifted and axis is None:
            event.accept()
            self.dragged.emit(event)
        else:
            super().mouseDragEvent(event, axis)

    def hoverEvent(self, event: Any) -> None:
        """Report where the mouse is; None when it has left."""
        self.hovered.emit(None if event.isExit() else self.mapToView(event.pos()).x())


class SegmentLayer(QObject):
    """The frame sets of a plot: three items for each, however many segments it has.

    Parameters
    ----------
    plot : PlotWidget
        Its view is a :class:`TimeView`.
    depth : float
        Z value of the edges, which lie above the shading.
    """

    moved = Signal(str, list)
    """A frame set and its segments, after one of its edges was dragged."""
    drawn = Signal(float, float)
    """Start and stop of a segment that was drawn."""
    held = Signal(float)
    """A place to which the mouse went that took hold of the cursor."""

    def __init__(self, plot: Any, depth: float) -> None:
        super().__init__(plot)
        self._plot, self._view, self._depth = plot, plot.getViewBox(), depth
        self._sets: dict[str, Shaded] = {}
        self._items: dict[str, tuple[Any, Any]] = {}
        self._new = self._shade("#888888")
        self._active = ""
        self._hold: Edge | float | None = None
        self._spans: list[tuple[float, float]] = []
        self.floor = -FAR
        """Height from which segments are shaded."""
        self.cursor = 0.0
        self.end = 1.0
        self.snaps: NDArray[Any] = np.zeros(0)
        """Places at which an edge snaps."""
        self._view.dragged.connect(self._dragged)
        self._view.hovered.connect(self._hovered)

    def show_sets(self, sets: Mapping[str, Shaded], active: str) -> None:
        """Replace the frame sets; new segments are drawn in the colour of the `active` one."""
        for name in [name for name in self._items if name not in sets]:
            for item in self._items.pop(name):
                self._plot.removeItem(item)
        self._sets, self._active = dict(sets), active
        for name in sets:
            self._draw(name, self._sets[name].spans)

    def edge_at(self, x: float) -> Edge | None:
        """Return the edge nearest to a place, within reach of the mouse; those of the active frame set go first."""
        best, near = None, NEAR * self._pixel()
        for name in sorted(self._sets, key=lambda name: name != self._active):
            ends = np.array(self._sets[name].spans, dtype=float).reshape(-1)
            if len(ends):
                i = int(np.argmin(np.abs(ends - x)))
                if abs(ends[i] - x) < near:
                    best, near = Edge(name, i // 2, i % 2), float(abs(ends[i] - x))
        return best

    def segment_at(self, x: float) -> str | None:
        """Return the frame set that has a segment at a place, the active one first."""
        for name in sorted(self._sets, key=lambda name: name != self._active):
            if any(start <= x < stop for start, stop in self._sets[name].spans):
                return name
        return None

    def _pixel(self) -> float:
        """Width of a pixel on the time axis."""
        return float(self._view.viewPixelSize()[0])

    def _hovered(self, x: float | None) -> None:
        over = x is not None and (self.edge_at(x) is not None or abs(x - self.cursor) < NEAR * self._pixel())
        self._view.setCursor(Qt.CursorShape.SizeHorCursor if over else Qt.CursorShape.ArrowCursor)

    def _dragged(self, event: Any) -> None:
        """Take hold of an edge, of the cursor, or of empty space, and follow the mouse."""
        began, x = (float(self._view.mapSceneToView(at).x()) for at in (event.buttonDownScenePos(), event.scenePos()))
        if event.isStart():
            self._hold = self.edge_at(began)
            if self._hold is None:
                self._hold = self._snap(began) if abs(began - self.cursor) > NEAR * self._pixel() else np.nan
        if isinstance(self._hold, Edge):
            self._move(self._hold, self._snap(x), done=event.isFinish())
        elif self._hold is not None and np.isnan(self._hold):
            self.held.emit(x)
        elif self._hold is not None:
            self._stretch(self._hold, self._snap(x), done=event.isFinish())
        if event.isFinish():
            self._hold = None

    def _move(self, edge: Edge, x: float, *, done: bool) -> None:
        """Put an edge at a place, short of the other edge of its segment."""
        spans = list(self._sets[edge.name].spans)
        start, stop = spans[edge.segment]
        spans[edge.segment] = (min(x, stop), stop) if edge.end == 0 else (start, max(x, start))
        self._draw(edge.name, spans)
        if done:
            self.moved.emit(edge.name, spans)

    def _stretch(self, start: float, stop: float, *, done: bool) -> None:
        """Show the segment that is being drawn."""
        span = min(start, stop), max(start, stop)
        if self._active in self._sets:
            self._new.setOpts(brush=_faint(self._sets[self._active].colour))
        _place(self._new, [] if done else [span], self.floor)
        if done and span[0] < span[1]:
            self.drawn.emit(*span)

    def _snap(self, x: float) -> float:
        """Move a place within the recording, and to one at which edges snap if that is near."""
        x = min(max(x, 0.0), self.end)
        if len(self.snaps):
            nearest = float(self.snaps[np.argmin(np.abs(self.snaps - x))])
            if abs(nearest - x) < NEAR * self._pixel():
                return nearest
        return x

    def _draw(self, name: str, spans: Spans) -> None:
        """Draw the segments of a frame set."""
        colour = self._sets[name].colour
        if name not in self._items:
            edges = pg.PlotCurveItem(connect="pairs")
            edges.setZValue(self._depth)
            self._plot.addItem(edges, ignoreBounds=True)
            self._items[name] = self._shade(colour), edges
        shade, edges = self._items[name]
        shade.setOpts(brush=_faint(colour))
        edges.setPen(pg.mkPen(_faint(colour, EDGE), width=1))
        _place(shade, spans, self.floor)
        ends = np.repeat(np.array(spans, dtype=float).reshape(-1), 2)
        edges.setData(ends, np.tile([-FAR, FAR], len(ends) // 2))

    def _shade(self, colour: str) -> Any:
        """Add an item for shaded segments, below the rows."""
        shade = pg.BarGraphItem(x0=[], x1=[], y0=[], y1=[], pen=None, brush=_faint(colour))
        shade.setZValue(-1)
        self._plot.addItem(shade, ignoreBounds=True)
        return shade


def _faint(colour: str, alpha: int = SHADE) -> Any:
    faint = pg.mkColor(colour)
    faint.setAlpha(alpha)
    return faint


def _place(shade: Any, spans: ArrayLike, floor: float) -> None:
    starts, stops = np.array(spans, dtype=float).reshape(-1, 2).T
    shade.setOpts(x0=starts, x1=stops, y0=np.full(len(starts), floor), y1=np.full(len(starts), FAR))
