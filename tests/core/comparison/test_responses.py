"""Responses of trials: found where there are any, and subtracted."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_varae as nv
from napari_varae.core.comparison import notes
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.latents import compare_latents
from napari_varae.core.comparison.responses import mean_response
from napari_varae.core.movie.frame_set import FrameSet

TRIALS, LENGTH, K = 12, 40, 6
PARTS = [(60 * i, 60 * i + LENGTH) for i in range(TRIALS)]
FRAMES = FrameSet(tuple(PARTS), tuple(PARTS), 0)
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


def placed(z):
    return Segments(tuple(z), tuple(start for start, _ in PARTS))


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_what_is_left_has_the_same_mean_at_all_times(seed, bad):
    rng = np.random.default_rng(seed)
    marked = set(rng.integers(0, 60 * TRIALS, bad).tolist())
    latents, runs = [], []
    for start, stop in PARTS:
        edges = [start - 1, *sorted(marked & {*range(start, stop)}), stop]
        runs += [(a + 1, b) for a, b in pairwise(edges) if b - a > 2]
    latents = [rng.normal(size=(stop - start, K)) for start, stop in runs]
    segments = Segments(tuple(latents), tuple(start for start, _ in runs))
    response = mean_response(FRAMES, segments)
    left = np.full((60 * TRIALS, K), np.nan)
    for (start, stop), z in zip(runs, response.subtracted_from(segments).latents, strict=True):
        left[start:stop] = z
    by_time = np.stack([left[start:stop] for start, stop in PARTS])
    seen = np.isfinite(by_time).any((0, 2))
    everywhere = np.concatenate(latents).mean(0)
    np.testing.assert_allclose(np.nanmean(by_time[:, seen], 0) - everywhere, 0, atol=1e-12)


def test_only_a_response_is_told():
    rng = np.random.default_rng(0)
    said = [
        [mean_response(FRAMES, z).strongest(z) for z in (placed(trials(rng, size)) for _ in range(60))]
        for size in (0.0, 1.0)
    ]
    assert sum(latent is not None for latent in said[0]) <= 1
    assert sum(latent in (0, 1, 4) for latent in said[1]) >= 59


def test_few_parts_or_unequal_ones_are_no_trials():
    z = placed([np.zeros((LENGTH, K))] * TRIALS)
    for parts in (PARTS[:3], [*PARTS[:-1], (700, 730)]):
        assert mean_response(FrameSet(tuple(parts), tuple(parts), 0), z) is None
    assert notes.response("Range A", None) == []


@pytest.mark.long
def test_a_response_counts_as_dynamics_until_it_is_subtracted():
    """Of 20 pairs, A with a response: a large one, since permuting whole trials protects from small ones."""
    small = np.zeros((2, 20), dtype=bool)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        a, b = trials(rng, 4.0), trials(rng)
        plain = [mean_response(FRAMES, z).subtracted_from(z).latents for z in map(placed, (a, b))]
        for i, ranges in enumerate(((a, b), plain)):
            small[i, seed] = compare_latents(*ranges, resamples=59, power_draws=0).coupling.p_value <= 0.05
    assert small[0].sum() >= 5
    assert small[1].sum() <= 3


@pytest.fixture(scope="module")
def fitted():
    sim = nv.simulate(nv.SimulationConfig(frames=480, height=24, width=24, cells=3, seed=1))
    flash = 1 + (np.arange(480) % 60 < 5)[:, None, None]  # every other trial
    stack = nv.Stack(np.float32(sim.stack.read() * flash))
    return nv.fit(stack, nv.FitConfig(latents=4, epochs=0)), stack


@pytest.mark.long
def test_a_movie_of_trials_is_compared_without_its_responses(fitted):
    a, b = ([(60 * i + start, 60 * i + start + 29) for i in range(8)] for start in (0, 30))
    plain = nv.compare(*fitted, a, b, resamples=19, power_draws=0)
    assert any("Range A consists of trials with a response" in warning for warning in plain.warnings)
    assert not any("Range B consists of trials" in warning for warning in plain.warnings)
    without = nv.compare(*fitted, a, b, resamples=19, power_draws=0, subtract_responses=True)
    assert not any("consists of trials" in warning for warning in without.warnings)
    assert without.statistic != plain.statistic
    np.testing.assert_allclose(
        without.test.mean_shift * without.test.scale, plain.test.mean_shift * plain.test.scale, rtol=1e-6, atol=1e-9
    )
    assert "after the mean over the trials of each range was subtracted" in without.methods_text()
    assert "of each range was subtracted" not in plain.methods_text()
    p, left = (
        nv.placebo(*fitted, segments=(a, b), repeats=2, resamples=99, subtract_responses=away) for away in (True, False)
    )
    assert p.shape == (2,)
    assert (p != left).any()
    with pytest.raises(ValueError, match="Range A has 1 parts of 200 to 200 frames"):
        nv.compare(*fitted, (0, 200), (220, 400), subtract_responses=True)
