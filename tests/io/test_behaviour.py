"""Behaviour from files as users have them."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_varae import open_behaviour
from napari_varae.errors import DataError


def write(tmp_path, text, name="behaviour.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_covariates_of_the_tactile_recording(recordings):
    path = recordings / "mouse_tactile_2p_covariates.csv"
    raw = pd.read_csv(path)
    behaviour = open_behaviour(path)
    assert behaviour.names == ("runningSpeed", "corridorPosition")
    assert behaviour.unit == "frames"
    np.testing.assert_array_equal(behaviour.at(np.arange(500)), raw[list(behaviour.names)])
    running = behaviour.frames("runningSpeed > 15", minimum=5)
    assert all((raw["runningSpeed"][start:stop] > 15).all() and stop - start >= 5 for start, stop in running)
    timed = open_behaviour(path, 10.0)
    assert timed.frames("runningSpeed > 15", minimum=0.5) == running
    np.testing.assert_array_equal(timed.at(np.arange(500) / 10), raw[list(behaviour.names)])


@pytest.mark.parametrize(
    ("text", "unit", "first"),
    [
        ("time,speed\n0.5,1\n1.0,2\n1.5,4\n", "s", 0.5),
        ("Timestamp (ms);speed\n500;1\n1000;2\n1500;4\n", "s", 0.5),
        ("speed\ttime_s\n1\t0.5\n2\t1\n4\t1.5\n", "s", 0.5),
        ("frame,speed\n5,1\n6,2\n7,4\n", "frames", 5),
        ("speed\n1\n2\n4\n", "frames", 0),
        (",speed\n0,1\n1,2\n2,4\n", "frames", 0),
        ("time_frames,speed\n5,1\n6,2\n7,4\n", "frames", 5),
    ],
)
def test_times_come_from_the_column_that_is_there(tmp_path, text, unit, first):
    behaviour = open_behaviour(write(tmp_path, text))
    assert (behaviour.names, behaviour.unit, behaviour.times[0]) == (("speed",), unit, first)
    np.testing.assert_array_equal(behaviour.values[:, 0], [1, 2, 4])
    assert behaviour.notes[0].startswith("Times from")
    if unit == "frames":
        assert open_behaviour(tmp_path / "behaviour.csv", 10.0).times[0] == first / 10


def test_columns_of_text_are_left_out_and_slips_are_named(tmp_path):
    behaviour = open_behaviour(write(tmp_path, "speed,state,pupil\n1,run,\n2,rest,3\n4,run,5\n"))
    assert behaviour.names == ("speed", "pupil")
    assert "Left out, as they hold text: state." in behaviour.notes
    assert "pupil has no value in 1 of 3 rows." in behaviour.notes
    with pytest.raises(DataError, match="'1O', which is not a number, in row 2"):
        open_behaviour(write(tmp_path, "speed\n1\n1O\n3\n4\n"))
    with pytest.raises(DataError, match="No column holds numbers beside the time; there are time, state"):
        open_behaviour(write(tmp_path, "time,state\n1,run\n2,rest\n"))


def test_arrays(tmp_path):
    np.save(tmp_path / "speed.npy", np.array([1, 2, 4], dtype=np.int16))
    behaviour = open_behaviour(tmp_path / "speed.npy", 2.0)
    assert behaviour.names == ("speed",)
    np.testing.assert_array_equal(behaviour.at([0.25, 1.0])[:, 0], [1.5, 4])
    np.save(tmp_path / "timed.npy", np.array([[0.5, 1], [1.5, 3]]))
    for source in (tmp_path / "timed.npy", [[0.5, 1], [1.5, 3]]):
        np.testing.assert_array_equal(open_behaviour(source, 10.0).at([-0.1, 1.0])[:, 0], [np.nan, 2])
    for wrong, words in ((np.ones((3, 3)), "two columns"), (np.ones((2, 2, 2)), "shape"), (np.array(["a"]), "Found")):
        with pytest.raises(DataError, match=words):
            open_behaviour(wrong)
    np.save(tmp_path / "dict.npy", {"speed": [1, 2]})
    with pytest.raises(DataError, match="Found dict"):
        open_behaviour(tmp_path / "dict.npy")


def test_tables_in_memory():
    frame = pd.DataFrame({"t": [0.0, 1.0, 2.0], "speed": [1.0, 2.0, 4.0]}, index=[5, 6, 7])
    assert open_behaviour(frame).at([1.5])[0, 0] == 3
    assert open_behaviour(dict(frame.rename(columns={"t": "clock"})), time="clock").at([1.5])[0, 0] == 3
    with pytest.raises(ValueError, match="no column 'clock'"):
        open_behaviour(frame, time="clock")


@pytest.mark.filterwarnings("default")
def test_pynapple_series():
    nap = pytest.importorskip("pynapple")
    tsd = nap.Tsd(t=np.array([0.0, 1.0, 2.0]), d=np.array([1.0, 2.0, 4.0]))
    assert open_behaviour(tsd).at([1.5])[0, 0] == 3
    several = nap.TsdFrame(t=[0.0, 1.0], d=np.array([[1.0, 2], [3, 4]]), columns=["speed", "pupil"])
    assert open_behaviour(several).names == ("speed", "pupil")


def test_nwb(tmp_path):
    pynwb = pytest.importorskip("pynwb")
    file = pynwb.NWBFile("a session", "an identifier", datetime(2026, 1, 1, tzinfo=UTC))
    about = {"unit": "cm/s", "conversion": 100.0}
    file.add_acquisition(pynwb.TimeSeries(name="speed", data=[0.0, 1.0, 3.0], rate=2.0, starting_time=1.0, **about))
    file.add_acquisition(pynwb.TimeSeries(name="pupil", data=[[1, 2], [3, 4]], timestamps=[0.0, 0.7], unit="px"))
    file.add_acquisition(pynwb.TimeSeries(name="video", data=np.ones((2, 3, 3)), rate=2.0, unit="-"))
    path = tmp_path / "session.nwb"
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    with pytest.raises(DataError, match="of pupil, speed, video"):
        open_behaviour(path)
    np.testing.assert_array_equal(open_behaviour(path, name="speed").at([0.7, 1.25, 2.0])[:, 0], [np.nan, 50, 300])
    assert open_behaviour(path, name="pupil").names == ("pupil 0", "pupil 1")
    with pytest.raises(DataError, match="'video' holds no trace"):
        open_behaviour(path, name="video")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("time,speed\n", "no rows"),
        ("time,speed\n1,2\n", "at least two"),
        ("time,speed\n1,2\n,3\n3,4\n", "missing or not finite in row 2"),
        ("time,speed\n1,2\n3,3\n2,4\n", "not after that of the row above in row 3"),
        ("time,t_s,speed\n1,2,3\n", None),
        ("time_s,Time (s),speed\n1,2,3\n", "may all be the time"),
    ],
)
def test_bad_tables_are_answered_in_words(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        open_behaviour(write(tmp_path, text))


def test_bad_sources_are_answered_in_words():
    with pytest.raises(DataError, match=r"'speed\.mat' is not a file of traces"):
        open_behaviour("speed.mat")
    for missing in ("no such.csv", "no such.npy", "no such.nwb"):
        with pytest.raises(DataError, match="no such"):
            open_behaviour(missing)
    with pytest.raises(TypeError, match="not from int"):
        open_behaviour(7)
    for wrong in (0, -1, np.nan):
        with pytest.raises(ValueError, match="frame_rate"):
            open_behaviour([1.0, 2.0], wrong)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=80)
    | st.text('time,speed;\t\n"0123.-eNa', max_size=80).map(lambda text: ("time,speed\n" + text).encode())
)
def test_any_file_is_behaviour_or_a_data_error(tmp_path, content):
    (tmp_path / "any.csv").write_bytes(content)
    try:
        behaviour = open_behaviour(tmp_path / "any.csv", 10.0)
    except DataError:
        return
    assert behaviour.at_frames(20).shape == (20, len(behaviour.names))
