"""Where a dock is found by its name, and opened when it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npe2 import PluginManager

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
        contributions = PluginManager.instance().get_manifest(PLUGIN).contributions.widgets or ()
        panel = next(widget for widget in contributions if widget.display_name == name).get_callable()
        window.add_dock_widget(panel(viewer), name=key, area="right", tabify=True)  # napari would name it otherwise
    dock = window.dock_widgets[key].parentWidget()
    dock.setWindowTitle(name)  # short enough for a tab
    dock.show()
    dock.raise_()
