"""Where a dock is found, and opened when it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.widgets.parts.panel import Panel

P = TypeVar("P", bound="Panel")

__all__ = ["dock_key", "show_dock"]


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
