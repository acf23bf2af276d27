"""Cells, trials and behaviour of a session belong to its movie."""

import numpy as np
import pytest

from napari_varae import open_behaviour, open_cells, open_trials
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.train import fit
from napari_varae.errors import DataError, StackError
from napari_varae.session.session import Session


@pytest.fixture
def session(rng):
    session = Session()
    session.use_movie(Stack(rng.random((60, 16, 16), dtype=np.float32), frame_rate=10.0, name="toy"))
    return session


@pytest.fixture
def heard(session):
    heard = []
    for name in ("cells_changed", "trials_changed", "behaviour_changed", "ranges_changed"):
        getattr(session, name).connect(lambda name=name: heard.append(name))
    return heard


@pytest.fixture
def cells():
    image = np.zeros((16, 16), dtype=int)
    image[2:6, 2:6], image[9:14, 9:14] = 3, 7
    return open_cells(image)


TRIALS = {"start_s": [0.0, 2.0, 4.0], "stop_s": [1.0, 3.0, 5.0], "condition": ["go", "nogo", "go"]}


def test_conditions_become_a_and_b(session, heard):
    session.use_trials(open_trials(TRIALS))
    session.compare_conditions("go", "nogo")
    assert session.ranges == {"a": ((0, 10), (40, 50)), "b": ((20, 30),)}
    with pytest.raises(ValueError, match="no condition 'late'"):
        session.compare_conditions("nogo", "late")
    assert session.ranges["a"] == ((0, 10), (40, 50))
    assert heard == ["trials_changed", "ranges_changed"]


def test_what_does_not_fit_the_movie_leaves_what_was_there(session, heard, cells):
    trials, behaviour = open_trials(TRIALS), open_behaviour({"speed": np.arange(60.0)})
    session.use_cells(cells)
    session.use_trials(trials)
    session.use_behaviour(behaviour)
    heard.clear()
    for use, wrong, words in (
        (session.use_cells, open_cells(np.eye(12, dtype=int)), "12 x 12 pixels; the movie has 16 x 16"),
        (session.use_trials, open_trials({**TRIALS, "stop_s": [1.0, 3.0, 7.0]}), "Row 3 of the trials"),
        (session.use_trials, open_trials(TRIALS, 20.0), "20 Hz; the movie has 10 Hz"),
        (session.use_behaviour, open_behaviour([[100.0, 1.0], [101.0, 2.0]]), "no value at any of the 60 frames"),
        (session.use_behaviour, open_behaviour([1.0, 2.0], 20.0), "20 Hz; the movie has 10 Hz"),
    ):
        with pytest.raises(DataError, match=words):
            use(wrong)
    assert (session.cells, session.trials, session.behaviour) == (cells, trials, behaviour)
    assert not heard


def test_seconds_need_the_frame_rate_of_the_movie(session):
    session.describe_movie(None, None)
    for use, brought in (
        (session.use_trials, open_trials(TRIALS)),
        (session.use_behaviour, open_behaviour({"time": [0.0, 1.0], "speed": [1.0, 2.0]})),
    ):
        with pytest.raises(ValueError, match="Set the frame rate of the movie first"):
            use(brought)
    session.use_trials(open_trials({"start_frame": [0], "stop_frame": [9]}))
    assert session.condition_frames("trial") == ((0, 9),)


def test_behaviour_becomes_frames(session):
    session.use_behaviour(open_behaviour({"speed": np.repeat([0.0, 5.0, 0.0], 20)}))
    assert session.behaviour_frames("speed > 2", minimum=1.0) == ((20, 40),)
    with pytest.raises(ValueError, match="speed > 9 is empty"):
        session.behaviour_frames("speed > 9")


def test_tables_need_a_fit(session, cells):
    assert session.cell_table() is session.behaviour_table() is None
    session.use_cells(cells)
    session.use_behaviour(open_behaviour({"speed": np.arange(60.0)}))
    assert session.cell_table() is session.behaviour_table() is None
    trained = fit(session.stack, FitConfig(latents=3, epochs=0))
    session.use_fit(trained, trained.encode(session.stack))
    assert session.cell_table()["latent"].tolist() == [0, 1, 2]
    assert session.behaviour_table()["frames"].tolist() == [60] * 3


def test_another_movie_drops_them(session, cells, heard, rng):
    session.use_cells(cells)
    session.use_trials(open_trials(TRIALS))
    session.use_movie(Stack(rng.random((50, 16, 16))))
    assert session.cells is session.trials is session.behaviour is None
    assert heard[-4:] == ["cells_changed", "trials_changed", "behaviour_changed", "ranges_changed"]


def test_nothing_is_required_silently(cells):
    empty = Session()
    with pytest.raises(StackError, match="Open one"):
        empty.use_cells(cells)
    with pytest.raises(ValueError, match="no trials yet"):
        empty.condition_frames("go")
    with pytest.raises(ValueError, match="no behaviour yet"):
        empty.behaviour_frames("speed > 2")
    empty.use_cells(None)
