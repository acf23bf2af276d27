"""Movies that are computed when they are looked at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices

from napari_varae.viewer.lazy_movie import LazyMovie

TRUTH = np.random.default_rng(0).random((40, 5, 6), dtype=np.float32)


@pytest.fixture
def asked():
    return []


@pytest.fixture
def movie(asked):
    def compute(start, stop):
        asked.append((start, stop))
        return TRUTH[start:stop]

    return LazyMovie(compute, TRUTH.shape, remember=8)


@given(basic_indices(TRUTH.shape, allow_newaxis=False))
def test_it_is_indexed_as_an_array(index):
    lazy = LazyMovie(lambda start, stop: TRUTH[start:stop], TRUTH.shape)
    np.testing.assert_array_equal(lazy[index], TRUTH[index])


@given(st.lists(st.integers(-40, 39), max_size=5, min_size=1))
def test_it_takes_lists_of_frames(frames):
    lazy = LazyMovie(lambda start, stop: TRUTH[start:stop], TRUTH.shape)
    np.testing.assert_array_equal(lazy[frames, 1:3], TRUTH[frames, 1:3])


def test_a_frame_costs_a_frame_and_is_remembered(movie, asked):
    movie[7, :, 2:], movie[7], movie[-33]
    assert asked == [(7, 8)]


def test_only_the_last_frames_are_remembered(movie, asked):
    for frame in range(9):
        movie[frame]
    movie[8]
    assert len(asked) == 9
    movie[0]
    assert asked[-1] == (0, 1)


def test_the_whole_is_an_array_when_asked_for(movie):
    np.testing.assert_array_equal(np.asarray(movie), TRUTH)
    assert (movie.shape, movie.ndim, movie.size, len(movie)) == (TRUTH.shape, 3, TRUTH.size, 40)
    assert np.asarray(movie, dtype=float).dtype == float
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(movie, copy=False)


def test_frames_beyond_the_end_do_not_exist(movie):
    with pytest.raises(IndexError, match="Frame 40"):
        movie[40]
    assert len(list(iter(movie))) == 40
