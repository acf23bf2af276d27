"""Rows of the Time dock: what is shown, the prediction error, the order of the raster."""

import numpy as np
import pytest

from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import simulate
from napari_varae.io.behaviour import open_behaviour
from napari_varae.session.session import Session
from napari_varae.session.time_rows import latent_order, prediction_error, raster_order, time_rows


@pytest.fixture(scope="module")
def made():
    from napari_varae.core.training.train import fit

    stack = simulate(SimulationConfig(frames=200, height=32, width=32, cells=4, soma_radius=3)).stack
    return stack, fit(stack, FitConfig(latents=4, epochs=0))


@pytest.fixture
def session(made):
    stack, fit = made
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    return session


def test_the_prediction_error_is_the_rms_of_what_the_var_leaves(made):
    stack, fit = made
    latents = fit.encode(stack)
    runs = stack.replace(bad_frames=[50], breaks=[120]).runs()
    error = prediction_error(fit, latents, runs)
    z = (latents - fit.var.mean) / fit.var.scale
    expected = np.sqrt(np.mean((z[31] - fit.var.coefficients[0] @ z[30]) ** 2))
    assert error[31] == pytest.approx(expected)
    assert np.flatnonzero(np.isnan(error)).tolist() == [0, 50, 51, 120]


def test_rows_are_those_that_are_wanted(session):
    session.set_latent(2)
    session.use_behaviour(open_behaviour({"speed": np.arange(200.0)}))
    session.show_regions({"mine 1": np.zeros(200, dtype=np.float32)})
    names = [row.name for row in time_rows(session, ("behaviour", "latents", "error"), picked=[0])]
    assert names == ["mine 1", "speed", session.name_latent(2), session.name_latent(0), "prediction error"]
    assert [row.chosen for row in time_rows(session, ("latents",))].count(True) == 1
    assert [row.name for row in time_rows(session, ())] == ["mine 1"]


def test_the_raster_is_ordered_as_wanted(session):
    assert raster_order(session, "number").tolist() == [0, 1, 2, 3]
    for by in ("strength", "similarity", "latent", "behaviour"):
        assert sorted(raster_order(session, by).tolist()) == [0, 1, 2, 3]
    session.set_latent(3)
    assert raster_order(session, "latent")[0] == 3
    session.use_behaviour(open_behaviour({"speed": -session.latents[:, 1]}))
    assert raster_order(session, "behaviour")[-1] == 1


def test_latents_that_vary_together_become_neighbours(made, rng):
    """Two groups of latents, interleaved, are taken apart."""
    _, fit = made
    a, b = rng.standard_normal((2, 500, 1))
    latents = np.concatenate([a, b, a, b], axis=1) + 0.1 * rng.standard_normal((500, 4))
    order = latent_order(fit, latents, "similarity", np.ones(500, dtype=bool)).tolist()
    groups = [latent % 2 for latent in order]
    assert groups in ([0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1])  # on a ring


def test_what_is_costly_is_computed_once_until_bad_frames_change(session, monkeypatch):
    shown = time_rows(session, ("error",))[0].values
    order = raster_order(session, "similarity")

    def fail(*_arguments):
        raise AssertionError("computed again")

    for name in ("prediction_error", "latent_order"):
        monkeypatch.setattr(f"napari_varae.session.time_rows.{name}", fail)
    session.set_latent(1)
    assert time_rows(session, ("error",))[0].values is shown
    assert raster_order(session, "similarity") is order
    session.describe_movie(10, None, bad_frames=[7])
    with pytest.raises(AssertionError, match="computed again"):
        time_rows(session, ("error",))
