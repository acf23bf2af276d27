"""Time left: what was estimated until epochs are measured; preparation does not count as epochs."""

import pytest

from napari_varae.core.fit.report import EpochReport
from napari_varae.session.time_left import describe_left


def epochs(*seconds, total=40):
    return [EpochReport(i, total, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.1, s, True) for i, s in enumerate(seconds)]


@pytest.mark.parametrize(
    ("history", "expected", "elapsed", "text"),
    [
        ([], None, 3.0, ""),
        ([], 60.0, 20.0, "about 40 s left"),
        ([], 60.0, 80.0, "longer than estimated"),
        (epochs(120.0), 300.0, 120.0, "about 3 min left"),
        (epochs(120.0, 122.0), 300.0, 122.0, "≤ 78 s left"),  # 39 epochs of 2 s, not of 122 s
        (epochs(120.0, 122.0, 3.0), 300.0, 3.0, "≤ 76 s left"),  # gone on with
    ],
)
def test_time_left(history, expected, elapsed, text):
    assert describe_left(history, expected, elapsed) == text
