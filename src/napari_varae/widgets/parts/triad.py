"""Three named axes in the corner of a plot that is seen from an angle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF
from qtpy.QtGui import QColor, QFont, QPainter, QPen

__all__ = ["Triad"]

LENGTH, MARGIN, WIDTH = 36.0, 22.0, 150.0
"""Pixels of the longest axis, around the axes, and of their names."""
LETTERS = 18
"""Letters of a name; longer ones are cut."""


class Triad(pg.GraphicsObject):
    """Axes of a plot in three dimensions, as lines from a point, each with its name at the end.

    They lie in the lower left corner of a view, in pixels, and turn with what is shown.
    """

    def __init__(self, view: pg.ViewBox) -> None:
        super().__init__(view)
        self._view = view
        self.ends = np.zeros((0, 2))
        """Where the axes end, shape (3, 2): pixels to the right of where they start, and down."""
        self.names: tuple[str, ...] = ()
        self._pen = QPen(QColor("gray"))
        self.setZValue(20)
        view.sigResized.connect(self._place)
        view.sigRangeChanged.connect(self._place)
        self._directions = np.zeros((0, 2))

    def show_axes(self, directions: NDArray[np.float64], names: Sequence[str]) -> None:
        """Draw axes of these directions to the right and up, shape (3, 2); none when there are none."""
        self._directions = directions
        self.names = tuple(name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…" for name in names)
        self.setVisible(len(directions) > 0)
        self._place()

    def restyle(self, colour: str) -> None:
        """Take the colour of texts."""
        self._pen = QPen(QColor(colour), 1.5)
        self.update()

    def boundingRect(self) -> QRectF:
        """Return what may be painted on."""
        return QRectF(-MARGIN - LENGTH, -LENGTH - MARGIN, 2 * (MARGIN + LENGTH) + WIDTH, 2 * (LENGTH + MARGIN))

    def paint(self, painter: QPainter, *_options: Any) -> None:
        """Draw lines and names."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._pen)
        font = QFont(painter.font())
        font.setPointSize(8)
        painter.setFont(font)
        for (x, y), name in zip(self.ends.tolist(), self.names, strict=True):
            painter.drawLine(QPointF(0, 0), QPointF(x, y))
            painter.drawText(QPointF(x + 4, y + 4 if abs(y) < abs(x) else y + (12 if y > 0 else -3)), name)

    def _place(self, *_news: Any) -> None:
        """Give the axes their lengths in pixels, and their corner."""
        self.prepareGeometryChange()
        along = self._directions / np.array(self._view.viewPixelSize()) * (1, -1)
        longest = float(np.linalg.norm(along, axis=1).max(initial=0))
        self.ends = LENGTH * along / longest if longest else along
        left, below = -float(self.ends[:, 0].min(initial=0)), float(self.ends[:, 1].max(initial=0))
        self.setPos(MARGIN + left, self._view.height() - MARGIN - below)
        self.update()
