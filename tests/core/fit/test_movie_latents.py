"""Latents of a movie: as the fit encodes them, and every frame read once."""

import numpy as np
import pytest

from napari_varae.core.fit.movie_latents import MovieLatents
from napari_varae.core.movie.stack import Stack


class Counting:
    """An array that remembers how often each frame was read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.reads = np.zeros(len(array), int)

    def __getitem__(self, frames):
        self.reads[frames] += 1
        return self.array[frames]


def test_each_frame_is_encoded_once(small_fit, small_stack):
    array = Counting(np.asarray(small_stack.array[:]))
    latents = MovieLatents(small_fit, Stack(array))
    whole = small_fit.encode(small_stack)
    for frames in ((10, 50), (10, 50), (200, 320), (210, 220)):
        np.testing.assert_allclose(latents.read(frames), whole[slice(*frames)], rtol=1e-4, atol=1e-5)
    assert array.reads.max() == 1
    assert not array.reads[60:190].any()


def test_latents_that_are_there_are_not_encoded_again(small_fit, small_stack):
    array = Counting(np.asarray(small_stack.array[:]))
    known = np.random.default_rng(0).normal(size=(320, small_fit.latents))
    np.testing.assert_array_equal(MovieLatents(small_fit, Stack(array), known).read((3, 9)), known[3:9])
    assert not array.reads.any()
    with pytest.raises(ValueError, match=r"latents has shape \(319, 6\)"):
        MovieLatents(small_fit, Stack(array), known[1:])


def test_a_check_can_end_the_encoding(small_fit, small_stack):
    asked = []

    def check():
        asked.append(1)
        if len(asked) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        MovieLatents(small_fit, small_stack).read((0, 320), check)
