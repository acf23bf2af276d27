"""The Cells dock: cells from files and layers, matched with latents, chosen in the image, the table and the session."""

import csv

import numpy as np
import pytest
import tifffile

from napari_varae.core.experiment.cells import Cells
from napari_varae.viewer.cells import CELLS
from napari_varae.viewer.provenance import ours


@pytest.fixture
def panel(docks):
    return docks["Cells"]


@pytest.fixture
def image(fit):
    """A label image of two cells where latents are, and one where none is."""
    labels = np.zeros(fit.shape, np.uint16)
    order = np.argsort([-np.square(f).max() / np.square(f).mean() for f in fit.footprints])
    for value, k in zip((5, 9), order[:2], strict=True):
        f = np.abs(fit.footprints[k])
        labels[(f > 0.2 * f.max()) & (labels == 0)] = value
    corner = labels[:4, -4:]
    corner[corner == 0] = 12
    return labels


def layer_of(viewer):
    return next(layer for layer, what in ours(viewer, CELLS))


@pytest.mark.long
def test_a_label_image_becomes_cells_with_latents(viewer, panel, session, trained, image, tmp_path, idle, notices):
    tifffile.imwrite(tmp_path / "cells.tif", image)
    movie = next(iter(viewer.layers))
    panel.open(str(tmp_path / "cells.tif"))
    idle()
    assert not notices
    assert session.cells.ids == (5, 9, 12)
    layer = layer_of(viewer)
    np.testing.assert_array_equal(layer.data, image)
    assert tuple(layer.scale) == tuple(movie.scale[1:])
    assert viewer.layers.selection.active is movie  # a click must not paint
    table = session.cell_table()
    features = layer.features.set_index("index")
    for cell in session.cells.ids:
        own = table[table["cell"] == cell].sort_values("overlap", ascending=False)
        assert features.loc[cell, "latents"] == ", ".join(map(str, own["latent"]))
    assert panel.table.rowCount() == trained.latents
    assert "latents belong to" in panel.summary.text()


def matched(session):
    table = session.cell_table()
    found = table[[cell not in ("none", "several") for cell in table["cell"]]]
    assert len(found), "the fixture should give cells that have a latent"
    row = found.iloc[0]
    return int(row["latent"]), row["cell"]


@pytest.mark.long
def test_cell_latent_row_and_traces_speak_of_the_same(viewer, docks, panel, session, trained, image):
    session.use_cells(Cells.from_labels(image))
    latent, cell = matched(session)
    layer = layer_of(viewer)
    session.set_latent(latent)
    assert layer.selected_label == cell
    assert panel.table.item(panel.table.currentRow(), 1).text() == str(cell)
    assert docks["Look"].latent.value() == latent
    names = [name for _, name in docks["Time"].traces.getAxis("left")._tickLevels[0]]
    assert f"{latent} (cell {cell})" in names
    layer.selected_label = 12  # napari's own way to choose: a cell without a latent
    assert session.latent is None
    layer.selected_label = cell
    assert session.cell_of(session.latent) == cell
    session.set_latent(None)
    line = next(i for i in range(panel.table.rowCount()) if panel.table.item(i, 1).text() == str(cell))
    panel.table.setCurrentCell(line, 0)
    assert session.cell_of(session.latent) == cell


@pytest.mark.long
def test_a_click_on_a_cell_chooses_its_latent_and_a_drag_does_not(viewer, session, trained, image, mouse):
    session.use_cells(Cells.from_labels(image))
    _, cell = matched(session)
    layer = layer_of(viewer)
    at = layer.data_to_world(np.argwhere(image == cell)[0])
    mouse(at, to=(30, 30))
    assert session.latent is None
    mouse(at)
    assert session.cell_of(session.latent) == cell
    chosen = session.latent
    mouse(layer.data_to_world(np.argwhere(image == 0)[0]))
    assert session.latent == chosen  # the background is no cell
    viewer.layers.selection.active = layer
    layer.mode = "paint"
    session.set_latent(None)
    mouse(at)
    assert session.latent is None


@pytest.fixture
def mouse(viewer):
    """Press and release the mouse over the canvas, as its callbacks see it."""
    from types import SimpleNamespace

    from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks

    def act(position, to=(0, 0)):
        position = (*viewer.dims.point[: viewer.dims.ndim - 2], *position)
        event = SimpleNamespace(
            position=position, pos=np.array([100, 100]), type="mouse_press", modifiers=(), button=1,
            view_direction=None, dims_displayed=[1, 2], is_dragging=True,
        )  # fmt: skip
        mouse_press_callbacks(viewer, event)
        event.type, event.pos = "mouse_move", np.array([100 + to[0], 100 + to[1]])
        mouse_move_callbacks(viewer, event)
        event.type = "mouse_release"
        mouse_release_callbacks(viewer, event)

    return act


@pytest.mark.long
def test_cells_drawn_in_a_layer_are_used_and_the_layer_stays(viewer, panel, session, trained, image, notices):
    panel.use_layer()
    assert "no Labels or Shapes layer" in notices.pop()
    mine = viewer.add_labels(image.astype(int), name="mine")
    assert panel.layer_choice.currentText() == "mine"
    panel.use_layer()
    assert session.cells.ids == (5, 9, 12)
    assert mine.name == "mine"
    assert mine.features.empty
    assert layer_of(viewer) is not mine
    assert [panel.layer_choice.itemText(i) for i in range(panel.layer_choice.count())] == ["mine"]


@pytest.mark.long
def test_cells_of_another_size_change_nothing(panel, session, trained, image, tmp_path, idle, notices):
    session.use_cells(Cells.from_labels(image))
    before = session.cells
    tifffile.imwrite(tmp_path / "other.tif", np.eye(20, dtype=np.uint8))
    panel.open(str(tmp_path / "other.tif"))
    idle()
    assert "20 x 20 pixels; the movie has 32 x 32" in notices.pop()
    assert session.cells is before


@pytest.mark.long
def test_cells_go_with_their_layer_and_with_the_movie(viewer, panel, session, trained, image):
    session.use_cells(Cells.from_labels(image))
    viewer.layers.remove(layer_of(viewer))
    assert session.cells is None
    session.use_cells(Cells.from_labels(image))
    panel.close_button.click()
    assert not list(ours(viewer, CELLS))
    session.use_cells(Cells.from_labels(image))
    session.close_movie()
    assert not list(ours(viewer, CELLS))


def test_the_table_is_saved(panel, session, trained, image, tmp_path, notices):
    session.use_cells(Cells.from_labels(image))
    panel.save(str(tmp_path / "table.csv"))
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["latent"]) for row in rows] == list(range(trained.latents))
    assert {row["cell"] for row in rows} == {str(cell) for cell in session.cell_table()["cell"]}
    assert "saved" in notices.pop()
