"""The penalty that is tried, the links that are drawn, and a fit with another penalty."""

from dataclasses import replace

import numpy as np
import pytest

import napari_varae as nv
from napari_varae.session.links import MOST, Graph
from napari_varae.session.results import Edge
from napari_varae.session.session import Session


@pytest.fixture(scope="module")
def stack():
    return nv.simulate(nv.SimulationConfig(frames=300, height=32, width=32, cells=5, soma_radius=3, seed=0)).stack


@pytest.fixture(scope="module")
def fit(stack):
    config = nv.FitConfig(latents=8, epochs=0, order=2, sparsity="fixed", penalty=0.02)
    return nv.fit(stack, config)


@pytest.fixture
def session(stack, fit):
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    return session


@pytest.fixture
def heard(session):
    heard = []
    for name in ("penalty_changed", "graph_changed", "edge_changed", "edge_picked", "fit_changed"):
        getattr(session, name).connect(lambda *_news, name=name: heard.append(name))
    return heard


def test_a_penalty_is_tried_without_changing_the_fit(session, fit, heard):
    assert session.penalty is None
    assert session.shown_var is fit.var
    session.set_penalty(0.1)
    assert (session.penalty, session.shown_var.penalty, session.fit) == (0.1, 0.1, fit)
    assert np.count_nonzero(session.shown_var.coefficients) < np.count_nonzero(fit.var.coefficients)
    session.set_penalty(0.1)
    session.set_penalty(fit.var.penalty)  # that of the fit
    assert session.penalty is None
    assert heard == ["penalty_changed"] * 2
    with pytest.raises(ValueError, match="from 0 to 1"):
        session.set_penalty(-1.0)


def test_without_a_fit_there_is_no_penalty():
    session = Session()
    assert session.shown_var is None
    assert session.shown_fit is None
    assert session.drawn_edges() == []
    with pytest.raises(ValueError, match="no fit yet"):
        session.set_penalty(0.1)


def test_another_fit_forgets_the_penalty(session, fit, stack):
    session.set_penalty(0.1)
    other = fit.with_penalty(0.3)
    session.use_fit(other, fit.encode(stack))
    assert session.penalty is None
    assert session.shown_var is other.var


def test_a_used_penalty_makes_a_fit_and_keeps_what_is_chosen(session, fit):
    with pytest.raises(ValueError, match="already"):
        session.use_penalty()
    session.set_latent(2)
    session.set_edge(Edge(1, 2, 3))
    session.set_penalty(0.1)
    var = session.shown_var
    session.use_penalty()
    assert session.fits == [fit, session.fit]
    assert session.fit.id == fit.with_penalty(0.1).id != fit.id
    np.testing.assert_array_equal(session.fit.var.coefficients, var.coefficients)
    assert (session.latent, session.edge, session.penalty) == (2, Edge(1, 2, 3), None)
    assert any("instead of 0.02" in note for note in session.fit.notes)


def test_a_penalty_is_not_used_during_a_job(session, fit):
    session.set_penalty(0.1)
    session.begin("computing")
    with pytest.raises(ValueError, match="while this runs"):
        session.use_penalty()
    assert session.fit is fit


def test_the_largest_links_are_drawn_the_largest_last(session, fit):
    session.set_graph(Graph(strongest=MOST))
    edges = session.drawn_edges()
    sizes = np.abs([size for _, size in edges])
    assert (np.diff(sizes) >= 0).all()
    for edge, size in edges:
        both = fit.var.coefficients[:, edge.target, edge.source]
        assert size == fit.var.coefficients[edge.lag - 1, edge.target, edge.source] == both[np.abs(both).argmax()]
        assert edge.source != edge.target
        assert not {edge.source, edge.target} & fit.whole_image.keys()
    session.set_graph(Graph(strongest=3))
    assert session.drawn_edges() == edges[-3:]


def test_links_of_a_lag_and_of_the_chosen_latent(session):
    session.set_graph(Graph(strongest=MOST, lag=2))
    assert {edge.lag for edge, _ in session.drawn_edges()} == {2}
    latent = session.drawn_edges()[-1][0].source
    session.set_graph(replace(session.graph, chosen_only=True))
    assert len(session.drawn_edges()) > 1  # no latent is chosen yet
    session.set_latent(latent)
    assert all(latent in (edge.source, edge.target) for edge, _ in session.drawn_edges())
    session.set_graph(Graph(lag=7))  # of an earlier fit
    assert {edge.lag for edge, _ in session.drawn_edges()} == {2}


def test_impossible_graphs_are_refused(session):
    for graph, words in (
        (Graph(strongest=0), "0 links"),
        (Graph(strongest=MOST + 1), "links"),
        (Graph(lag=0), "Lag 0"),
    ):
        with pytest.raises(ValueError, match=words):
            session.set_graph(graph)
    assert session.graph == Graph()


def test_a_picked_link_is_chosen_and_reported_each_time(session, heard):
    session.pick_edge(Edge(1, 2, 3))
    session.pick_edge(Edge(1, 2, 3))
    assert heard == ["edge_changed", "edge_picked", "edge_picked"]


def test_small_links_are_hidden(session, heard):
    session.set_graph(Graph(strongest=MOST))
    sizes = np.array([abs(value) for _, value in session.drawn_edges()])
    limit = float(np.median(sizes))
    session.set_graph(replace(session.graph, smallest=limit))
    assert len(session.drawn_edges()) == (sizes >= limit).sum()
    assert min(abs(value) for _, value in session.drawn_edges()) >= limit
    assert heard == ["graph_changed"] * 2
    for wrong in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="size of a coefficient"):
            session.set_graph(Graph(smallest=wrong))
