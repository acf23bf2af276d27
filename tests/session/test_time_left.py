"""Time left: what was estimated until epochs are measured; preparation does not count as epochs."""

import pytest

from napari_varae.core.fit.report import EpochReport
from napari_varae.session.current_job import CurrentJob
from napari_varae.session.time_left import describe_left


def epochs(*seconds, total=40):
    return [EpochReport(i, total, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.1, s, True) for i, s in enumerate(seconds)]


PHASES = {"reading": 10.0, "compressing": 30.0, "training": 20.0}


@pytest.mark.parametrize(
    ("history", "expected", "spent", "text"),
    [
        ([], None, {"reading": 3.0}, ""),
        ([], PHASES, {}, "about 60 s left"),
        ([], PHASES, {"loading PyTorch": 5.0}, "about 60 s left"),
        ([], PHASES, {"reading": 4.0}, "about 56 s left"),
        ([], PHASES, {"reading": 25.0}, "about 50 s left"),  # the others are still to come
        ([], PHASES, {"reading": 10.0, "compressing": 20.0}, "about 30 s left"),  # as fast as estimated
        ([], PHASES, {"reading": 35.0, "compressing": 0.0}, "about 2 min left"),  # (35 + 15) / (10 + 15) times as slow
        ([], PHASES, {"compressing": 12.0}, "about 38 s left"),  # what was skipped says nothing about the pace
        ([], PHASES, {"reading": 10.0, "compressing": 30.0, "": 15.0}, "about 5 s left"),  # before epoch 0
        ([], PHASES, {"reading": 10.0, "compressing": 30.0, "": 25.0}, "longer than estimated"),
        (epochs(40.0), PHASES, {"reading": 10.0, "compressing": 30.0, "": 5.0}, "about 15 s left"),
        (epochs(120.0, 122.0), PHASES, {"": 122.0}, "≤ 78 s left"),  # 39 epochs of 2 s, not of 122 s
        (epochs(120.0, 122.0, 3.0), PHASES, {"": 3.0}, "≤ 76 s left"),  # gone on with
    ],
)
def test_time_left(history, expected, spent, text):
    assert describe_left(history, expected, spent) == text


def test_pauses_count_for_no_phase(monkeypatch):
    now = 100.0
    monkeypatch.setattr("napari_varae.session.current_job.time.monotonic", lambda: now)
    job = CurrentJob()
    controls = job.begin("training", "Training")
    job.advance(controls, "reading, 0%", 0, 0)
    now = 103.0
    job.advance(controls, "reading, 50%", 0, 0)
    job.pause()
    now = 1000.0
    assert job.spent == {"reading": 3.0}  # the dock is looked at
    now = 2000.0
    job.resume()
    now = 2004.0
    job.advance(controls, "compressing, 0%", 0, 0)
    now = 2005.0
    assert job.spent == {"reading": 7.0, "compressing": 1.0}
