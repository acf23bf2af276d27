"""The cells as a Labels layer: outlines, with the latents of each cell as features; a click chooses the latent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.utils.colormaps import DirectLabelColormap

from napari_varae.core.experiment.cells import Cells
from napari_varae.figures.colours import CHOSEN_COLOUR, MATCHED_COLOUR, OTHER_COLOUR
from napari_varae.io.cells import open_cells
from napari_varae.session.session import Session
from napari_varae.viewer.grid import shared_grid
from napari_varae.viewer.provenance import KEY, About, forget, ours, register

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

__all__ = ["CELLS", "cell_features", "cell_keywords", "choose_cell", "follow_cells", "show_cells", "take_up_cells"]

CELLS = "cells"
"""Kind of the layer of cells."""
OUTLINE = 1
"""Pixels of an outline."""


def cell_features(cells: Cells, matches: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per label with the cell, its latents, and overlap and share of the first of these.

    Parameters
    ----------
    cells : Cells
    matches : DataFrame, optional
        The table of :func:`~napari_varae.match_cells`.
    """
    rows = []
    for value, cell in zip(cells.label_values, cells.ids, strict=True):
        own = None if matches is None else matches[[found == cell for found in matches["cell"]]]
        if own is None or own.empty:
            rows.append((value, str(cell), "", np.nan, np.nan))
        else:
            own = own.sort_values("overlap", ascending=False)
            best = own.iloc[0]
            rows.append((value, str(cell), ", ".join(map(str, own["latent"])), best["overlap"], best["share"]))
    return pd.DataFrame(rows, columns=["index", "cell", "latents", "overlap", "share"])


def cell_keywords(cells: Cells, name: str = "cells") -> dict[str, Any]:
    """Keywords with which `viewer.add_labels` shows cells, before anything is known of latents."""
    return {
        "name": name,
        "features": cell_features(cells),
        "metadata": {KEY: {"kind": CELLS, "ids": list(cells.ids), "notes": cells.notes}},
    }


def show_cells(viewer: ViewerModel, session: Session) -> Labels | None:
    """Add or update the layer of the cells of the session; remove it when there are none."""
    layer = _layer(viewer)
    if session.cells is None or session.stack is None:
        if layer is not None:
            forget(layer)
            viewer.layers.remove(layer)
        return None
    image = session.cells.labels
    if layer is None:
        chosen = set(viewer.layers.selection)
        layer = viewer.add_labels(image, **cell_keywords(session.cells), **shared_grid(viewer, session.stack, 2))
        _make_ours(viewer, session, layer)
        viewer.layers.selection = chosen  # a layer of labels in front would take clicks for painting
    elif not np.array_equal(layer.data, image):
        layer.data = image
    layer.features = cell_features(session.cells, session.cell_table())
    layer.metadata[KEY] = cell_keywords(session.cells)["metadata"][KEY]
    _colour(layer, session)
    return layer


def take_up_cells(viewer: ViewerModel, session: Session, layer: Labels) -> None:
    """Use the cells of a file that was opened as a layer, when the movie has their size and no cells yet."""
    path = layer.metadata[KEY].get("path")
    if (
        session.stack is None
        or session.cells is not None
        or path is None
        or layer.data.shape != session.stack.shape[1:]
    ):
        return
    cells = open_cells(path, session.stack.shape[1:])
    _make_ours(viewer, session, layer)
    session.use_cells(cells)


def follow_cells(reference: Callable[[], ViewerModel | None], session: Session) -> None:
    """Keep the layer of the cells as the session has them."""

    def shown() -> None:
        viewer = reference()
        if viewer is not None:
            show_cells(viewer, session)

    def chosen() -> None:
        viewer = reference()
        layer = None if viewer is None else _layer(viewer)
        if layer is not None:
            _colour(layer, session)

    session.cells_changed.connect(shown)
    session.fit_changed.connect(shown)
    session.latent_changed.connect(chosen)


def choose_cell(viewer: ViewerModel, session: Session, event: Any) -> bool:
    """Choose the latent of the cell under the mouse."""
    layer = _layer(viewer)
    return layer is not None and layer.visible and _choose(session, layer.get_value(event.position, world=True))


def _make_ours(viewer: ViewerModel, session: Session, layer: Labels) -> None:
    """Register a layer as that of the cells, on the grid of the movie, as outlines."""
    assert session.stack is not None
    for name, value in shared_grid(viewer, session.stack, 2).items():
        setattr(layer, name, value)
    layer.contour, layer.opacity = OUTLINE, 0.9
    register(layer, About(CELLS, True, session.generation, ()))
    _follow_picks(layer, session)


def _layer(viewer: ViewerModel) -> Any:
    return next((layer for layer, what in ours(viewer, CELLS) if what.kind == CELLS), None)


def _choose(session: Session, value: Any) -> bool:
    """Choose the latent of the cell with this label; whether there is such a cell."""
    if session.cells is None or not isinstance(value, int | np.integer):
        return False
    cell = dict(zip(session.cells.label_values, session.cells.ids, strict=True)).get(int(value))
    if cell is not None:
        session.choose_cell(cell)
    return cell is not None


def _follow_picks(layer: Labels, session: Session) -> None:
    """Let napari's own ways to choose a label (the colour picker, the spin box) choose its latent."""
    known = [layer.selected_label]  # napari reports a new colormap as a new label

    def picked(_event: Any = None) -> None:
        if layer.selected_label != known[0]:
            known[0] = layer.selected_label
            if session.cells is not None and known[0] != _chosen_label(session):
                _choose(session, known[0])

    layer.events.selected_label.connect(picked)


def _chosen_label(session: Session) -> int | None:
    """Label of the cell whose latent is chosen."""
    assert session.cells is not None
    cell = None if session.latent is None else session.cell_of(session.latent)
    return None if cell is None else session.cells.label_values[session.cells.ids.index(cell)]


def _colour(layer: Labels, session: Session) -> None:
    """Colour the cells: those that have a latent, others, and the chosen one."""
    assert session.cells is not None
    table = session.cell_table()
    owned = set() if table is None else set(table["cell"])
    chosen = _chosen_label(session)
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    for value, cell in zip(session.cells.label_values, session.cells.ids, strict=True):
        colours[value] = CHOSEN_COLOUR if value == chosen else MATCHED_COLOUR if cell in owned else OTHER_COLOUR
    if chosen is not None:
        layer.selected_label = chosen
    layer.colormap = DirectLabelColormap(color_dict=colours)
