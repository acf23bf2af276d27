"""The trajectory of the latents in two or three dimensions, which can be turned, clicked and lassoed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QColor

from napari_varae.figures.trajectory import plane, project
from napari_varae.widgets.parts.plots import CURSOR_COLOUR, Plot, keep_drawn
from napari_varae.widgets.parts.triad import Triad

if TYPE_CHECKING:
    from napari.utils.theme import Theme

__all__ = ["TrajectoryPlot"]

MOST_POINTS = 4000
"""Points that are drawn; more would be no clearer, only slower."""
TURN = 0.01
"""Radians that the trajectory turns for each pixel of a drag."""
NEAR = 12
"""Pixels from a point within which the mouse names its frame."""
FAINT = (128, 128, 128, 45)


HERE = pg.mkPen(CURSOR_COLOUR, width=3)
ELSEWHERE = pg.mkPen(CURSOR_COLOUR, width=2, style=Qt.PenStyle.DotLine)
"""The ring around the current frame, and around one that is not among those that are drawn."""


class TrajectoryView(pg.ViewBox):
    """A view whose plain drags are handed over while something else than panning is to be done with them."""

    dragged = Signal(object)
    takes_drags = False

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Hand a plain drag over, or pan."""
        shifted = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if self.takes_drags and event.button() == Qt.MouseButton.LeftButton and not shifted:
            event.accept()
            self.dragged.emit(event)
        else:
            super().mouseDragEvent(event, axis)


class TrajectoryPlot(Plot):
    """Latents against each other, one point a frame, with the current frame marked."""

    sought = Signal(int)
    lassoed = Signal(object)
    """Mask (T,) of the frames within the lasso."""
    pointed = Signal(int)
    """The frame under the mouse, -1 for none."""
    turned = Signal(object)
    """The angles (azimuth, elevation) after the trajectory was turned."""

    def __init__(self) -> None:
        super().__init__("", "", interactive=True, height=200, view=TrajectoryView())
        self._values = np.zeros((0, 2))
        self._points = np.zeros((0, 2))
        self._everywhere = self._points
        """Points of all frames, also of those that are not drawn."""
        self.title = ""
        self._triad = Triad(self.getViewBox())
        self._shown = np.zeros(0, dtype=np.int64)
        self._only: NDArray[np.bool_] | None = None
        self._brushes: list[Any] = []
        self._names: tuple[str, ...] = ("", "")
        self._colour = "gray"
        self.angles = (0.6, 0.4)
        self._line = self.plot(pen=pg.mkPen(FAINT), connect="finite")
        self._dots = pg.ScatterPlotItem(size=4, pen=None, pxMode=True)
        self._here = pg.ScatterPlotItem(size=13, pen=HERE, brush=None)
        self._lasso = self.plot(pen=pg.mkPen(CURSOR_COLOUR, width=2, style=Qt.PenStyle.DashLine))
        self._corners: list[tuple[float, float]] = []
        self._lassos = False
        self._frame = 0
        self.addItem(self._dots)
        for drawn in (self._line.curve, self._dots):
            keep_drawn(drawn)
        self.addItem(self._here)
        self.scene().sigMouseClicked.connect(self._clicked)
        self.scene().sigMouseMoved.connect(self._hovered)
        self.getViewBox().dragged.connect(self._dragged)

    @property
    def turns(self) -> bool:
        """Whether the trajectory has three dimensions."""
        return self._values.shape[1] == 3

    def show_trajectory(
        self,
        values: NDArray[Any],
        names: Sequence[str],
        colours: Callable[[NDArray[np.int64]], Sequence[QColor]] | None,
        only: NDArray[np.bool_] | None = None,
    ) -> None:
        """Replace the trajectory.

        Parameters
        ----------
        values : array, shape (T, 2) or (T, 3)
            Frames of NaN are left out.
        names : sequence of str
            Names of the axes.
        colours : callable or None
            Gives the colours of some frames: those that are drawn. None draws all points in one colour.
        only : array of bool, shape (T,), optional
            Frames to draw; the axes are those of all frames.
        """
        same = self._values.shape == values.shape and tuple(names) == self._names
        self._values, self._names, self._only = values, tuple(names), only
        known = np.flatnonzero(np.isfinite(values).all(axis=1) & (True if only is None else only))
        self._shown = known[:: -(-len(known) // MOST_POINTS) or 1]
        shown = [QColor(*FAINT)] * len(self._shown) if colours is None else colours(self._shown)
        self._brushes = [pg.mkBrush(colour) for colour in shown]
        self._project()
        for axis, side in zip((0, 1), ("bottom", "left"), strict=True):
            self._labels[side] = "" if self.turns else names[axis]
            self.getAxis(side).setLabel(self._labels[side])
            self.showAxis(side, not self.turns)  # seen from an angle they mean nothing; the triad has the names
        self._allow()
        if not same:
            self._show_all()

    def restyle(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().restyle(theme)
        self._colour = theme.text.as_hex(format="long")
        self._triad.restyle(self._colour)
        self.set_title(self.title)

    def set_title(self, title: str) -> None:
        """Write what is drawn above the plot, or nothing."""
        self.title = title
        self.setTitle(escape(title) or None, size="9pt", color=self._colour)

    def set_lasso(self, on: bool) -> None:
        """Let drags draw a lasso, or turn and pan."""
        self._lassos = on
        self._allow()

    def turn(self, angles: tuple[float, float]) -> None:
        """Turn a trajectory of three dimensions to an azimuth and an elevation, in radians."""
        self.angles = angles
        self._project()

    def set_cursor(self, frame: int) -> None:
        """Mark the point of a frame, with a dotted ring where it is not among those that are drawn."""
        self._frame = frame
        here, drawn = self._everywhere[frame : frame + 1], self._only is None or self._only[frame : frame + 1].all()
        self._here.setData(pos=here[np.isfinite(here).all(axis=1)], pen=HERE if drawn else ELSEWHERE)

    def _allow(self) -> None:
        self.getViewBox().takes_drags = self._lassos or self.turns

    def _show_all(self) -> None:
        """Bring all frames into view, also those that are not drawn."""
        points = project(self._values, self.angles)
        known = points[np.isfinite(points).all(axis=1)]
        if len(known):
            low, high = known.min(axis=0), known.max(axis=0)
            self.setRange(QRectF(*low, *(high - low)), padding=0.05)

    def _project(self) -> None:
        """Place the points on the screen."""
        self._points = self._everywhere = project(self._values, self.angles)
        self._triad.show_axes(plane(self.angles) if self.turns else np.zeros((0, 2)), self._names * self.turns)
        if self._only is not None:
            self._points = np.where(self._only[:, None], self._points, np.nan)
        shown = self._points[self._shown]
        gap = np.diff(self._shown, prepend=self._shown[:1]) > max(2 * len(self._points) // max(len(self._shown), 1), 1)
        line = shown.copy()
        line[gap] = np.nan  # no line leads from one condition to the next
        self._line.setData(line)
        self._dots.setData(pos=shown, brush=self._brushes)
        self.set_cursor(self._frame)

    def _nearest(self, position: Any) -> tuple[int, float]:
        """Return the frame whose point is nearest to a place in the scene, and how far it is, in pixels."""
        if not np.isfinite(self._points).any():
            return -1, np.inf
        view = self.getViewBox()
        at, (width, height) = view.mapSceneToView(position), view.viewPixelSize()
        away = np.hypot((self._points[:, 0] - at.x()) / width, (self._points[:, 1] - at.y()) / height)
        frame = int(np.nanargmin(away))
        return frame, float(away[frame])

    def _clicked(self, event: Any) -> None:
        """Seek to the frame of the point nearest to a click."""
        frame, _ = self._nearest(event.scenePos())
        if event.button() == Qt.MouseButton.LeftButton and frame >= 0:
            self.sought.emit(frame)

    def _hovered(self, position: Any) -> None:
        frame, away = self._nearest(position)
        self.pointed.emit(frame if away < NEAR else -1)

    def _dragged(self, event: Any) -> None:
        if not self._lassos:
            moved = event.pos() - event.lastPos()
            azimuth, elevation = self.angles
            limit = np.pi / 2
            self.turn((azimuth - TURN * moved.x(), float(np.clip(elevation + TURN * moved.y(), -limit, limit))))
            self.turned.emit(self.angles)
            return
        at = self.getViewBox().mapSceneToView(event.scenePos())
        if event.isStart():
            began = self.getViewBox().mapSceneToView(event.buttonDownScenePos())
            self._corners = [(began.x(), began.y())]
        self._corners.append((at.x(), at.y()))
        outline = np.array([*self._corners, self._corners[0]])
        self._lasso.setData(outline)
        if event.isFinish():
            self._lasso.setData([], [])
            self.lassoed.emit(_inside(self._points, outline))


def _inside(points: NDArray[Any], outline: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the points within an outline."""
    from skimage.measure import points_in_poly

    known = np.isfinite(points).all(axis=1)
    inside = np.zeros(len(points), dtype=bool)
    inside[known] = points_in_poly(points[known], outline)
    return inside
