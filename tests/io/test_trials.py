"""Trials from files and tables as users have them."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_varae import open_trials
from napari_varae.errors import DataChoiceError, DataError

GO = [(10, 20), (50, 70)]


def write(tmp_path, text, name="trials.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "start_s,stop_s,condition\n1,2,go\n3,4,nogo\n5,7,go\n",
        "Start (s),End (s),Condition\n1,2,go\n3,4,nogo\n5,7,go\n",
        "start_time,stop_time,id,trial_type\n1,2,8,go\n3,4,8,nogo\n5,7,8,go\n",
        "onset_ms\tduration_s\ttrial_type\n1000\t1\tgo\n3000\t1\tnogo\n5000\t2\tgo\n",
        "start_frame;stop_frame;condition\n10;20;go\n30;40;nogo\n50;70;go\n",
        "\ufeffonset [sec],offset [sec],stimulus\r\n1,2,go\r\n3,4,nogo\r\n\r\n5.0,7e0,go\r\n",
    ],
)
def test_the_header_names_columns_and_unit(tmp_path, text):
    trials = open_trials(write(tmp_path, text), frame_rate=10.0)
    assert trials.frames("go") == GO
    assert trials.conditions == ("go", "nogo")


def test_a_unit_is_given_or_refused(tmp_path):
    path = write(tmp_path, "start,stop,condition\n1,2,go\n")
    with pytest.raises(DataError, match="seconds or in frames"):
        open_trials(path, frame_rate=10.0)
    assert open_trials(path, frame_rate=10.0, unit="s").frames("go") == [(10, 20)]
    assert open_trials(path, unit="frames").frames("go") == [(1, 2)]
    with pytest.raises(DataError, match="the argument unit is in seconds and start_frame in frames"):
        open_trials({"start_frame": [1], "stop_frame": [2]}, unit="s")
    with pytest.raises(ValueError, match="unit='ms'"):
        open_trials(path, unit="ms")


def test_what_is_left_open_lists_its_options(tmp_path):
    """What a dock asks: each option can be given as that argument."""
    table = {"on": [1.0], "off": [2.0]}
    with pytest.raises(DataChoiceError) as error:
        open_trials(table)
    assert error.value.options == {"start": ["on", "off"]}
    with pytest.raises(DataChoiceError) as error:
        open_trials(table, columns={"start": "on"})
    assert error.value.options == {"window": []}
    with pytest.raises(DataChoiceError) as error:
        open_trials(table, columns={"start": "on"}, window=(0, 1))
    assert error.value.options == {"unit": ["s", "frames"]}


def test_onsets_need_a_window():
    table = {"onset_s": [1.0, 4.0], "odour": ["a", "b"]}
    with pytest.raises(DataError, match="window"):
        open_trials(table)
    trials = open_trials(table, 10.0, window=(-0.5, 2.0), columns={"condition": "odour"})
    assert trials.frames() == [(5, 30), (35, 60)]
    assert trials.conditions == ("a", "b")
    for wrong in ((2, 1), (0, np.inf), "ab", 3):
        with pytest.raises(ValueError, match="window"):
            open_trials(table, window=wrong)
    with pytest.raises(DataError, match="Row 1 of the trials has a negative time"):
        open_trials(table, window=(-2, 1))


def test_names_of_conditions_stay_as_they_are(tmp_path):
    path = write(tmp_path, "start_s,stop_s,condition\n0,1,NA\n1,2,None\n2,3,01\n3,4,null\n")
    assert open_trials(path).conditions == ("NA", "None", "01", "null")
    assert open_trials({"start_s": [0.0, 1], "stop_s": [1, 2], "condition": [1.0, 2.0]}).conditions == ("1", "2")
    with pytest.raises(DataError, match="Row 2 of the trials has no condition"):
        open_trials({"start_s": [0, 1], "stop_s": [1, 2], "condition": ["a", None]})


def test_without_conditions_there_is_one(tmp_path):
    trials = open_trials(write(tmp_path, "start_s,stop_s,odour\n0,1,a\n2,3,b\n"), 10.0)
    assert trials.frames("trial") == [(0, 10), (20, 30)]
    assert "columns={'condition': ...}: odour" in trials.notes[0]
    assert trials.table["odour"].tolist() == ["a", "b"]


def test_a_data_frame_gives_its_own_columns():
    frame = pd.DataFrame({"start": [1, 5], "stop": [2, 7], "condition": ["go", "go"], "reward": [0.1, 0.2]}, [7, 3])
    trials = open_trials(frame, 10.0, "s")
    assert trials.frames("go") == GO
    assert trials.table["reward"].tolist() == [0.1, 0.2]
    assert trials.table.index.tolist() == [0, 1]


@pytest.mark.filterwarnings("default")
def test_pynapple_intervals():
    nap = pytest.importorskip("pynapple")
    intervals = nap.IntervalSet(start=[1, 3, 5], end=[2, 4, 7], metadata={"condition": ["go", "nogo", "go"]})
    assert open_trials(intervals, 10.0).frames("go") == GO
    plain = open_trials(nap.IntervalSet(start=[1, 5], end=[2, 7]), 10.0)
    assert plain.frames() == GO
    with pytest.raises(DataError, match="contradict"):
        open_trials(intervals, 10.0, unit="frames")


@pytest.fixture
def nwb():
    pynwb = pytest.importorskip("pynwb")
    file = pynwb.NWBFile("a session", "an identifier", datetime(2026, 1, 1, tzinfo=UTC))
    file.add_trial_column("stimulus", "what was shown")
    for start, stop, name in ((1.0, 2.0, "go"), (3.0, 4.0, "nogo"), (5.0, 7.0, "go")):
        file.add_trial(start_time=start, stop_time=stop, stimulus=name)
    return file


def save_nwb(file, tmp_path):
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(tmp_path / "session.nwb", "w") as io:
        io.write(file)
    return tmp_path / "session.nwb"


def test_nwb_trials(nwb, tmp_path):
    assert open_trials(nwb.trials, 10.0).frames("go") == GO
    nwb.add_epoch(0.0, 9.0, ["all"])
    path = save_nwb(nwb, tmp_path)
    trials = open_trials(path, 10.0)
    assert trials.frames("go") == GO
    assert trials.unit == "s"
    assert open_trials(path, 10.0, name="epochs").frames() == [(0, 90)]
    with pytest.raises(
        DataChoiceError, match=r"has no 'pauses'\. Choose one with name=\.\.\., of epochs, trials"
    ) as error:
        open_trials(path, 10.0, name="pauses")
    assert error.value.options == {"name": ["epochs", "trials"]}


def test_damaged_nwb(tmp_path):
    pytest.importorskip("pynwb")
    for content in (b"", b"\x89HDF\r\n\x1a\n" + bytes(100), b"start,stop"):
        (tmp_path / "damaged.nwb").write_bytes(content)
        with pytest.raises(DataError, match=r"damaged\.nwb"):
            open_trials(tmp_path / "damaged.nwb")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("start_s,stop_s\n", "no rows"),
        ("start_s,start_s\n1,2\n", "several columns named 'start_s'"),
        ("start_s,stop_s\n1,2\n1,2,3\n4\n", "2 columns, but not in rows 2, 3"),
        ("1,2,go\n3,4,go\n5,6,7\n", "No column is the start"),
        ("1,2\n3,4\n", "no header"),
        ("begin_of_it,stop_s\n1,2\n", "choose it with columns"),
        ("start_s,onset_s\n1,2\n", "stop or the duration"),
        ("start_s,Start [s],stop\n1,2,3\n", "may all be the start"),
        ("start_s,stop_s\n1,2\nx,5\n", "'x', which is not a number, in row 2"),
        ("start_s;stop_s\n1,5;2,5\n", "decimal point"),
        ("start_s,stop_s\n1,\n", "no finite start and stop"),
        ("start_s,stop_s\n1,0x10\n", "not a number"),
        ('start_s,stop_s\n1,"2\n', "is not a table"),
    ],
)
def test_bad_tables_are_answered_in_words(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        open_trials(write(tmp_path, text))


def test_bad_sources_are_answered_in_words(tmp_path):
    (tmp_path / "latin.csv").write_bytes("start_s,stop_s,condition\n1,2,süß\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        open_trials(tmp_path / "latin.csv")
    with pytest.raises(DataError, match=r"no such\.csv"):
        open_trials(tmp_path / "no such.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="could not be read"):
        open_trials(tmp_path / "folder.csv")
    with pytest.raises(DataError, match=r"'trials\.xlsx' is not a table"):
        open_trials("trials.xlsx")
    with pytest.raises(TypeError, match="not from int"):
        open_trials(7)
    with pytest.raises(ValueError, match="no column 'odour'; there are start_s, stop_s"):
        open_trials({"start_s": [1], "stop_s": [2]}, columns={"condition": "odour"})
    with pytest.raises(ValueError, match="columns names odour"):
        open_trials({"start_s": [1], "stop_s": [2]}, columns={"odour": "start_s"})
    for wrong in ({}, {"start_s": [1], "stop_s": [2, 3]}, {"start_s": 1, "stop_s": 2}, pd.DataFrame()):
        with pytest.raises(DataError):
            open_trials(wrong)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=80)
    | st.text('start_s,op;\t\n"0123.-eNa', max_size=80).map(lambda t: ("start_s,stop_s,condition\n" + t).encode())
)
def test_any_file_is_trials_or_a_data_error(tmp_path, content):
    (tmp_path / "any.csv").write_bytes(content)
    try:
        trials = open_trials(tmp_path / "any.csv", 10.0)
    except DataError:
        return
    assert len(trials.frames()) == len(trials)
