"""Behaviour: interpolated where it is known, unknown elsewhere, and turned into frame sets."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.experiment.behaviour import Behaviour
from napari_varae.errors import DataError

NAN = np.nan


def trace(values, times=None, **more):
    times = np.arange(len(values)) if times is None else times
    return Behaviour(("speed",), times, np.asarray(values, dtype=float)[:, None], **{"unit": "s", **more})


@given(
    st.lists(st.floats(0.1, 1), min_size=2, max_size=30), st.lists(st.floats(-40, 40), max_size=30), st.floats(-9, 9)
)
def test_a_line_is_interpolated_and_never_continued(steps, times, slope):
    samples = np.cumsum(steps)
    behaviour = trace(3 + slope * samples, samples)
    usual = np.median(np.diff(samples))
    got = behaviour.at(times)[:, 0]
    for time, value in zip(times, got, strict=True):
        k = int(np.clip(np.searchsorted(samples, time), 1, len(samples) - 1))
        known = samples[0] <= time <= samples[-1] and samples[k] - samples[k - 1] <= 5 * usual
        if known:
            assert value == pytest.approx(3 + slope * time, abs=1e-6)
        elif samples[0] - usual / 2 <= time < samples[0]:
            assert value == behaviour.values[0, 0]
        elif samples[-1] < time <= samples[-1] + usual / 2:
            assert value == behaviour.values[-1, 0]
        else:
            assert np.isnan(value) or time in samples
    np.testing.assert_array_equal(behaviour.at(samples)[:, 0], behaviour.values[:, 0])


def test_nan_is_not_bridged():
    behaviour = trace([0, 1, NAN, 3, 4])
    np.testing.assert_array_equal(behaviour.at([0.5, 1, 1.5, 2, 2.5, 3, 3.5])[:, 0], [0.5, 1, NAN, NAN, NAN, 3, 3.5])
    assert behaviour.notes == ("speed has no value in 1 of 5 rows.",)
    np.testing.assert_array_equal(behaviour.at([-0.6, 4.6, NAN, np.inf, -np.inf])[:, 0], [NAN] * 5)


def test_the_last_frame_has_a_value_when_times_are_rounded_down():
    times = np.floor(1000 * np.arange(300) / 29.97) / 1000
    behaviour = trace(np.arange(300.0), times)
    found = behaviour.at_frames(300, 29.97)[:, 0]
    assert np.isfinite(found).all()
    assert found[-1] == 299
    assert np.isnan(behaviour.at_frames(301, 29.97)[-1, 0])
    np.testing.assert_array_equal(behaviour.at([-0.01, -0.02])[:, 0], [0, NAN])
    missing = trace([NAN, 1, 2, NAN], [0, 1, 2, 3])
    np.testing.assert_array_equal(missing.at([-0.4, 3.4])[:, 0], [NAN, NAN])


def test_a_gap_in_time_is_not_bridged():
    behaviour = trace([0, 1, 2, 8, 9], [0, 1, 2, 8, 9])
    np.testing.assert_array_equal(behaviour.at([2, 3, 8, 8.5])[:, 0], [2, NAN, 8, 8.5])
    assert "unknown in 1 gap(s) in time, before row 4" in behaviour.notes[0]
    assert trace([0, 1, 2, 7, 8], [0, 1, 2, 7, 8]).at([3])[0, 0] == 3


def test_thresholds_become_frame_sets():
    behaviour = trace([0, 0, 4, 4, 0, 4, 0], frame_rate=2.0)
    assert behaviour.frames("speed >= 4") == [(4, 7), (10, 11)]
    assert behaviour.frames("speed >= 4", minimum=1.0) == [(4, 7)]
    assert behaviour.frames("speed >= 4", minimum=1.5) == [(4, 7)]
    assert behaviour.frames("speed >= 4", minimum=1.6) == []
    assert behaviour.frames("speed >= 4", n_frames=6) == [(4, 6)]
    assert behaviour.frames("4 <= speed") == behaviour.frames("speed >= 4")
    assert (
        behaviour.frames("0 < speed < 4")
        == behaviour.frames("speed > 0 and speed < 4")
        == [(3, 4), (7, 8), (9, 10), (11, 12)]
    )
    assert behaviour.frames("speed < 1", n_frames=100)[-1] == (12, 14), "held for 0.5 s; unknown is not below"
    assert behaviour.frames("speed != 4", n_frames=100)[-1] == (11, 14), "unknown is not unequal"
    assert behaviour.frames("speed > 2", frame_rate=1.0) == [(2, 4), (5, 6)]


@given(
    st.lists(st.floats(0, 4), min_size=3, max_size=60), st.floats(0, 4), st.integers(0, 6), st.integers(1, 80)
)  # fmt: skip
def test_frame_sets_are_the_frames_that_meet_the_condition(values, limit, minimum, n_frames):
    behaviour = trace(values, unit="frames")
    ranges = behaviour.frames(f"speed > {limit!r}", minimum=minimum, n_frames=n_frames)
    met = {frame for start, stop in ranges for frame in range(start, stop)}
    wanted = {frame for frame, value in enumerate(values[:n_frames]) if value > limit}
    assert met <= wanted
    assert all(stop - start >= max(minimum, 1) for start, stop in ranges)
    if minimum <= 1:
        assert met == wanted


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("", "does not compare one trace"),
        ("speed", "does not compare one trace"),
        ("sped > 2", "there are speed"),
        ("speed > x", "'x' in 'speed > x' is neither a trace nor a number"),
        ("speed > 2 or speed < 1", "does not compare|neither"),
        ("speed > 2 and ", "does not compare|neither"),
        ("1 > 2", "does not compare"),
        ("__import__('os') > 2", "does not compare"),
    ],
)
def test_conditions_that_cannot_be_read(condition, words):
    with pytest.raises(ValueError, match=words):
        trace([1, 2, 3], unit="frames").frames(condition)


@given(st.text("speed <>=!&and 0123.-e", max_size=30))
def test_any_condition_is_read_or_a_value_error(condition):
    with contextlib.suppress(ValueError):
        trace([1, 2, 3], unit="frames").frames(condition)


@pytest.mark.parametrize(
    ("times", "values", "words"),
    [
        ([0, 1, 1, 2], [1, 2, 3, 4], "not after that of the row above in row 3"),
        ([0, 2, 1, NAN], [1, 2, 3, 4], "missing or not finite in row 4"),
        ([0, 2, 1, 0.5], [1, 2, 3, 4], "rows 3, 4"),
        ([0, 1, 2, 3], [1, np.inf, 3, 4], "infinite in row 2"),
        ([0], [1], "at least two"),
    ],
)
def test_what_are_no_traces_is_refused_by_row(times, values, words):
    with pytest.raises(DataError, match=words):
        trace(values, times)


def test_other_mistakes_are_answered_in_words():
    with pytest.raises(DataError, match="Several traces are named a"):
        Behaviour(("a", "a"), [0, 1], np.ones((2, 2)), "s")
    with pytest.raises(DataError, match="no trace"):
        Behaviour((), [0, 1], np.ones((2, 0)), "s")
    with pytest.raises(ValueError, match="do not fit"):
        Behaviour(("a",), [0, 1], np.ones(2), "s")
    with pytest.raises(ValueError, match="unit="):
        trace([1, 2], unit="ms")
    with pytest.raises(ValueError, match="frame_rate"):
        trace([1, 2]).at_frames(5)
    with pytest.raises(ValueError, match="minimum"):
        trace([1, 2], frame_rate=1.0).frames("speed > 1", minimum=-1)
    with pytest.raises(ValueError, match="one series"):
        trace([1, 2]).at([[1, 2]])
    with pytest.raises(ValueError, match="no trace lick; there are speed"):
        trace([1, 2]).choose(["lick"])


def test_traces_are_chosen_by_name():
    both = Behaviour(("a", "b"), [0, 1, 2], np.arange(6).reshape(3, 2), "frames")
    np.testing.assert_array_equal(both.choose(["b"]).at_frames(4)[:, 0], [1, 3, 5, NAN])
