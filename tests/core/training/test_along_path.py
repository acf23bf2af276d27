"""Held-out prediction along the path of penalties."""

import numpy as np
import pytest

import napari_varae as nv
from napari_varae.core.training.split import Split
from napari_varae.core.var.lags import lag_pairs


@pytest.fixture(scope="module")
def recording():
    return nv.simulate(nv.SimulationConfig(frames=600, height=32, width=32, cells=4, soma_radius=3, seed=1)).stack


@pytest.fixture(scope="module")
def fit(recording):
    return nv.fit(recording, nv.FitConfig(latents=6, epochs=0, order=2))


def test_penalties_fall_evenly_from_no_link_to_the_end_of_the_path(fit, recording):
    curve = nv.prediction_along_path(fit, recording, n=12)
    np.testing.assert_allclose(np.diff(np.log(curve.penalties)), np.log(0.01) / 11, rtol=1e-6)
    assert curve.penalties[0] == pytest.approx(fit.var.path.max_penalty.max())
    assert curve.best in curve.penalties
    assert "held out" in curve.held_out


def test_the_curve_is_the_prediction_of_frames_that_were_left_out(fit, recording):
    """By hand: a VAR from the frames that were trained on, its errors in the others."""
    curve = nv.prediction_along_path(fit, recording, n=5)
    split, z = Split(recording, fit.config), fit.encode(recording).astype(float)
    good = np.zeros(len(z), dtype=bool)
    good[split.start : split.stop] = split.trained
    pairs = lag_pairs(len(z), 2).numpy()
    ahead = pairs[~good[pairs]]
    assert curve.n_frames == len(ahead)
    for penalty, r2 in zip(curve.penalties, curve.r2, strict=True):
        var = nv.estimate_var(z, 2, penalty=float(penalty), good=good, weights=fit.var.weights)
        standardised = var.standardise(z)
        errors = standardised[ahead] - sum(standardised[ahead - lag] @ a.T for lag, a in enumerate(var.coefficients, 1))
        assert r2 == pytest.approx(1 - np.square(errors).sum() / np.square(standardised[ahead]).sum(), abs=1e-6)


def test_of_another_movie_the_last_fifth_is_held_out(fit):
    other = nv.simulate(nv.SimulationConfig(frames=300, height=32, width=32, cells=4, soma_radius=3, seed=5)).stack
    curve = nv.prediction_along_path(fit, other, n=3)
    assert curve.held_out == "the last fifth of the movie"
    assert curve.n_frames == 60
    known = nv.prediction_along_path(fit, other, n=3, latents=fit.encode(other))
    np.testing.assert_allclose(known.r2, curve.r2, rtol=1e-5)


def test_too_short_a_movie_is_an_error(fit, recording):
    short = nv.Stack(recording.array[:5])
    with pytest.raises(ValueError, match="too few frames"):
        nv.prediction_along_path(fit, short)
