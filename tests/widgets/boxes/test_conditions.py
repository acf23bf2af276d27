"""Three conditions in the Compare dock: ticked, compared over all, pair by pair, and kept."""

import csv

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_varae.core.settings import ComparisonConfig
from napari_varae.session.analysis import save_analysis, use_analysis
from napari_varae.session.session import Session

SETS = {
    name: [(s + 10 * i, s + 10 * i + 9) for s in range(0, 180, 30)] for i, name in enumerate(("go", "stop", "rest"))
}
QUICK = ComparisonConfig(resamples=19, power_draws=0, correct_noise=False)


@pytest.mark.long
def test_frame_sets_are_ticked_and_two_are_too_few(docks, session, trained, notices):
    box = docks["Compare"].conditions
    docks["Compare"].form.set_value(QUICK)
    assert box.isHidden()
    session.set_frame_sets(SETS, ("go", "stop"))
    assert not box.isHidden()
    assert box.sets.count() == 3
    assert "go: 6 segments" in box.sets.item(0).text()
    box.sets.item(0).setCheckState(Qt.CheckState.Checked)
    box.sets.item(2).setCheckState(Qt.CheckState.Checked)
    assert list(box.ticked) == ["go", "rest"]
    assert not box.run_button.isEnabled()
    box.run()
    assert "Ticked: 2" in notices.pop()
    box.tick("go", "stop", "rest")
    assert box.run_button.text() == "Compare 3 conditions"
    session.clear_frame_set("stop")
    assert box.isHidden()


@pytest.mark.long
def test_the_answer_over_all_comes_first_and_a_pair_becomes_a_and_b(
    docks, session, trained, movie, idle, notices, tmp_path
):
    box = docks["Compare"].conditions
    docks["Compare"].form.set_value(QUICK)
    session.set_frame_sets(SETS, ("go", "stop"))
    box.tick(*SETS)
    box.run_button.click()
    assert session.job == "comparing"
    idle()
    (done,) = session.conditions
    found = done.found
    assert found.names == ("go", "stop", "rest")
    assert "go, stop, rest" in box.sentence.text()
    assert f"coupling p = {found.omnibus.p_values['coupling']:.3g}" in box.summary.text()
    assert box.table.rowCount() == 3
    assert box.table.item(1, 0).text() == "go, rest"
    assert box.table.item(1, 2).text() == f"{found.p_adjusted['coupling']['go', 'rest']:.3g}"
    box.table.setCurrentCell(1, 0)
    assert (session.frame_sets.a, session.frame_sets.b) == ("go", "rest")
    assert session.comparison is found.pairs["go", "rest"]
    assert session.is_current
    assert session.results == []  # a pair alone is no result: its p-values are not adjusted
    assert list(docks["Compare"].figures())[-1] == "null distribution over all conditions"
    box.copy_methods()
    assert QApplication.clipboard().text() == found.methods_text()
    box.export(str(tmp_path / "pairs.csv"))
    assert (tmp_path / "pairs.csv").read_text().startswith("a,b,coupling_p,")

    results = docks["Compare"].results
    results.save(str(tmp_path / "list.csv"))
    rows = list(csv.DictReader((tmp_path / "list.csv").read_text().splitlines()))
    assert [(row["a"], row["b"]) for row in rows] == list(found.pairs)
    assert {row["conditions"] for row in rows} == {"go; stop; rest"}
    for row, pair in zip(rows, found.pairs, strict=True):
        assert float(row["coupling_p_adjusted"]) == found.p_adjusted["coupling"][pair]
        assert float(row["persistence_p_over_all"]) == found.omnibus.p_values["persistence"]
        assert row["verdict"] == found.verdict(*pair)
    session.clear_frame_set("rest")
    docks["Compare"].form.fields["resamples"].set_value(55)
    results.repeat_button.click()
    assert {name: list(segments) for name, segments in box.ticked.items()} == SETS
    assert docks["Compare"].form.value() == QUICK

    save_analysis(session, tmp_path / "analysis")
    from napari_varae.io.analysis import open_analysis

    other = Session()
    other.use_movie(movie)
    use_analysis(other, open_analysis(tmp_path / "analysis"))
    (again,) = other.conditions
    assert again.found.p_adjusted == found.p_adjusted
    assert other.conditions_current(again)
    session.describe_movie(movie.frame_rate, movie.pixel_size, [3])
    assert box.summary.text().startswith("⚠")
    session.close_movie()
    assert session.conditions == []
    assert box.sentence.isHidden()
