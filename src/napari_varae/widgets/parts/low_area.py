"""A scroll area for a dock at the bottom of the window, where a small screen leaves little height."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget

__all__ = ["LowArea"]

LOWEST = 90
"""Pixels that the dock can be low: napari's controls of a Labels layer leave little more on a small screen."""


class LowArea(QScrollArea):
    """As wide as what is in it, which scrolls on a low screen rather than be squeezed."""

    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(inside)

    def minimumSizeHint(self) -> QSize:
        """Return the width of what is in it with a bar beside it, and a low height."""
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self.widget().minimumSizeHint().width() + bar, LOWEST)
