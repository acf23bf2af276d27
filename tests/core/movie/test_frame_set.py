"""Frame sets: runs of good frames, where they are cut, and what they hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.stack import Stack

T = 60
FRAMES = st.sets(st.integers(0, T - 1), max_size=12)


def movie(bad=(), breaks=()):
    stack = Stack(np.zeros((T, 8, 8), np.float32), bad_frames=bad)
    stack.breaks = tuple(breaks)
    return stack


@given(FRAMES, FRAMES, st.integers(1, T - 1))
def test_runs_are_good_frames_that_follow_each_other(bad, breaks, cut):
    """Every good frame once, none bad, none across a break; two runs side by side only at a break or a border."""
    ranges = [(0, cut), (cut, T)]
    frames = FrameSet.of(movie(bad, breaks), ranges)
    inside = [t for run in frames.runs for t in range(*run)]
    assert inside == [t for t in range(T) if t not in bad]
    assert frames.n_bad == len(bad)
    assert len(frames) == T
    begins = {start for start, _ in frames.runs}
    assert (breaks | {0, cut}) - bad <= begins
    for start in begins - breaks - {0, cut}:
        assert start - 1 in bad
    for order in (1, 3):
        pairs = [t for t in inside if all(s in inside and s + 1 not in begins for s in range(t - order, t))]
        assert frames.n_pairs(order) == len(pairs)
        assert all(stop - start > order for start, stop in frames.with_pairs(order))


def test_a_frame_set_is_a_value():
    assert FrameSet.of(movie([3]), (0, 9)) == FrameSet.of(movie([3]), [(0, 9)])
    assert FrameSet.of(movie([3]), (0, 9)) != FrameSet.of(movie([4]), (0, 9))  # as many bad frames, but others
    assert FrameSet.of(movie()).ranges == ((0, T),)
    with pytest.raises(ValueError, match="Range A"):
        FrameSet.of(movie(), (0, T + 1), name="Range A")


def test_a_movie_without_breaks_is_one_run():
    assert FrameSet.of(Stack(np.zeros((T, 8, 8))), (5, 20)).runs == ((5, 20),)


def test_the_gap_is_where_two_sets_come_closest():
    a, b, c = (FrameSet.of(movie(), ranges) for ranges in ([(0, 10), (40, 50)], (13, 38), (45, 48)))
    assert a.gap(b) == b.gap(a) == 2
    assert a.gap(c) < 0
