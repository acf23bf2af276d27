"""Responses of trials: found where there are any, and taken away."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_varae as nv
from napari_varae.core.comparison.latents import compare_latents
from napari_varae.core.comparison.responses import mean_response, response_caution

TRIALS, LENGTH, K = 12, 40, 6
PARTS = [(60 * i, 60 * i + LENGTH) for i in range(TRIALS)]
COURSE = np.outer(np.exp(-np.square((np.arange(LENGTH) - 12) / 3) / 2), [1, 1, 0, 0, 1, 0])


def trials(rng, response=0.0):
    """Draw trials of a slow VAR, with a response in three latents."""
    found = []
    for _ in range(TRIALS):
        z, noise = np.zeros((LENGTH + 50, K)), rng.normal(size=(LENGTH + 50, K))
        for t in range(1, len(z)):
            z[t] = 0.85 * z[t - 1] + noise[t] + (response * COURSE[t - 50] if t >= 50 else 0)
        found.append(z[50:])
    return found


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_what_is_left_has_the_same_mean_at_all_times(seed, bad):
    rng = np.random.default_rng(seed)
    marked = set(rng.integers(0, 60 * TRIALS, bad).tolist())
    latents, runs = [], []
    for start, stop in PARTS:
        edges = [start - 1, *sorted(marked & {*range(start, stop)}), stop]
        runs += [(a + 1, b) for a, b in pairwise(edges) if b - a > 2]
    latents = [rng.normal(size=(stop - start, K)) for start, stop in runs]
    response = mean_response(PARTS, runs, latents)
    left = np.full((60 * TRIALS, K), np.nan)
    for (start, stop), z in zip(runs, response.taken_from(latents), strict=True):
        left[start:stop] = z
    by_time = np.stack([left[start:stop] for start, stop in PARTS])
    seen = np.isfinite(by_time).any((0, 2))
    everywhere = np.concatenate(latents).mean(0)
    np.testing.assert_allclose(np.nanmean(by_time[:, seen], 0) - everywhere, 0, atol=1e-12)


def test_only_a_response_is_told():
    rng = np.random.default_rng(0)
    said = [
        [
            response_caution("Range A", mean_response(PARTS, PARTS, z), z, 0.15)
            for z in (trials(rng, size) for _ in range(60))
        ]
        for size in (0.0, 1.0)
    ]
    assert sum(map(len, said[0])) <= 1
    assert sum(map(len, said[1])) >= 59
    assert "Range A consists of trials with a response" in said[1][0][0]


def test_few_parts_or_unequal_ones_are_no_trials():
    z = [np.zeros((LENGTH, K))] * TRIALS
    assert mean_response(PARTS[:3], PARTS[:3], z[:3]) is None
    unequal = [*PARTS[:-1], (700, 730)]
    assert mean_response(unequal, unequal, [*z[:-1], z[0][:30]]) is None
    assert response_caution("Range A", None, z, 1.0) == ()


@pytest.mark.long
def test_a_response_counts_as_dynamics_until_it_is_taken_away():
    """Of 20 pairs, A with a response."""
    small = np.zeros((2, 20), dtype=bool)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        a, b = trials(rng, 2.0), trials(rng)
        plain = [mean_response(PARTS, PARTS, z).taken_from(z) for z in (a, b)]
        for i, ranges in enumerate(((a, b), plain)):
            small[i, seed] = compare_latents(*ranges, resamples=59, power_draws=0).p_value <= 0.05
    assert small[0].sum() >= 5
    assert small[1].sum() <= 3


@pytest.fixture(scope="module")
def fitted():
    sim = nv.simulate(nv.SimulationConfig(frames=480, height=24, width=24, cells=3, seed=1))
    flash = 1 + (np.arange(480) % 60 < 5)[:, None, None]  # every other trial
    stack = nv.Stack(np.float32(sim.stack.read() * flash))
    return nv.fit(stack, nv.FitConfig(latents=4, epochs=0)), stack


def test_a_movie_of_trials_is_compared_without_its_responses(fitted):
    a, b = ([(60 * i + start, 60 * i + start + 29) for i in range(8)] for start in (0, 30))
    plain = nv.compare(*fitted, a, b, resamples=19, power_draws=0)
    assert any("Range A consists of trials with a response" in warning for warning in plain.warnings)
    assert not any("Range B consists of trials" in warning for warning in plain.warnings)
    without = nv.compare(*fitted, a, b, resamples=19, power_draws=0, subtract_responses=True)
    assert not any("consists of trials" in warning for warning in without.warnings)
    assert without.statistic != plain.statistic
    np.testing.assert_allclose(without.mean_shift * without.scale, plain.mean_shift * plain.scale, rtol=1e-6, atol=1e-9)
    assert "after the mean over the trials of each range was taken away" in without.methods_text()
    assert "taken away" not in plain.methods_text()
    p, left = (
        nv.placebo(*fitted, segments=(a, b), repeats=2, resamples=99, subtract_responses=away) for away in (True, False)
    )
    assert p.shape == (2,)
    assert (p != left).any()
    with pytest.raises(ValueError, match="Range A has 1 parts of 200 to 200 frames"):
        nv.compare(*fitted, (0, 200), (220, 400), subtract_responses=True)
