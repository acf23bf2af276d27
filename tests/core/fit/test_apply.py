"""A fit applied to its own movie and to others."""

import numpy as np
import pytest

from napari_varae.core.fit.apply import apply_fit
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import StoppedError


def test_the_movie_of_the_fit_is_recognised(small_fit, small_stack):
    found = apply_fit(small_fit, small_stack)
    np.testing.assert_array_equal(found.latents, small_fit.encode(small_stack))
    assert found.movie == small_fit.movie
    assert found.explained is None
    assert small_fit.caution(found.movie) is None


def test_what_is_explained_of_another_movie_is_measured_over_good_frames(small_fit, small_stack, rng):
    other = small_stack.read() + rng.normal(0, 5, small_stack.shape).astype(np.float32)
    other[7] = 1e5
    stack = Stack(other, bad_frames=[7])
    found = apply_fit(small_fit, stack)
    good = stack.good_frames()
    frames = other[good]
    left = np.square(frames - small_fit.reconstruct(stack)[good]).sum(dtype=float)
    assert found.explained == pytest.approx(1 - left / np.square(frames - small_fit.static).sum(dtype=float), rel=1e-4)
    assert "another movie" in small_fit.caution(found.movie)


def test_it_ends_between_pieces_when_it_is_not_wanted(small_fit, small_stack):
    asked = []

    def check():
        asked.append(1)
        if len(asked) == 5:
            raise StoppedError("Dropped.")

    with pytest.raises(StoppedError):
        apply_fit(small_fit, small_stack.checked(check))


def test_odd_frames_are_found_and_do_not_count(small_fit, small_stack):
    frames = small_stack.read() + np.float32(1)
    calm = apply_fit(small_fit, Stack(frames))
    frames[50] *= 1000
    found = apply_fit(small_fit, Stack(frames))
    assert found.odd.kinds == {50: "bright"}
    assert len(found.odd.means) == small_stack.n_frames
    assert found.explained == pytest.approx(calm.explained, abs=0.02)


def test_large_shifts_by_registration_are_odd(small_fit, small_stack):
    shifts = np.zeros((small_stack.n_frames, 2))
    shifts[[60, 61, 200], 0] = 12
    assert apply_fit(small_fit, small_stack).odd.kinds == {}
    found = apply_fit(small_fit, small_stack.replace(shifts=shifts))
    assert found.odd.kinds == dict.fromkeys((60, 61, 200), "displaced")
