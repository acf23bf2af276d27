"""Robustness in the Compare dock: a table that grows, is kept, and is greyed when it is of other ranges."""

import pandas as pd
import pytest

import napari_varae as nv

from ..conftest import PATIENCE


@pytest.fixture
def ready(docks, session, trained):
    """Ranges and settings; pytest would keep the dock itself longer than the window."""
    session.set_range("a", (0, 90))
    session.set_range("b", (100, 200))
    dock = docks["Compare"]
    for name, value in (("resamples", 19), ("power_draws", 0), ("halves", False)):
        dock.form.fields[name].set_value(value)
    dock.robustness.what.setCurrentIndex(1)


def shown(box):
    table = box.table
    return [[table.item(i, j).text() for j in range(table.columnCount())] for i in range(table.rowCount())]


@pytest.mark.long
def test_the_rows_come_one_by_one_are_those_of_python_and_are_greyed_for_other_ranges(
    docks, ready, session, idle, tmp_path, monkeypatch
):
    box = docks["Compare"].robustness
    assert not box.csv_button.isEnabled()
    seen, watch = [], lambda: seen.append(box.summary.text())
    session.progressed.connect(watch)
    box.run()
    idle()
    session.progressed.disconnect(watch)
    settings = box._settings()
    found = nv.robustness(session.fit, session.stack, (0, 90), (100, 200), settings, vary=("order", "noise"))
    changes = ["as chosen", "order 2", "order 3", "without noise correction"]
    assert [row[0] for row in shown(box)] == changes
    assert [row[1].replace("\n", " ") for row in shown(box)] == found.table["verdict"].tolist()
    assert [float(row[2]) for row in shown(box)] == pytest.approx(found.table["coupling_p"].tolist(), rel=1e-2)
    assert {f"{i} of 4. Now: {change}." for i, change in enumerate(changes)} <= set(seen)
    assert found.summary in box.summary.text()
    widths = [box.table.sizeHintForColumn(column) for column in range(1, 5)]
    assert sum(widths) <= 310  # in a dock of 430 pixels, a third is left for the change, whose words wrap
    monkeypatch.setattr("napari_varae.widgets.boxes.robustness.ask_path", lambda *_: str(tmp_path / "robustness.csv"))
    box.csv_button.click()
    assert pd.read_csv(tmp_path / "robustness.csv")["change"].tolist() == changes
    assert box.table.isEnabled()
    session.set_range("b", (110, 200))
    assert not box.table.isEnabled()
    assert "Of other ranges" in box.summary.text()
    session.set_range("b", (100, 200))
    assert box.table.isEnabled()


@pytest.mark.long
def test_stop_keeps_the_rows_so_far(docks, ready, session, idle, qtbot):
    box = docks["Compare"].robustness
    box.what.setCurrentIndex(0)
    box.run()
    qtbot.waitUntil(lambda: box.table.rowCount() >= 1, timeout=PATIENCE)
    docks["Compare"].stop_button.click()
    idle()
    assert 1 <= len(session.robustness.rows) < session.robustness.planned


@pytest.mark.long
def test_without_ranges_there_is_nothing_to_check(docks, session, trained, notices):
    session.set_range("a", None)
    box = docks["Compare"].robustness
    assert not box.run_button.isEnabled()
    box.run()
    assert notices
