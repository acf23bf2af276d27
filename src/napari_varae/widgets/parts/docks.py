"""Where a dock is found by its name, and opened when it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["PLUGIN", "dock_key", "show_dock"]

PLUGIN = "napari-varae"


def dock_key(name: str) -> str:
    """Give the name under which napari keeps a dock that comes from its Plugins menu; the menu then finds ours, too."""
    return f"{name} (VARAE)"


def show_dock(viewer: Viewer, name: str) -> None:
    """Bring a dock to the front; open it when it is closed."""
    window, key = viewer.window, dock_key(name)
    if key not in window.dock_widgets:
        window.add_plugin_dock_widget(PLUGIN, name, tabify=True)
    dock = window.dock_widgets[key].parentWidget()
    dock.setWindowTitle(name)  # short enough for a tab
    dock.show()
    dock.raise_()
