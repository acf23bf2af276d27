"""Trials: rows are checked and named, seconds become frames and nothing is lost on the way."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.experiment.trials import Trials
from napari_varae.core.movie.frames import check_ranges
from napari_varae.errors import DataError

borders = st.lists(st.integers(0, 20_000), min_size=2, max_size=12, unique=True).map(sorted)
rates = st.floats(0.1, 1000)


def segments_of(borders):
    return list(zip(borders[::2], borders[1::2], strict=False))


@given(borders, rates)
def test_seconds_made_of_frames_give_the_same_frames(borders, rate):
    segments = segments_of(borders)
    start, stop = np.array(segments).T / rate
    trials = Trials(start, stop, ["go"] * len(segments), "s", rate)
    assert trials.frames("go") == trials.frames() == segments


@given(st.lists(st.floats(1, 50), min_size=2, max_size=12), rates, st.floats(0, 100))
def test_trials_of_a_frame_or_longer_keep_a_frame_and_stay_apart(durations, rate, first):
    """Rounding neither empties a trial nor lets neighbours share a frame."""
    edges = (first + np.cumsum([0, *durations])) / rate
    trials = Trials(edges[:-1], edges[1:], ["a"] * len(durations), "s", rate)
    ranges = trials.frames("a")
    assert check_ranges(ranges, 10_000) == tuple(ranges)
    assert np.abs(np.array(ranges)[:, 0] - edges[:-1] * rate).max() <= 0.5 + 1e-5


@pytest.mark.parametrize("rate", [30.0, 29.97, 7.3])
def test_a_frame_from_the_middle_of_a_frame_is_a_frame(rate):
    """The ends lie on the border between two roundings, where the last digit of a float decides."""
    middles = np.arange(0.5, 3000)
    trials = Trials(middles / rate, (middles + 1) / rate, ["a"] * len(middles), "s", rate)
    assert {stop - start for start, stop in trials.frames()} == {1}


@given(
    borders, st.sampled_from(["s", "frames"]), st.sampled_from([".csv", ".tsv"]),
    st.lists(st.text("abcé,;\t\"' \n", min_size=1).filter(str.strip), min_size=6, max_size=6),
)  # fmt: skip
def test_a_saved_table_is_the_same_when_read(tmp_path_factory, borders, unit, suffix, words):
    from napari_varae.io.trials import open_trials

    start, stop = np.array(segments_of(borders), dtype=float).T / (30.0 if unit == "s" else 1)
    words = [words[i].strip() for i in range(len(start))]
    trials = Trials(start, stop, words, unit, 30.0, {"reward": np.array(["left"] * len(start), dtype=object)})
    read = open_trials(trials.save(tmp_path_factory.mktemp("trials") / f"trials{suffix}"), frame_rate=30.0)
    pd.testing.assert_frame_equal(read.table, trials.table, check_dtype=False)
    assert (read.unit, read.frames()) == (trials.unit, trials.frames())


@pytest.mark.parametrize(
    ("start", "stop", "condition", "words"),
    [
        ([0, np.nan], [1, 2], "aa", "Row 2 of the trials has no finite start and stop"),
        ([0, 2], [1, np.inf], "aa", "Row 2 of the trials has no finite"),
        ([-1, -2, 5], [1, 2, 6], "aaa", "Rows 1, 2 of the trials have a negative time"),
        ([0, 5], [1, 5], "aa", "Row 2 of the trials has a stop that is not after its start"),
        ([0, 5], [1, 1e300], "aa", "Row 2 of the trials has a time beyond"),
        ([0, 5], [1, 6], ["a", " "], "Row 2 of the trials has no condition"),
        ([0, 9, 1], [5, 10, 6], "aba", "overlap: rows 1 and 3"),
        ([0, 5], [1, 5.05], "aa", r"Row 2 of the trials has less than one frame \(0.1 s\)"),
        ([], [], "", "no rows"),
    ],
)
def test_rows_that_are_no_trials_are_named(start, stop, condition, words):
    with pytest.raises(DataError, match=words):
        Trials(start, stop, tuple(condition), "s", 10.0)


def test_what_is_unusual_is_noted_with_its_rows():
    trials = Trials([6, 0, 2], [8, 4, 5], ["a", "a", "b"], "s", 10.0)
    assert "begins before the row above in row 2" in trials.notes[0]
    assert "share frames: rows 2 and 3" in trials.notes[1]
    assert trials.frames("a") == [(0, 40), (60, 80)]
    assert trials.conditions == ("a", "b")


def test_frames_are_whole_numbers():
    assert Trials([0, 5], [5, 6], "ab", "frames").frames() == [(0, 5), (5, 6)]
    with pytest.raises(DataError, match="Row 2 of the trials has a frame number that is not whole"):
        Trials([0, 5.5], [1, 7], "aa", "frames")


def test_a_frame_rate_is_never_guessed():
    trials = Trials([0.0], [0.05], ["a"], "s")
    with pytest.raises(ValueError, match="frame_rate"):
        trials.frames()
    with pytest.raises(ValueError, match="frame_rate"):
        trials.check(100)
    with pytest.raises(DataError, match="less than one frame"):
        trials.frames(frame_rate=10.0)
    assert trials.frames(frame_rate=20.0) == [(0, 1)]


def test_trials_after_the_movie_are_named_and_can_be_left_out():
    trials = Trials([0, 5, 9], [1, 6, 11], ["a", "b", "a"], "s", 10.0, {"note": np.array(["x", "y", "z"], object)})
    with pytest.raises(DataError, match=r"Row 3 of the trials has a stop after the end of the movie \(10 s\)"):
        trials.check(100)
    inside = trials.inside(100)
    inside.check(100)
    assert inside.table["note"].tolist() == ["x", "y"]
    assert inside.notes == ("Row 3 left out: after the end of the movie.",)
    trials.check(110)
    with pytest.raises(DataError, match="No trial"):
        trials.inside(5)


def test_other_mistakes_are_answered_in_words(tmp_path):
    trials = Trials([0], [1], ["go"], "s", 10.0)
    with pytest.raises(ValueError, match="no condition 'nogo'; there are go"):
        trials.frames("nogo")
    for wrong in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="positive"):
            Trials([0], [1], ["go"], "s", wrong)
    with pytest.raises(ValueError, match="unit='ms'"):
        Trials([0], [1], ["go"], "ms")
    with pytest.raises(ValueError, match="different lengths"):
        Trials([0], [1], ["go", "go"], "s")
    with pytest.raises(DataError, match="could not be written"):
        trials.save(tmp_path / "no such folder" / "trials.csv")


def test_an_existing_file_is_kept_when_writing_fails(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text("what the user had")
    trials = Trials([0], [1], ["lone surrogate \ud800"], "s", 10.0)
    with pytest.raises(DataError, match="could not be written"):
        trials.save(path)
    assert path.read_text() == "what the user had"
    assert list(tmp_path.iterdir()) == [path]
