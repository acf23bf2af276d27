"""What every dock has in common: the state strip, the scroll area, the links to session and viewer, a clean end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from napari.utils.notifications import show_error
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_varae.errors import TrainingError
from napari_varae.session.session import session_of
from napari_varae.viewer.follow import follow

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.widgets.parts.plots import Plot

__all__ = ["Panel", "button", "heading", "in_words", "note", "row"]

MARGIN = 8


@contextmanager
def in_words() -> Iterator[None]:
    """Turn an error that a user may meet into a notification; what was there before stays."""
    try:
        yield
    except (ValueError, TypeError, OSError, TrainingError) as error:
        show_error(str(error))


class Panel(QWidget):
    """A dock of one viewer. Panels show the session and send it wishes; they do not know each other.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer in which it is docked.
    """

    retired = Signal()
    """The dock was closed: the panel ends with it."""

    scrolls: ClassVar[bool] = True

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer = getattr(
            viewer, "__wrapped__", viewer
        )  # plugins are handed a proxy; it would wrap docks too
        self.session = session_of(viewer)
        self.plots: list[Plot] = []
        self._links: list[tuple[Any, Callable[..., Any]]] = []
        follow(viewer, self.session)

        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        content = QWidget()
        self.body = QVBoxLayout(content)
        self.body.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        self.body.setSpacing(6)
        if self.scrolls:
            outer.addWidget(_StateStrip(self))
            area = QScrollArea()
            area.setWidgetResizable(True)
            area.setFrameShape(QFrame.Shape.NoFrame)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setWidget(content)
            outer.addWidget(area)
            self.setMinimumWidth(330)
        else:
            outer.addWidget(content)
        self.listen(viewer.events.theme, self.restyle)

    def listen(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a signal of the session or the viewer until the panel ends."""
        signal.connect(slot)
        self._links.append((signal, slot))

    def add_plot(self, plot: Plot) -> None:
        """Keep a plot in the colours of the theme."""
        self.plots.append(plot)
        plot.restyle(get_theme(self.viewer.theme))

    def restyle(self, _event: Any = None) -> None:
        """Follow napari's theme."""
        for plot in self.plots:
            plot.restyle(get_theme(self.viewer.theme))

    def event(self, event: QEvent) -> bool:
        """End the panel when its dock is closed: napari then takes the widget out and forgets it."""
        handled = bool(super().event(event))
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.retire()
            self.deleteLater()
        return handled

    def retire(self) -> None:
        """Let go of the session and the viewer."""
        while self._links:
            signal, slot = self._links.pop()
            signal.disconnect(slot)
        self.retired.emit()


class _StateStrip(QFrame):
    """Lines at the top of a dock: movie, model, device and why that device, and a caution when there is one."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._session = panel.session
        layout = QGridLayout(self)
        layout.setContentsMargins(MARGIN, 6, MARGIN, 6)
        layout.setHorizontalSpacing(8)
        layout.setVerticalSpacing(1)
        layout.setColumnStretch(1, 1)
        self._lines: list[QLabel] = []
        for i, name in enumerate(("Movie", "Model", "Device")):
            title, line = QLabel(f"<b>{name}</b>"), QElidingLabel()
            layout.addWidget(title, i, 0)
            layout.addWidget(line, i, 1)
            self._lines.append(line)
        self._caution = note()
        self._caution.setObjectName("caution")
        self._caution.setTextFormat(Qt.TextFormat.PlainText)
        self._caution.setStyleSheet("background: #f5c542; color: black; padding: 4px; border-radius: 3px;")
        layout.addWidget(self._caution, 3, 0, 1, 2)
        for signal in (self._session.movie_changed, self._session.fit_changed, self._session.device_changed):
            panel.listen(signal, self._show)
        self._show()

    def _show(self) -> None:
        texts = (self._session.movie_text, self._session.model_text, self._session.device)
        for line, text in zip(self._lines, texts, strict=True):
            line.setText(text)
            line.setToolTip(text)
        self._caution.setText(f"⚠ {self._session.caution}")
        self._caution.setVisible(self._session.caution is not None)


def heading(text: str) -> QLabel:
    """Make the title of a section."""
    label = QLabel(f"<b>{text}</b>")
    label.setContentsMargins(0, 6, 0, 0)
    return label


def note(text: str = "") -> QLabel:
    """Make a text that wraps and can be copied."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def button(text: str, slot: Callable[[], Any], tip: str = "") -> QPushButton:
    """Make a button."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.clicked.connect(lambda _checked: slot())
    return made


def row(*widgets: QWidget | str, stretch: int | None = None) -> QHBoxLayout:
    """Put widgets side by side; texts become labels. One widget takes the free space, or all that are no text."""
    layout = QHBoxLayout()
    layout.setSpacing(6)
    for i, widget in enumerate(widgets):
        if isinstance(widget, str):
            layout.addWidget(QLabel(widget))
        else:
            layout.addWidget(widget, int(stretch is None or i == stretch))
    return layout
