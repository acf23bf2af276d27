"""Time left: what was estimated until epochs are measured; preparation does not count as epochs."""

import pytest

from napari_varae.core.fit.report import EpochReport
from napari_varae.session.time_left import describe_left


def epochs(*seconds, total=40):
    return [EpochReport(i, total, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.1, s, True) for i, s in enumerate(seconds)]


PHASES = {"reading": 10.0, "compressing": 30.0, "training": 20.0}


@pytest.mark.parametrize(
    ("history", "expected", "phase", "began", "elapsed", "text"),
    [
        ([], None, "reading", 0.0, 3.0, ""),
        ([], PHASES, "", 0.0, 0.0, "about 60 s left"),
        ([], PHASES, "reading", 0.0, 4.0, "about 56 s left"),
        ([], PHASES, "reading", 0.0, 25.0, "about 50 s left"),  # the others are still to come
        ([], PHASES, "compressing", 10.0, 30.0, "about 30 s left"),  # as fast as estimated
        ([], PHASES, "compressing", 35.0, 35.0, "about 2 min left"),  # (35 + 15) / (10 + 15) times as slow
        (epochs(120.0), {"reading": 60.0, "training": 240.0}, "", 120.0, 120.0, "about 6 min left"),
        (epochs(120.0), {"reading": 60.0, "training": 240.0}, "", 60.0, 400.0, "longer than estimated"),
        (epochs(120.0, 122.0), PHASES, "", 60.0, 122.0, "≤ 78 s left"),  # 39 epochs of 2 s, not of 122 s
        (epochs(120.0, 122.0, 3.0), PHASES, "", 60.0, 3.0, "≤ 76 s left"),  # gone on with
    ],
)
def test_time_left(history, expected, phase, began, elapsed, text):
    assert describe_left(history, expected, phase, began, elapsed) == text
