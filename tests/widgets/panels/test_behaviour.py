"""The Behaviour dock: trials become A and B, thresholds become frame sets, traces are shown and correlated."""

import csv

import numpy as np
import pytest

from napari_varae.session.session import session_of

TRIALS = "start,stop,condition\n10,30,go\n40,60,nogo\n80,100,go\n120,140,nogo\n"


@pytest.fixture
def panel(docks):
    return docks["Behaviour"]


@pytest.fixture
def trials(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text(TRIALS)
    return str(path)


@pytest.fixture
def traces(tmp_path):
    path = tmp_path / "behaviour.csv"
    speed = np.repeat([0.0, 5.0, 0.0, 3.0], 50)
    lines = [f"{t},{v},{t % 7}" for t, v in enumerate(speed)]
    path.write_text("\n".join(["frame,speed,lick", *lines]))
    return str(path)


def answer(panel, idle, **choices):
    for name, value in choices.items():
        field = panel.question.fields[name]
        field.setCurrentIndex(field.findData(value))
    panel.question.open_button.click()
    idle()


@pytest.mark.long
def test_the_unit_is_asked_for_and_conditions_become_a_and_b(docks, panel, session, movie, trials, idle, notices):
    panel.open_trials(trials)
    idle()
    assert session.trials is None
    assert panel.question.text.text() == "Are the times in seconds or in frames?"
    answer(panel, idle, unit="frames")
    assert panel.trials_report.text().splitlines() == [
        "go: 2 trials, 40 frames, 4 s", "nogo: 2 trials, 40 frames, 4 s",
    ]  # fmt: skip
    panel.compare_button.click()
    assert session.ranges == {"a": ((10, 30), (80, 100)), "b": ((40, 60), (120, 140))}
    bars = docks["Time"].traces._bars
    assert [bar.xData.tolist() for bar in bars] == [[1, 3, 8, 10], [4, 6, 12, 14]]
    assert not notices
    panel.conditions["b"].setCurrentText("go")
    panel.compare_button.click()
    assert "both 'go'" in notices.pop()


@pytest.mark.long
def test_onsets_ask_for_a_window(panel, session, movie, tmp_path, idle, notices):
    (tmp_path / "onsets.csv").write_text("onset_s,condition\n1,go\n4,nogo\n")
    panel.open_trials(str(tmp_path / "onsets.csv"))
    idle()
    for end, value in zip(panel.question.fields["window"].ends, (-0.5, 1.5), strict=True):
        end.set_value(value)
    panel.question.open_button.click()
    idle()
    assert not notices
    assert session.condition_frames("go") == ((5, 25),)


def test_trials_are_written_again(panel, session, movie, trials, tmp_path, idle):
    panel.open_trials(trials, unit="frames")
    idle()
    panel.save_trials(str(tmp_path / "again.csv"))
    assert (tmp_path / "again.csv").read_text().splitlines()[:2] == ["start_frame,stop_frame,condition", "10,30,go"]
    before = session.trials.frames("go")
    panel.open_trials(str(tmp_path / "again.csv"))
    idle()
    assert session.trials.frames("go") == before


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("190,210,go", "Row 5 of the trials has a stop after the end"),
        ("9,x,go", "'x', which is not a number, in row 5"),
    ],
)
def test_a_wrong_row_is_named_and_what_was_there_stays(
    panel, session, movie, trials, tmp_path, idle, notices, row, words
):
    panel.open_trials(trials, unit="frames")
    idle()
    before = session.trials
    (tmp_path / "wrong.csv").write_text(TRIALS + row)
    panel.open_trials(str(tmp_path / "wrong.csv"), unit="frames")
    idle()
    assert words in notices.pop()
    assert session.trials is before


def test_traces_are_shown_above_the_latents_and_correlated(docks, panel, session, trained, traces, idle, notices):
    panel.open_traces(traces)
    idle()
    assert not notices
    names = [name for _, name in docks["Time"].traces.getAxis("left")._tickLevels[0]]
    assert names[:2] == ["speed", "lick"]
    table = session.behaviour_table()
    sizes = [abs(float(panel.table.item(i, 2).text())) for i in range(panel.table.rowCount())]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(table["r"].abs().max(), abs=0.006)
    panel.table.setCurrentCell(0, 0)
    best = table.loc[table["r"].abs().idxmax()]
    assert (session.latent, session.trace) == (best["latent"], best["trace"])
    shown = [name for _, name in docks["Time"].traces.getAxis("left")._tickLevels[0]]
    assert shown[0] == best["trace"]
    assert len(shown) == len(names) - 1 + (str(best["latent"]) not in {name.partition(" ")[0] for name in names})


def test_a_threshold_makes_a_range(panel, session, movie, traces, idle, notices):
    panel.open_traces(traces)
    idle()
    panel.condition.setText("speed > 2")
    panel.minimum.set_value(1)
    panel.make["a"].click()
    assert session.ranges["a"] == ((50, 100), (150, 200))
    panel.minimum.set_value(50)
    panel.make["b"].click()
    assert "speed > 2 is empty" in panel.condition.complaint.text()
    panel.condition.setText("fast")
    panel.make["b"].click()
    assert "does not compare one trace" in panel.condition.complaint.text()
    assert not notices


def test_the_real_recording_with_its_behaviour(viewer, panel, session, recordings, idle, notices):
    """One row per frame, no frame rate: everything is in frames."""
    from napari_varae.io import open_stack
    from napari_varae.viewer.movie import open_movie

    open_movie(viewer, open_stack(recordings / "mouse_tactile_2p.tif"))
    panel.open_traces(str(recordings / "mouse_tactile_2p_covariates.csv"))
    idle()
    assert not notices
    assert session_of(viewer).behaviour.names == ("runningSpeed", "corridorPosition")
    panel.condition.setText("runningSpeed > 20")
    panel.minimum.set_value(3)
    panel.make["a"].click()
    with (recordings / "mouse_tactile_2p_covariates.csv").open(newline="") as file:
        speed = np.array([float(row["runningSpeed"]) for row in csv.DictReader(file)])
    inside = np.zeros(500, bool)
    for start, stop in session.ranges["a"]:
        assert stop - start >= 3
        inside[start:stop] = True
    assert (speed[inside] > 20).all()
    assert inside.sum() > 0


@pytest.mark.long
def test_many_trials_are_few_items(docks, panel, session, movie, tmp_path, idle):
    """The number of items that the plot draws does not grow with the trials."""
    rows = [f"{t},{t + 3},{'ab'[t % 8 // 4]}" for t in range(0, 196, 4)]
    (tmp_path / "many.csv").write_text("\n".join(["start_frame,stop_frame,condition", *rows]))
    panel.open_trials(str(tmp_path / "many.csv"))
    idle()
    before = len(docks["Time"].traces.items())
    panel.compare_button.click()
    assert len(session.ranges["a"]) == 25
    assert len(docks["Time"].traces.items()) <= before + 5
    assert docks["Time"].sets.table.item(0, 3).text() == "25 segments"


def test_a_frame_rate_that_trials_do_not_fit_is_refused(docks, panel, session, movie, tmp_path, idle, notices):
    (tmp_path / "trials.csv").write_text("start_s,stop_s,condition\n1,3,go\n10,19,nogo\n")
    panel.open_trials(str(tmp_path / "trials.csv"))
    idle()
    movie_dock = docks["Movie"]
    for rate, words in ((25, "after the end of the movie"), (None, "are in seconds")):
        movie_dock.frame_rate.set_value(rate)
        movie_dock.apply_button.click()
        notice = notices.pop()
        assert words in notice
        assert "close the trials" in notice
        assert session.stack.frame_rate == 10
    panel.close_trials_button.click()
    assert not docks["Time"].traces._bars
    movie_dock.apply_button.click()
    assert not notices
    assert session.stack.frame_rate is None


def test_traces_by_frame_stay_with_their_frames(docks, panel, session, movie, traces, idle, notices):
    """A frame rate that is corrected later must not shift them; spans are in seconds as long as one is known."""
    panel.open_traces(traces)
    idle()
    before = session.behaviour.at_frames(200, 10.0)
    session.describe_movie(25.0, None)
    np.testing.assert_array_equal(session.behaviour.at_frames(200, 25.0), before)
    panel.condition.setText("speed > 2")
    panel.minimum.set_value(2.0)
    panel.make["a"].click()
    assert session.ranges["a"] == ((50, 100), (150, 200))
    panel.minimum.set_value(2.04)  # 51 frames
    panel.make["a"].click()
    assert "is empty" in panel.condition.complaint.text()
