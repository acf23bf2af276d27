"""The command that sets up the workspace, and the sample recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMainWindow

from napari_varae.widgets.compare import ComparePanel
from napari_varae.widgets.look import LookPanel
from napari_varae.widgets.movie import MoviePanel
from napari_varae.widgets.panel import Panel
from napari_varae.widgets.time import TimePanel
from napari_varae.widgets.train import TrainPanel

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["open_workspace"]

DOCKS: dict[str, tuple[type[Panel], str]] = {
    "Movie": (MoviePanel, "right"),
    "Train": (TrainPanel, "right"),
    "Look": (LookPanel, "right"),
    "Compare": (ComparePanel, "right"),
    "Time": (TimePanel, "bottom"),
}


TIME_HEIGHT, RIGHT_WIDTH = 280, 430
"""Pixels that the docks ask for."""


def open_workspace(viewer: Viewer) -> dict[str, Any]:
    """Place the docks: Movie, Train, Look and Compare as tabs on the right, Time at the bottom.

    Docks that are open already stay. Returns the panels by name.
    """
    window, opened = viewer.window, False
    for name, (panel, area) in DOCKS.items():
        if name not in window.dock_widgets:
            window.add_dock_widget(panel(viewer), name=name, area=area, tabify=opened and area == "right")
        opened = opened or area == "right"
    panels = {name: window.dock_widgets[name] for name in DOCKS}
    docks = {name: panel.parentWidget() for name, panel in panels.items()}
    main = docks["Time"].parentWidget()
    if isinstance(main, QMainWindow):  # not while a dock floats
        main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        main.resizeDocks([docks["Time"]], [TIME_HEIGHT], Qt.Orientation.Vertical)
        main.resizeDocks([docks["Movie"]], [RIGHT_WIDTH], Qt.Orientation.Horizontal)
    docks["Movie"].show()
    docks["Movie"].raise_()
    return panels
