"""Correlations of latents with behaviour, and how many frames they are worth."""

import numpy as np
import pytest

from napari_varae.core.experiment.behaviour import Behaviour
from napari_varae.core.experiment.correlation import correlate_behaviour, independent_frames


def autoregression(rng, shape, coefficient):
    series = rng.standard_normal(shape)
    series[1:] *= np.sqrt(1 - coefficient**2)
    for t in range(1, len(series)):
        series[t] += coefficient * series[t - 1]
    return series


def test_correlations_are_those_of_the_frames_that_are_known(rng):
    z = rng.standard_normal((300, 3))
    speed = z[:, 1] + 0.5 * rng.standard_normal(300)
    speed[100:120] = np.nan
    behaviour = Behaviour(("speed", "other"), np.arange(300) / 10, np.column_stack([speed, -z[:, 2]]), "s")
    good = np.ones(300, dtype=bool)
    good[:50] = False
    table = correlate_behaviour(z, behaviour, 10.0, good).set_index(["trace", "latent"])
    use = good & np.isfinite(speed)
    for k in range(3):
        assert table.loc[("speed", k), "r"] == pytest.approx(np.corrcoef(z[use, k], speed[use])[0, 1])
    assert table.loc[("speed", 0), "frames"] == 230
    assert table.loc[("other", 2), "r"] == pytest.approx(-1)
    assert ((table["low"] - 1e-9 <= table["r"]) & (table["r"] <= table["high"] + 1e-9)).all()


@pytest.mark.parametrize("coefficient", [0.0, 0.6, 0.9])
def test_independent_frames_are_those_of_bartlett(rng, coefficient):
    z, y = autoregression(rng, (20_000, 4), coefficient), autoregression(rng, 20_000, coefficient)
    wanted = 20_000 * (1 - coefficient**2) / (1 + coefficient**2)
    found = independent_frames(z, y, np.ones(20_000, dtype=bool))
    np.testing.assert_allclose(found, wanted, rtol=0.15)


@pytest.mark.parametrize("coefficient", [0.0, 0.9])
def test_intervals_of_unrelated_series_hold_zero_as_often_as_they_claim(rng, coefficient):
    """With all 500 frames counted as independent, r of two such series is 'significant' in half the cases."""
    held = []
    for _ in range(100):
        z, y = autoregression(rng, (500, 8), coefficient), autoregression(rng, 500, coefficient)
        table = correlate_behaviour(z, Behaviour(("y",), np.arange(500), y[:, None], "frames"))
        held += ((table["low"] <= 0) & (table["high"] >= 0)).tolist()
    assert 0.91 < np.mean(held) < 0.98


def test_series_that_do_not_vary_have_no_correlation(rng):
    z = np.column_stack([np.ones(50), rng.standard_normal(50)])
    constant = Behaviour(("still",), np.arange(50), np.ones((50, 1)), "frames")
    assert correlate_behaviour(z, constant)[["r", "low", "high"]].isna().all(axis=None)
    elsewhere = Behaviour(("late",), np.arange(100, 150), rng.random((50, 1)), "frames")
    table = correlate_behaviour(z, elsewhere)
    assert table["r"].isna().all()
    assert (table["frames"] == 0).all()


def test_wrong_sizes_are_refused(rng):
    behaviour = Behaviour(("y",), np.arange(50), rng.random((50, 1)), "frames")
    with pytest.raises(ValueError, match="latents has shape"):
        correlate_behaviour(np.ones(50), behaviour)
    with pytest.raises(ValueError, match="good has shape"):
        correlate_behaviour(np.ones((50, 2)), behaviour, good=np.ones(49))
    with pytest.raises(ValueError, match="level"):
        correlate_behaviour(np.ones((50, 2)), behaviour, level=95)
