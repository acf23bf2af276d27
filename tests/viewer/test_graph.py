"""Links and outlines on the image: what is drawn, what a click chooses, what happens when layers go."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks

from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import simulate
from napari_varae.core.training.train import fit as train_fit
from napari_varae.session.links import Graph
from napari_varae.session.session import session_of
from napari_varae.viewer import graph
from napari_varae.viewer.graph import ANY, CHOSEN, SOURCE, TARGET, _arrows
from napari_varae.viewer.meshes import arrow_mesh
from napari_varae.viewer.movie import open_movie
from napari_varae.viewer.outlines import outlines
from napari_varae.viewer.provenance import ours
from napari_varae.viewer.synchronise import follow

from .conftest import IN_SPACE, geometry


@pytest.fixture(scope="module")
def stack():
    return simulate(
        SimulationConfig(frames=300, height=48, width=40, cells=6, soma_radius=3, frame_rate=20, pixel_size=1.5, seed=3)
    ).stack


@pytest.fixture(scope="module")
def fit(stack):
    return train_fit(stack, FitConfig(latents=10, epochs=0, sparsity="fixed", penalty=0.01))


@pytest.fixture
def session(viewer, stack, fit):
    session = session_of(viewer)
    follow(viewer, session)
    open_movie(viewer, stack)
    session.use_fit(fit, fit.encode(stack))
    return session


def layer_of(viewer):
    return next((layer for layer, _ in ours(viewer, "links")), None)


def values(viewer, low, high):
    """Values of vertices within some limits, without those of the corners."""
    found = layer_of(viewer).vertex_values[2:]
    return found[(found >= low) & (found <= high)]


def click(viewer, at):
    position = (viewer.dims.point[0], *layer_of(viewer).data_to_world(at))
    event = SimpleNamespace(
        position=position, pos=np.zeros(2), type="mouse_press", modifiers=(), button=1, view_direction=None,
        dims_displayed=[1, 2], is_dragging=False,
    )  # fmt: skip
    mouse_press_callbacks(viewer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(viewer, event)


def test_nothing_is_drawn_until_it_is_wanted(viewer, session):
    assert layer_of(viewer) is None
    before = list(viewer.layers.selection)
    session.set_graph(Graph(shown=True))
    layer = layer_of(viewer)
    assert geometry(layer) == IN_SPACE
    assert list(viewer.layers.selection) == before
    session.set_graph(Graph())
    assert not layer.visible
    session.set_graph(Graph(outlines=True))
    assert layer_of(viewer) is layer
    assert layer.visible


def test_arrows_have_the_colour_of_their_sign_and_the_width_of_their_size(viewer, session):
    session.set_graph(Graph(shown=True, strongest=8))
    arrows, drawn = _arrows(session), session.drawn_edges()
    assert [edge for edge, _ in drawn] == arrows.edges
    np.testing.assert_array_equal(np.sign(arrows.colours), np.sign([size for _, size in drawn]))
    order = np.argsort(np.abs([size for _, size in drawn]))
    assert (np.diff(arrows.widths[order]) >= 0).all()
    np.testing.assert_array_equal(values(viewer, -1, 1).reshape(8, -1)[:, 0], arrows.colours)


def test_the_graph_follows_the_penalty_at_once(viewer, session):
    session.set_graph(Graph(shown=True, strongest=500))
    many = len(values(viewer, -1, 1))
    session.set_penalty(0.2)
    fewer = len(values(viewer, -1, 1))
    assert fewer == 7 * len(session.drawn_edges()) < many
    session.set_penalty(1.0)
    assert len(values(viewer, -1, 1)) == 0
    session.set_penalty(None)
    assert len(values(viewer, -1, 1)) == many


def test_the_chosen_link_stands_out_with_its_source_and_target(viewer, session):
    session.set_graph(Graph(shown=True, outlines=True, strongest=5))
    assert set(values(viewer, 2, 9)) == {ANY}
    weakest = replace(session.graph, strongest=500)
    session.set_graph(weakest)
    edge = session.drawn_edges()[0][0]
    session.set_graph(replace(weakest, strongest=5))
    session.set_edge(edge)  # not among the five
    assert edge in _arrows(session).edges
    strength = np.abs(_arrows(session).colours)
    assert strength.max() > 2 * np.sort(strength)[-2]
    assert set(values(viewer, 2, 9)) == {ANY, SOURCE, TARGET}
    session.set_edge(None)
    session.set_latent(edge.source)
    assert set(values(viewer, 2, 9)) == {ANY, CHOSEN}


def test_source_and_target_are_outlined_without_the_graph(viewer, session):
    session.set_edge(session.drawn_edges()[-1][0])
    assert set(layer_of(viewer).vertex_values[2:]) == {SOURCE, TARGET}
    session.set_edge(None)
    assert not layer_of(viewer).visible


def test_a_click_chooses_the_link_the_latent_or_nothing(viewer, session, fit):
    picked = []
    session.edge_picked.connect(lambda: picked.append(session.edge))
    session.set_graph(Graph(shown=True, outlines=True, strongest=4))
    arrows = _arrows(session)
    edge, vertices = arrows.edges[-1], arrow_mesh(arrows.starts, arrows.stops, arrows.widths)[0]
    click(viewer, vertices.reshape(-1, 7, 2)[-1, :4].mean(0))  # the middle of the shaft
    assert session.edge == edge
    assert picked == [edge]
    session.set_graph(Graph(outlines=True))
    known, placed = outlines(fit), [k for k in range(fit.latents) if k not in fit.whole_image]
    alone = next(k for k in placed if [i for i in placed if known[i].holds(fit.places[k])] == [k])
    click(viewer, fit.places[alone])
    assert (session.latent, session.edge) == (alone, None)
    click(viewer, np.array([0.0, 0.0]))
    assert session.latent is None


def test_a_hidden_graph_takes_no_clicks(viewer, session):
    session.set_graph(Graph(shown=True, outlines=True))
    arrows = _arrows(session)
    layer_of(viewer).visible = False
    click(viewer, (arrows.starts[-1] + arrows.stops[-1]) / 2)
    assert session.edge is None


def test_the_user_may_hide_or_remove_the_layer(viewer, session):
    session.set_graph(Graph(shown=True, outlines=True))
    layer_of(viewer).visible = False
    session.set_penalty(0.1)
    assert not layer_of(viewer).visible
    viewer.layers.remove(layer_of(viewer))
    assert not session.graph.shown
    assert not session.graph.outlines
    session.set_graph(Graph(shown=True))
    assert layer_of(viewer).visible


def test_the_extent_and_the_order_of_layers_stay(viewer, session, stack, fit):
    from napari_varae.viewer.maps import show_map

    extent = viewer.layers.extent.world.copy()
    session.set_graph(Graph(shown=True, outlines=True))
    np.testing.assert_allclose(viewer.layers.extent.world, extent)
    show_map(viewer, stack, fit, np.ones(stack.shape[1:], np.float32), "a map", "what it is")
    assert viewer.layers[-1] is layer_of(viewer)


def test_another_movie_and_another_fit_leave_no_arrow_behind(viewer, session, stack, fit):
    session.set_graph(Graph(shown=True, outlines=True))
    session.use_fit(fit.with_penalty(1.0), fit.encode(stack))
    assert len(values(viewer, -1, 1)) == 0
    open_movie(viewer, stack)
    assert layer_of(viewer) is None
    assert len(viewer.layers) == 1


def test_chosen_source_and_target_have_colours_of_their_own():
    colours = [tuple(graph.COLOURS.map(np.array([(value + 1) / (TARGET + 1)]))[0]) for value in range(ANY, TARGET + 1)]
    assert len(set(colours)) == 4
