"""The command that sets up the workspace, and the sample recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QAbstractItemView, QDockWidget, QMainWindow, QWidget

from napari_varae.widgets.jobs.responsiveness import without_collection
from napari_varae.widgets.panels.behaviour import BehaviourPanel
from napari_varae.widgets.panels.cells import CellsPanel
from napari_varae.widgets.panels.compare import ComparePanel
from napari_varae.widgets.panels.links import LinksPanel
from napari_varae.widgets.panels.look import LookPanel
from napari_varae.widgets.panels.movie import MoviePanel
from napari_varae.widgets.panels.time import TimePanel
from napari_varae.widgets.panels.train import TrainPanel
from napari_varae.widgets.panels.trajectory import TrajectoryPanel
from napari_varae.widgets.parts.docks import dock_key, narrow_tabs
from napari_varae.widgets.parts.low_area import LowArea
from napari_varae.widgets.parts.panel import Panel

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["AllDocks", "open_workspace"]

DOCKS: dict[str, tuple[type[Panel], str]] = {
    "Movie": (MoviePanel, "right"),
    "Cells": (CellsPanel, "right"),
    "Behaviour": (BehaviourPanel, "right"),
    "Train": (TrainPanel, "right"),
    "Look": (LookPanel, "right"),
    "Links": (LinksPanel, "right"),
    "Trajectory": (TrajectoryPanel, "right"),
    "Compare": (ComparePanel, "right"),
    "Time": (TimePanel, "bottom"),
}


RIGHT = [name for name, (_, area) in DOCKS.items() if area == "right"]
TIME_HEIGHT, RIGHT_WIDTH = 280, 430
"""Pixels that the docks ask for."""
LOW_SCREEN = 0.32
"""Share of the window that the Time dock asks for at most."""
LEAST_LIST, LEAST_CONTROLS = 28, 130
"""Pixels below which napari's list of layers (one layer) and its controls do not shrink."""
CONTROLS = 370
"""Pixels that napari's controls of any kind of layer have where there is room."""


def open_workspace(viewer: Viewer) -> dict[str, Any]:
    """Place the docks: all as tabs on the right, but for Time, at the bottom.

    Docks that are open already stay. Returns the panels by name.
    """
    window, panels = viewer.window, _open_panels(viewer)
    with without_collection():
        for name, (panel, area) in DOCKS.items():
            if name not in panels:
                beside = area == "right" and not panels.keys().isdisjoint(RIGHT)
                window.add_dock_widget(panel(viewer), name=dock_key(name), area=area, tabify=beside)
                panels[name] = window.dock_widgets[dock_key(name)]
    docks = {name: panel.parentWidget() for name, panel in panels.items()}
    for name, dock in docks.items():
        dock.setWindowTitle(name)  # short enough for a tab, also when it was opened from the menu
    main = docks["Time"].parentWidget()
    if isinstance(main, QMainWindow):  # not while a dock floats
        main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        narrow_tabs(main)
        _let_layers_shrink(main)
        height = min(TIME_HEIGHT, round(LOW_SCREEN * main.height()))
        main.resizeDocks([docks["Time"]], [height], Qt.Orientation.Vertical)
        layers = [dock for title in ("layer controls", "layer list") for dock in main.findChildren(QDockWidget)
                  if dock.windowTitle() == title]  # fmt: skip
        if len(layers) == 2:
            main.resizeDocks(layers, [CONTROLS, max(main.height() - height - CONTROLS, 1)], Qt.Orientation.Vertical)
        main.resizeDocks([docks["Movie"]], [RIGHT_WIDTH], Qt.Orientation.Horizontal)
    docks["Movie"].show()
    docks["Movie"].raise_()
    return {name: panels[name] for name in DOCKS}


def _let_layers_shrink(main: QMainWindow) -> None:
    """Let napari's list of layers and their controls, tall for Labels, give way to the Time dock on a low screen."""
    for dock in main.findChildren(QDockWidget):
        inside = dock.widget()
        if dock.windowTitle() == "layer list":
            for view in dock.findChildren(QAbstractItemView):
                view.setMinimumHeight(LEAST_LIST)
            dock.setMinimumHeight(0)  # napari sets that of its content as it was
        elif dock.windowTitle() == "layer controls" and not isinstance(inside, LowArea):
            area = LowArea(inside, LEAST_CONTROLS)
            dock.setWidget(area)
            dock.setMinimumHeight(0)


def _open_panels(viewer: Viewer) -> dict[str, Any]:
    """Return the panels that are open, however they were opened."""
    widgets = list(viewer.window.dock_widgets.values())
    found = {name: [w for w in widgets if isinstance(w, panel)] for name, (panel, _) in DOCKS.items()}
    return {name: widgets[0] for name, widgets in found.items() if widgets}


class AllDocks(QWidget):
    """What `napari -w napari-varae` and the menu entry 'All docks' open: it makes room for the docks and is gone."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)  # plugins are handed a proxy
        QTimer.singleShot(0, self._give_way)  # once this one has its place

    def _give_way(self) -> None:
        self._viewer.window.remove_dock_widget(self)
        open_workspace(self._viewer)
        self.deleteLater()
