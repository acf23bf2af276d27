"""Ranges as users write them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.movie.frames import check_ranges, overlap
from napari_varae.session.ranges import format_duration, format_ranges, format_time, parse_ranges, total

N_FRAMES = 10_000
segments = st.lists(st.integers(0, N_FRAMES), min_size=2, max_size=8, unique=True).map(
    lambda ends: tuple(zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False))
)
rates = st.none() | st.floats(0.01, 1000)


@given(segments, rates)
def test_what_is_written_can_be_read_back(segments, rate):
    assert parse_ranges(format_ranges(segments, rate), rate, N_FRAMES) == segments


@pytest.mark.parametrize(
    ("text", "rate", "expected"),
    [
        ("0-40, 60-100", None, ((0, 40), (60, 100))),
        ("60 to 100; 0–40", None, ((0, 40), (60, 100))),
        ("0 - 4.04", 10.0, ((0, 40),)),
        (".5:1.5", 30.0, ((15, 45),)),
        ("0 s - 4s, 6 - 8 seconds,", 10.0, ((0, 40), (60, 80))),
        ("0 - 40 frames; ", None, ((0, 40),)),
    ],
)
def test_users_write_ranges_in_many_ways(text, rate, expected):
    assert parse_ranges(text, rate, 1000) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("soon", "'soon' is not a range"),
        ("10", "'10' is not a range"),
        ("0 s - 10 s", "'0 s - 10 s' is not a range"),
        ("", "'' is not a range"),
        ("-5 - 5", "'-5 - 5' is not a range"),
        ("40-10", "is empty"),
        ("0-2000", "outside the movie, 0 - 1000"),
        ("0-50, 40-90", "overlap"),
    ],
)
def test_ranges_that_make_no_sense_are_told(text, message):
    with pytest.raises(ValueError, match=message):
        parse_ranges(text, None, 1000)


def test_one_pair_or_several():
    assert check_ranges((5, 9), 10) == ((5, 9),)
    assert check_ranges([(5, 9), (0, 3)], 10) == ((0, 3), (5, 9))
    assert check_ranges(np.array([[5, 9]]), 10) == ((5, 9),)
    with pytest.raises(ValueError, match="Range A"):
        check_ranges((), 10, name="Range A")


@given(segments, segments)
def test_counting_frames_agrees_with_sets(a, b):
    frames = [set().union(*(range(*part) for part in parts)) for parts in (a, b)]
    assert overlap(a, b) == len(frames[0] & frames[1])
    assert total(a) == len(frames[0])


def test_lengths_are_told_in_the_known_unit():
    assert format_duration(300, 30.0) == "300 frames, 10 s"
    assert format_duration(300, None) == "300 frames"
    assert [format_time(s) for s in (3, 600, 7200)] == ["3 s", "10 min", "2.0 h"]
