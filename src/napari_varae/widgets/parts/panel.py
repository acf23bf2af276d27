"""What every dock has in common: the state strip, the scroll area, the links to session and viewer, a clean end."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from napari_varae.session.session import session_of
from napari_varae.viewer.preferences import preferred
from napari_varae.viewer.synchronise import follow
from napari_varae.widgets.parts.docks import join_tabs
from napari_varae.widgets.parts.keeper import keeper_of
from napari_varae.widgets.parts.one_draw import draw_once
from napari_varae.widgets.parts.state_strip import StateStrip
from napari_varae.widgets.parts.text import literal

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.widgets.parts.forms import SettingsForm
    from napari_varae.widgets.parts.plots import Plot

__all__ = ["Panel", "allow", "button", "narrow_choice", "outermost", "row", "small_button"]

MARGIN, SLIM, LEAST_WIDTH = 8, 2, 400
"""Pixels around the content of a dock, above and below that of a low one, and that its widest row needs."""


class Panel(QWidget):
    """A dock of one viewer. Panels show the session and call its methods; they do not know each other.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer in which it is docked.
    """

    scrolls: ClassVar[bool] = True
    dock: ClassVar[str] = ""
    """Name of the dock, as the menu has it."""
    kinds: ClassVar[dict[str, type[Panel]]] = {}
    """The panels that were imported, by the names of their docks."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer = getattr(
            viewer, "__wrapped__", viewer
        )  # plugins are handed a proxy; it would wrap docks too
        self.session = session_of(viewer)
        self.plots: list[Plot] = []
        self._links: list[tuple[Any, Callable[..., Any]]] = []
        self._dock: weakref.ref[QDockWidget] | None = None
        self._covered = False
        self._late: dict[Callable[[], Any], None] = {}
        """What to show once another tab no longer covers the dock."""
        follow(viewer, self.session)
        self._placed = False
        self._keeper = keeper_of(self.session)

        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        content = QWidget()
        self.body = QVBoxLayout(content)
        edge = MARGIN if self.scrolls else SLIM
        self.body.setContentsMargins(MARGIN, edge, MARGIN, edge)
        self.body.setSpacing(6)
        if self.scrolls:
            outer.addWidget(StateStrip(self, MARGIN))
            self._area = area = QScrollArea()
            area.setWidgetResizable(True)
            area.setFrameShape(QFrame.Shape.NoFrame)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setWidget(content)
            outer.addWidget(area)
            self.setMinimumWidth(LEAST_WIDTH)
        else:
            outer.addWidget(content)
        self.listen(viewer.events.theme, self.restyle)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.kinds[cls.dock] = cls

    def tools(self) -> tuple[QWidget, ...]:
        """Return what stands beside the '?' of the dock."""
        return ()

    def listen(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a signal of the session or the viewer until the panel ends."""
        signal.connect(slot)
        self._links.append((signal, slot))

    def mirror(self, signal: Any, show: Callable[[], Any]) -> None:
        """Connect a signal to what only changes how the dock looks: while a tab covers it, nothing is done."""
        panel, method = weakref.ref(self), weakref.WeakMethod(show)  # a session must not keep its window alive

        def changed(*_news: Any) -> None:
            known, act = panel(), method()
            if known is not None and act is not None:
                known.show_now_or_later(act)

        self.listen(signal, changed)

    def show_now_or_later(self, show: Callable[[], Any]) -> None:
        """Do what changes how the dock looks, once it is in view."""
        if self._covered and self.isVisible():  # to Qt, a covered dock is visible
            self._late[show] = None
        else:
            show()

    def keep_settings(self, form: SettingsForm[Any]) -> None:
        """Start a form as its dock was before it was closed, or with the Preferences, and remember what is set."""
        name = form.model.__name__
        form.set_value(self.session.settings.get(name) or preferred(form.model))

        def remember() -> None:
            with suppress(ValueError):  # half typed
                self.session.settings[name] = form.value()

        form.changed.connect(remember)

    def bring_up(self, widget: QWidget) -> None:
        """Scroll until a widget is at the top of the dock, with what stands below it."""
        self._top = widget
        QTimer.singleShot(0, self._scroll)  # once the layout has followed

    def _scroll(self) -> None:
        top = self._top.mapTo(self._area.widget(), self._top.rect().topLeft()).y()
        self._area.verticalScrollBar().setValue(top - MARGIN)

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
        if event.type() == QEvent.Type.Show:
            window = outermost(self)
            self._keeper.watch(window)
            draw_once(window)
            self._watch_dock()
            self._pass_wheel()
            QTimer.singleShot(0, self._join_tabs)  # once it has its place
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.retire()
            self.deleteLater()
        return handled

    def _watch_dock(self) -> None:
        """Know whether another tab covers the dock."""
        dock = self.parentWidget()
        if isinstance(dock, QDockWidget) and (self._dock is None or self._dock() is not dock):
            self._dock = weakref.ref(dock)
            dock.visibilityChanged.connect(self._seen)

    def _seen(self, in_view: bool) -> None:
        """Catch up with what changed while the dock was covered."""
        self._covered = not in_view
        if in_view:
            late, self._late = self._late, {}
            for show in late:
                show()

    def _pass_wheel(self) -> None:
        """Let the wheel scroll the dock, not a table or a drop-down that the pointer happens to be over."""
        for inner in (
            *self.findChildren(QComboBox),
            *(view.viewport() for view in self.findChildren(QAbstractItemView)),
        ):
            inner.removeEventFilter(self)
            inner.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Pass on the wheel over what does not have the focus."""
        if event is not None and event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget):
            view = watched.parentWidget() if isinstance(watched.parentWidget(), QAbstractItemView) else watched
            if self.scrolls and not view.hasFocus() and view.window() is self.window():  # not of an open drop-down
                event.ignore()
                return True
        return bool(super().eventFilter(watched, event))

    def _join_tabs(self) -> None:
        """Join the tabs of the other docks, the first time that it is shown; then the user may place it anywhere."""
        if not self._placed:
            self._placed = join_tabs(self, Panel)

    def retire(self) -> None:
        """Let go of the session and the viewer."""
        self._late.clear()
        while self._links:
            signal, slot = self._links.pop()
            signal.disconnect(slot)


def outermost(widget: QWidget) -> QWidget:
    """Return the outermost parent; `window()` would stop at a floating dock."""
    while (parent := widget.parentWidget()) is not None:
        widget = parent
    return widget


def button(text: str, slot: Callable[[], Any], tip: str = "") -> QPushButton:
    """Make a button."""
    made = QPushButton(text)
    made.setToolTip(literal(tip))
    made.clicked.connect(lambda _checked: slot())
    return made


def allow(widget: QWidget, why_not: str) -> None:
    """Enable a widget, or disable it and give the reason as its tooltip until it is enabled again."""
    if widget.property("why_not") is None:
        widget.setProperty("tip", widget.toolTip())
    widget.setProperty("why_not", why_not)
    widget.setEnabled(not why_not)
    widget.setToolTip(literal(why_not) or widget.property("tip"))


def small_button(text: str, slot: Callable[[], Any], tip: str = "") -> QPushButton:
    """Make a button as narrow as its text."""
    made = button(text, slot, tip)
    made.setStyleSheet("padding: 2px 4px; margin: 0")
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys with the movie
    return made


def narrow_choice() -> QComboBox:
    """Make a drop-down that long names do not widen."""
    box = QComboBox()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
    return box


def row(*widgets: QWidget | str, stretch: int | None = None) -> QHBoxLayout:
    """Put widgets side by side; texts become labels. One widget takes the free space, or all that are not texts."""
    layout = QHBoxLayout()
    layout.setSpacing(6)
    for i, widget in enumerate(widgets):
        if isinstance(widget, str):
            layout.addWidget(QLabel(widget))
        else:
            layout.addWidget(widget, int(stretch is None or i == stretch))
    return layout
