"""Where a dock is found, and opened when it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QTabBar

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.widgets.parts.panel import Panel

P = TypeVar("P", bound="Panel")

__all__ = ["dock_key", "join_tabs", "narrow_tabs", "show_dock"]

TABS = "QTabBar::tab { padding: 3px 4px; margin: 0 1px; min-width: 0; }"
"""Style with which the names of all docks can be read at the width of one."""


def dock_key(name: str) -> str:
    """Give the name under which napari's Plugins menu keeps a dock, so that the menu also finds those that we open."""
    return f"{name} (VARAE)"


def show_dock(viewer: Viewer, kind: type[P]) -> P:
    """Bring a dock to the front and return its panel; open it when it is closed."""
    window = viewer.window
    found = next((widget for widget in window.dock_widgets.values() if isinstance(widget, kind)), None)
    if found is None:
        found = kind(viewer)
        window.add_dock_widget(found, name=dock_key(kind.dock), area="right", tabify=True)
    dock = found.parentWidget()
    dock.setWindowTitle(kind.dock)  # short enough for a tab
    dock.show()
    dock.raise_()
    return found


def join_tabs(panel: Panel, kind: type[Panel]) -> bool:
    """Put a dock that napari's menu has opened below the others on the right as a tab beside those of its `kind`.

    Returns whether the panel has its place in a window.
    """
    dock = panel.parentWidget()
    main = None if dock is None else dock.parentWidget()
    if not isinstance(dock, QDockWidget) or not isinstance(main, QMainWindow) or dock.isFloating():
        return False
    dock.setWindowTitle(panel.dock)  # short enough for a tab
    right = Qt.DockWidgetArea.RightDockWidgetArea
    if main.dockWidgetArea(dock) != right or main.tabifiedDockWidgets(dock):
        return True
    others = [other.parentWidget() for other in main.findChildren(kind) if other is not panel]
    beside = [other for other in others if isinstance(other, QDockWidget) and main.dockWidgetArea(other) == right]
    beside = [other for other in beside if not other.isFloating() and not other.isHidden()]
    if beside:
        main.tabifyDockWidget(beside[-1], dock)
        dock.raise_()
        narrow_tabs(main)
    return True


def narrow_tabs(main: QMainWindow) -> None:
    """Make the tabs of docks as narrow as their names."""
    for tabs in main.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
        tabs.setStyleSheet(TABS)
