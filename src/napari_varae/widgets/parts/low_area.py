"""A scroll area for what a small screen leaves little height."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget

__all__ = ["LowArea"]

LOWEST = 90
"""Pixels that the dock can be low: napari's controls of a Labels layer leave little more on a small screen."""


class LowArea(QScrollArea):
    """As wide as what is in it, which scrolls on a low screen rather than be squeezed."""

    def __init__(self, inside: QWidget, lowest: int = LOWEST) -> None:
        super().__init__()
        self._lowest = lowest
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(inside)

    def minimumSizeHint(self) -> QSize:
        """Return the width of what is in it with a bar beside it, and a low height."""
        bar = self.verticalScrollBar().sizeHint().width()
        frame = self.rect().width() - self.contentsRect().width()  # napari's style gives every area one
        return QSize(self.widget().minimumSizeHint().width() + bar + frame, self._lowest)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow what is in it when that becomes wider or narrower."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))
