"""One draw of a window for all that changes at about the same time.

A window with an OpenGL canvas is composed as a whole whenever any part of it is drawn. Qt draws it once for each plot
that changed, and again for each layout that followed: one step of a slider would cost four draws.
"""

from __future__ import annotations

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget

__all__ = ["draw_once"]

WAIT_MS = 8
"""How long a draw waits for more to come: half a frame of a usual screen, which nobody sees."""


class _OneDraw(QObject):
    """Holds the draws of a window back until all that belongs together has changed."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._due = False
        self._wait = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._wait.timeout.connect(self._draw)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Note that a draw is wanted, and let none through but our own."""
        if event is None or event.type() != QEvent.Type.UpdateRequest or self._due:
            return bool(super().eventFilter(watched, event))
        if not self._wait.isActive():  # not put off again: what changes all the time is drawn, too
            self._wait.start()
        return True

    def _draw(self) -> None:
        self._due = True
        try:
            QCoreApplication.sendEvent(self.parent(), QEvent(QEvent.Type.UpdateRequest))
        finally:
            self._due = False


def draw_once(window: QWidget) -> None:
    """Combine draws of a window that follow each other closely; a second call does nothing."""
    if not any(isinstance(child, _OneDraw) for child in window.children()):  # not of what is inside it
        _OneDraw(window)
