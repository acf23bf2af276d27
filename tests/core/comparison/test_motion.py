"""Latents that follow the shifts of registration are named; others are not, however slow both are."""

import numpy as np
import pytest
from scipy.signal import lfilter

import napari_varae as nv
from napari_varae.core.comparison.motion import following_shifts
from napari_varae.core.movie.frame_set import FrameSet

SIDES = (FrameSet(((0, 300),), ((0, 120), (130, 300)), 10), FrameSet(((400, 700),), ((400, 700),), 0))
THERE = np.r_[0:120, 130:300, 400:700]


def slow(rng, persistence, *shape):
    """Series of an AR(1)."""
    return lfilter([1], [1, -persistence], rng.standard_normal(shape), axis=0)


@pytest.mark.parametrize("persistence", [0.0, 0.9, 0.99])
def test_independent_latents_do_not_follow(persistence):
    rng = np.random.default_rng(7)
    named = [
        following_shifts(slow(rng, persistence, 700, 20)[THERE], slow(rng, persistence, 700, 2), SIDES)
        for _ in range(25)
    ]
    assert sum(map(len, named)) <= 1  # of 500 latents with three correlations each


def test_a_difference_of_means_between_a_and_b_is_not_followed(rng):
    latents, shifts = rng.standard_normal((700, 4)), rng.standard_normal((700, 2))
    latents[400:] += 9
    shifts[400:] += 9
    assert following_shifts(latents[THERE], shifts, SIDES) == {}


def test_latents_that_follow_are_named_with_their_correlation(rng):
    latents, shifts = slow(rng, 0.8, 700, 4), slow(rng, 0.8, 700, 2)
    latents[:, 1] -= 2 * shifts[:, 0]
    latents[:, 3] += 3 * np.hypot(*(shifts - np.median(shifts, axis=0)).T)
    found = following_shifts(latents[THERE], shifts, SIDES)
    assert list(found) == [1, 3]
    expected = np.corrcoef(latents[THERE, 1], shifts[THERE, 0])[0, 1]
    assert found[1] == pytest.approx(expected, abs=0.05)


def test_constant_shifts_are_followed_by_none(rng):
    assert following_shifts(rng.standard_normal((590, 3)), np.zeros((700, 2)), SIDES) == {}


def test_a_comparison_names_them(fitted_small):
    fit, stack = fitted_small
    z = fit.encode(stack)
    ranges = (0, 150), (160, 310)
    plain = nv.compare(fit, stack, *ranges, resamples=19, latents=z)
    moving = nv.compare(fit, stack.replace(shifts=3 * z[:, 2:4]), *ranges, resamples=19, latents=z)
    own = set(moving.warnings) - set(plain.warnings)
    assert any("follow the shifts of registration" in text and "2 (r = 1.00)" in text for text in own)
    chance = np.random.default_rng(1).normal(size=(stack.n_frames, 2))
    calm = nv.compare(fit, stack.replace(shifts=chance), *ranges, resamples=19, latents=z)
    assert set(calm.warnings) == set(plain.warnings)


@pytest.fixture
def fitted_small(small_fit, small_stack):
    return small_fit, small_stack
