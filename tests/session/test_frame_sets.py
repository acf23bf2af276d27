"""Named frame sets, the sides of a comparison, and edits that can be undone."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.movie.stack import Stack
from napari_varae.io.trials import open_trials
from napari_varae.session.frame_sets import FrameSets, as_trials, join
from napari_varae.session.session import Session

N_FRAMES = 60
ranges = st.tuples(st.integers(0, N_FRAMES - 1), st.integers(1, N_FRAMES)).map(
    lambda pair: (min(pair[0], pair[1] - 1), max(pair[0] + 1, pair[1]))
)


@pytest.fixture
def session():
    session = Session()
    session.use_movie(Stack(np.ones((N_FRAMES, 8, 8), dtype=np.float32), frame_rate=10))
    return session


def frames_of(segments):
    return {frame for start, stop in segments for frame in range(start, stop)}


@given(st.lists(ranges))
def test_joining_is_the_union(parts):
    joined = join(parts)
    assert frames_of(joined) == frames_of(parts)
    assert all(before[1] < after[0] for before, after in pairwise(joined))


def test_there_is_an_a_and_a_b_to_draw_from_the_beginning(session):
    assert session.frame_sets.names == ("A", "B")
    assert session.ranges == {"a": (), "b": ()}
    session.add_segment(session.active, (0, 10))
    assert session.ranges["a"] == ((0, 10),)


def test_a_side_that_is_set_is_the_set_of_its_letter(session):
    session.set_frame_sets({"go": [(0, 10)], "nogo": [(20, 30)]}, ("go", "nogo"))
    assert session.ranges == {"a": ((0, 10),), "b": ((20, 30),)}
    session.set_range("a", (40, 50))
    assert session.ranges["a"] == ((40, 50),)
    assert session.frame_sets["go"] == ((0, 10),), "what the user had is lost"


def test_sides_that_are_chosen_twice_change_places(session):
    session.set_frame_sets({"A": [(0, 10)], "B": [(20, 30)]})
    session.choose_side("a", "B")
    assert session.ranges == {"a": ((20, 30),), "b": ((0, 10),)}
    with pytest.raises(ValueError, match="No frame set is named 'C'"):
        session.choose_side("a", "C")


def test_segments_are_added_and_removed(session):
    session.add_segment("A", (0, 10))
    session.add_segment("A", (20, 30))
    session.add_segment("A", (8, 12))
    assert session.frame_sets["A"] == ((0, 12), (20, 30))
    session.remove_segment("A", 25)
    assert session.frame_sets["A"] == ((0, 12),)
    session.clear_frame_set("A")
    assert session.frame_sets["A"] == ()


def test_sets_are_named_renamed_and_removed(session):
    assert session.new_frame_set() == "C" == session.active
    session.add_segment("C", (0, 5))
    session.choose_side("b", "C")
    session.rename_frame_set("C", " reward ")
    assert session.active == "reward"
    assert session.ranges["b"] == ((0, 5),), "a side follows its set"
    for wrong, message in (("A", "already"), ("  ", "needs a name")):
        with pytest.raises(ValueError, match=message):
            session.rename_frame_set("reward", wrong)
    session.remove_frame_set("reward")
    assert session.frame_sets.names == ("A", "B")
    assert session.active == "A"
    assert session.ranges["b"] == ()


edits = st.lists(
    st.one_of(
        st.tuples(st.just("add_segment"), st.sampled_from("AB"), ranges),
        st.tuples(st.just("remove_segment"), st.sampled_from("AB"), st.integers(0, N_FRAMES)),
        st.tuples(st.just("clear_frame_set"), st.sampled_from("AB")),
        st.tuples(st.just("set_range"), st.sampled_from("ab"), ranges),
        st.tuples(st.just("new_frame_set")),
        st.tuples(st.just("remove_frame_set"), st.sampled_from("ABC")),
        st.tuples(st.just("choose_side"), st.just("a"), st.just("B")),
    ),
    max_size=12,
)


@given(edits)
def test_every_edit_can_be_undone_and_made_again(steps):
    session = Session()
    session.use_movie(Stack(np.ones((N_FRAMES, 8, 8), dtype=np.float32)))
    states = [session.frame_sets]
    for name, *arguments in steps:
        try:
            getattr(session, name)(*arguments)
        except ValueError:
            assert session.frame_sets == states[-1], "an edit that is refused changes nothing"
        if session.frame_sets != states[-1]:
            states.append(session.frame_sets)
    for state in states[-2::-1]:
        session.undo()
        assert session.frame_sets == state
    assert not session.can_undo
    for state in states[1:]:
        session.redo()
        assert session.frame_sets == state
    assert not session.can_redo


def test_an_edit_after_undo_forgets_what_was_undone(session):
    session.add_segment("A", (0, 10))
    session.undo()
    session.add_segment("A", (5, 10))
    assert not session.can_redo
    session.undo()
    session.undo()
    assert session.frame_sets == FrameSets()


def test_a_placebo_goes_with_the_segments_it_was_run_on_and_stays_for_others(session):
    session.set_range("a", (0, 10))
    kept = session.placebo = object()
    session.add_segment("C", (20, 30))
    assert session.placebo is kept
    session.undo()
    session.undo()
    assert session.placebo is None


@pytest.mark.parametrize("rate", [None, 7.3])
def test_frame_sets_go_to_a_table_and_back(rate, tmp_path):
    sets = FrameSets((("A", ((0, 11), (30, 31))), ("reward, late", ((11, 17),)), ("empty", ())))
    path = as_trials(sets, rate).save(tmp_path / "sets.csv")
    trials = open_trials(path, rate)
    assert {name: tuple(trials.frames(name)) for name in trials.conditions} == {
        name: segments for name, segments in sets if segments
    }
    with pytest.raises(ValueError, match="No frame set has a segment"):
        as_trials(FrameSets(), rate)


def test_empty_sets_give_way_to_those_that_are_compared(session):
    session.add_segment("B", (0, 5))
    session.set_frame_sets({"go": [(10, 20)], "stop": [(30, 40)]}, ("go", "stop"))
    assert session.frame_sets.names == ("B", "go", "stop"), "what was drawn stays"
    session.undo()
    assert session.frame_sets.names == ("A", "B")
