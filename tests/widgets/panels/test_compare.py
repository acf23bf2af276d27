"""The Compare dock: what it says while and after comparing, its maps, its files, its placebo."""

import csv
import json
import time
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import ComparisonConfig
from napari_varae.io.behaviour import open_behaviour
from napari_varae.session.job_events import Controls
from napari_varae.session.ranges import format_ranges
from napari_varae.session.results import Placebo
from napari_varae.viewer import provenance
from napari_varae.viewer.movie import open_movie
from napari_varae.widgets.parts.state_strip import JobLine

from ..conftest import PATIENCE


@pytest.fixture
def ready(docks, session, trained):
    """Ranges and settings; pytest would keep the dock itself longer than the window."""
    session.set_range("a", (0, 90))
    session.set_range("b", [(95, 140), (150, 200)])
    docks["Compare"].form.fields["resamples"].set_value(59)


@pytest.fixture
def compared(docks, ready, session, idle):
    docks["Compare"].run()
    idle()
    return session.comparison


def with_p_adjusted(compared, value):
    edges = compared.edges.copy()
    edges["p_within"] = value
    return replace(compared, test=replace(compared.test, edges=edges))


def drawn(plot):
    """Repeats in the histogram."""
    return plot._bars.getData()[1].sum()


@pytest.mark.long
def test_a_comparison_that_is_dropped_leaves_the_last_one_on_the_screen(docks, compared, session, qtbot, idle):
    dock = docks["Compare"]
    before = dock.verdict.text()
    dock.form.fields["resamples"].set_value(100_000)
    dock.run()
    qtbot.waitUntil(lambda: dock.verdict.text().startswith("So far p = "), timeout=PATIENCE)
    assert not dock.table.isEnabled()
    session.stop(keep=False)
    idle()
    assert session.comparison is compared
    assert dock.verdict.text() == before
    assert drawn(dock.plot) == compared.test.resamples
    assert dock.table.isEnabled()


@pytest.mark.long
def test_the_answer_so_far_is_told_while_comparing(docks, ready, session, qtbot, idle):
    dock = docks["Compare"]
    dock.form.fields["resamples"].set_value(100_000)
    dock.run()
    assert "first answer follows" in dock.verdict.text()
    qtbot.waitUntil(lambda: dock.verdict.text().startswith("So far p = "), timeout=PATIENCE)
    assert "of 100000 resamples" in dock.verdict.text()
    assert dock.plot.isVisibleTo(dock)
    assert 0 < drawn(dock.plot) < 100_000
    assert not any(export.isEnabled() for export in dock.exports)
    dock.stop_button.click()
    idle()
    assert drawn(dock.plot) == session.comparison.test.resamples
    assert all(export.isEnabled() for export in dock.exports)
    assert dock.verdict.coupling[0].text().endswith(f"{session.comparison.coupling.p_value:.3g}")
    assert "So far" not in dock.verdict.text()


@pytest.mark.long
def test_the_verdict_names_both_nulls_and_what_could_have_been_found(docks, ready, session, compared):
    dock = docks["Compare"]
    text, coupling = dock.verdict.text(), compared.coupling
    assert f"{coupling.p_of_null['VAR']:.3g} if the latents are a VAR" in text
    assert f"{coupling.p_of_null['blocks']:.3g} if blocks of the recording are exchangeable" in text
    assert f"a change of {coupling.detectable:.2f} would be found in about 3 of 4" in text
    assert f"{coupling.n_differ} of {coupling.n_coefficients}" in text
    assert f"With the noise left in: coupling p = {compared.uncorrected.coupling.p_value:.3g}" in text
    test = replace(compared.test, effective_frames=(20.0, 10.0))
    session.set_comparison(replace(compared, test=test))
    assert "in A: 20 of " in dock.verdict.text()
    for size, words in ((np.inf, "too few resamples"), (np.nan, "is not known")):
        unsure = replace(coupling, detectable=size)
        session.set_comparison(replace(compared, test=replace(compared.test, coupling=unsure)))
        assert words in dock.verdict.text()


@pytest.mark.long
def test_the_headline_is_the_verdict_on_coupling(docks, ready, session, compared):
    dock = docks["Compare"]
    test = replace(
        compared.test, effective_frames=(50.0, 50.0), spectral_radius=0.9, autocorrelation=0.0, n_pairs=(90, 90)
    )
    for p, halves, words in (
        (0.4, 1.0, "No difference between links was found."),
        (0.02, 1.0, "Links between latents differ between A and B."),
        (0.02, 0.01, "Whether links differ cannot be decided."),
    ):
        answer = replace(compared.coupling, p_value=p, detectable=0.2)
        session.set_comparison(
            replace(compared, test=replace(test, coupling=answer), halves={"any": halves, "b": halves})
        )
        assert dock.verdict.sentence.text() == words
        assert dock.verdict.persistence[0].text().endswith(f"{compared.persistence.p_value:.3g}")
    assert "the halves of a range differ" in dock.verdict.hint.text()


@pytest.mark.long
def test_a_placebo_that_was_run_is_part_of_verdict_and_exports(docks, ready, session, compared, tmp_path):
    dock = docks["Compare"]
    sure = replace(
        compared.test, effective_frames=(50.0, 50.0), spectral_radius=0.9, autocorrelation=0.0, n_pairs=(90, 90),
        coupling=replace(compared.coupling, p_value=0.02),
    )  # fmt: skip
    session.set_comparison(replace(compared, test=sure, halves={}))
    assert dock.verdict.sentence.text().startswith("Links between latents differ")
    pairs = {"lengths": (90, 90), "repeats": 20}
    session.set_placebo(Placebo(np.linspace(0.01, 0.2, 20), pairs, compared.config.changed(correct_noise=False)))
    assert "not part of the verdict" in dock.placebo.verdict.text()
    assert not session.comparison.placebo
    session.set_placebo(Placebo(np.linspace(0.01, 0.2, 20), pairs, compared.config))
    assert "not part of the verdict" not in dock.placebo.verdict.text()
    assert dock.verdict.sentence.text().startswith("Whether links differ cannot be decided")
    assert "of 20 placebo pairs" in dock.verdict.hint.text()
    dock.export(str(tmp_path / "found.json"))
    stored = json.loads((tmp_path / "found.json").read_text())
    assert stored["verdict"] == "cannot be decided"
    assert len(stored["placebo"]) == 20
    assert "Of 20 placebo pairs" in stored["methods"]
    session.set_placebo(None)  # as when other ranges are set
    assert dock.verdict.sentence.text().startswith("Whether links differ cannot be decided"), "it stays with its result"


@pytest.mark.long
def test_results_are_kept_in_a_list(docks, ready, session, compared, tmp_path, notices):
    dock = docks["Compare"]
    session.forget_comparisons()
    session.set_frame_sets({"go": compared.ranges["a"], "stop": compared.ranges["b"]}, ("go", "stop"))
    session.set_comparison(compared)
    assert not dock.results.isVisibleTo(dock)
    session.set_range("a", (5, 55))
    other = replace(compared, config=ComparisonConfig(resamples=77))
    session.set_comparison(other)
    assert dock.results.isVisibleTo(dock)
    assert [dock.results.table.item(line, 0).text() for line in range(2)] == ["A, stop", "go, stop"]
    dock.results.table.setCurrentCell(1, 0)
    assert session.comparison is compared
    assert not session.is_current
    dock.form.fields["resamples"].set_value(55)
    dock.results.repeat_button.click()
    assert session.is_current
    assert session.frame_sets.a == "go"
    assert dock.form.value() == compared.config
    dock.results.save(str(tmp_path / "list.csv"))
    rows = list(csv.DictReader((tmp_path / "list.csv").read_text().splitlines()))
    assert [(row["a"], row["b"]) for row in rows] == [("go", "stop"), ("A", "stop")]
    assert [float(row["coupling_p"]) for row in rows] == [compared.coupling.p_value] * 2
    first = session.results[0]
    session.results[0] = first._replace(about=first.about._replace(fit="0123456789"))
    dock.results._reopen(session.results[0])
    assert "is of the fit 012345" in notices.pop()


@pytest.mark.long
def test_every_link_is_in_the_table_and_can_be_sorted(docks, ready, session, compared):
    table, edges = docks["Compare"].table, compared.edges
    assert table.edges.rowCount() == len(edges)
    p = [edges["p_within"][edges_of(edges, table.edges.edge(line))] for line in range(len(edges))]
    assert p == sorted(p)
    table.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    sizes = [abs(edges["difference"][edges_of(edges, table.edges.edge(line))]) for line in range(len(edges))]
    assert sizes == sorted(sizes, reverse=True)
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    shown = [float(table.edges.data(table.edges.index(line, 1))) for line in range(len(edges))]
    assert shown == sorted(shown, reverse=True)
    chosen = table.edges.edge(3)
    session.set_edge(chosen)
    assert [index.row() for index in table.selectionModel().selectedRows()] == [3]


def edges_of(edges, edge):
    rows = (edges["lag"] == edge.lag) & (edges["target"] == edge.target) & (edges["source"] == edge.source)
    return int(np.flatnonzero(rows)[0])


@pytest.mark.long
def test_frame_sets_are_chosen_as_sides(docks, ready, session):
    sides = docks["Compare"].sides
    session.set_frame_sets({"go": [(0, 50)], "stop": [(60, 90)]})
    box = sides.sets["a"]
    box.setCurrentIndex(box.findText("stop"))
    box.activated.emit(box.currentIndex())
    assert session.ranges["a"] == ((60, 90),)
    sides.fields["a"].setText("6 - 8")
    sides.fields["a"].editingFinished.emit()
    assert session.frame_sets["stop"] == ((60, 80),), "what is typed changes the set that is shown"
    sides.fields["a"].setText("")
    sides.fields["a"].editingFinished.emit()
    assert session.frame_sets["stop"] == ()


@pytest.mark.long
def test_the_difference_map_is_shown_when_links_differ(viewer, docks, ready, session, compared, trained, movie, idle):
    dock = docks["Compare"]
    from napari_varae.core.comparison.difference_map import difference_map

    none = with_p_adjusted(compared, 1.0)
    session.set_comparison(none)
    assert not dock.map_button.isEnabled()
    every = with_p_adjusted(compared, 0.01)
    session.set_comparison(every)
    assert dock.map_button.isEnabled()
    dock.map_button.click()
    idle()
    layer = viewer.layers[-1]
    np.testing.assert_array_equal(layer.data, difference_map(trained, movie, every))
    a, b = (format_ranges(every.ranges[letter], movie.frame_rate) for letter in "ab")
    assert layer.name == f"difference map, A {a} s minus B {b} s, p ≤ 0.05"
    session.set_comparison(none)
    assert not layer.visible
    layer.visible = True
    session.use_fit(trained, trained.encode(movie))
    assert not layer.visible
    assert "the map of A minus the map of B" in layer.metadata[provenance.KEY]["definition"]


@pytest.mark.long
def test_a_difference_map_says_which_ranges_and_is_not_taken_for_that_of_others(
    viewer, docks, ready, session, compared, idle
):
    dock, names = docks["Compare"], []
    for b in ([(100, 160)], [(100 + 20 * i, 110 + 20 * i) for i in range(4)]):
        frames = {name: FrameSet(tuple(side), tuple(side), 0) for name, side in (("a", [(0, 60)]), ("b", b))}
        session.set_comparison(replace(with_p_adjusted(compared, 0.01), frames=frames))
        dock.map_button.click()
        idle()
        names.append(viewer.layers[-1].name)
    assert len(set(names)) == 2
    assert set(names) <= {layer.name for layer in viewer.layers}
    assert "…" not in names[0]
    assert "…" in names[1]
    definition = viewer.layers[-1].metadata[provenance.KEY]["definition"]
    assert format_ranges(tuple(b), session.stack.frame_rate) in definition


@pytest.mark.long
def test_a_result_says_of_which_ranges_it_is(docks, ready, session, compared, idle):
    dock = docks["Compare"]
    assert "A 0.0 - 9.0 s, B 9.5 - 14.0, 15.0 - 20.0 s" in dock.verdict.text()
    assert dock.verdict.sentence.isEnabled()
    session.set_range("a", (0, 80))
    assert "not of the ranges and bad frames that are set now" in dock.verdict.text()
    assert "A 0.0 - 9.0 s" in dock.verdict.text()
    assert not dock.verdict.sentence.isEnabled()
    assert dock.verdict.folds["Details"].isEnabled()
    session.set_range("a", (0, 90))
    assert "not of the ranges" not in dock.verdict.text()
    session.describe_movie(session.stack.frame_rate, session.stack.pixel_size, bad_frames=[5])
    assert "not of the ranges" in dock.verdict.text()
    dock.run()
    assert dock.verdict.sentence.isEnabled()
    idle()
    assert "not of the ranges" not in dock.verdict.text()


@pytest.mark.long
def test_a_result_of_a_movie_that_is_gone_is_dropped(viewer, docks, ready, session, qtbot, idle, notices):
    dock = docks["Compare"]
    dock.form.fields["resamples"].set_value(100_000)
    dock.run()
    qtbot.waitUntil(lambda: dock.verdict.text().startswith("So far"), timeout=PATIENCE)
    session.close_movie()
    dock.stop_button.click()
    idle()
    assert session.comparison is None
    assert [text for text in notices if "kept: Recover" not in text] == [notices[-1]]
    assert "no longer in use" in notices[-1]


@pytest.mark.long
def test_means_and_variances_are_told_apart_from_the_test(docks, ready, session, compared):
    shifts, ratios = np.zeros(len(compared.test.mean_shift)), np.ones(len(compared.test.mean_shift))
    shifts[2], ratios[0], ratios[1] = -1.5, 3, np.nan
    session.set_comparison(replace(compared, test=replace(compared.test, mean_shift=shifts, variance_ratio=ratios)))
    text = docks["Compare"].verdict.text()
    assert "means differ by up to 1.5 SD (latent 2)" in text
    assert "1 to 3 times the variance" in text


@pytest.mark.long
def test_responses_of_trials_are_taken_away_on_request(docks, ready, session, idle, notices):
    dock = docks["Compare"]
    session.set_range("a", [(25 * i, 25 * i + 12) for i in range(8)])
    session.set_range("b", [(25 * i + 13, 25 * i + 25) for i in range(8)])
    dock.form.fields["subtract_responses"].set_value(True)
    dock.run()
    idle()
    assert session.comparison.config.subtract_responses
    session.set_range("b", [(25 * i + 13, 25 * i + 24 + i % 2) for i in range(8)])
    dock.placebo.where.setCurrentIndex(dock.placebo.where.findData("segments"))
    for run in (dock.run, dock.placebo.run):
        run()
        idle()
        assert "at least 4 of one length are needed" in notices.pop()


@pytest.mark.long
def test_too_few_repeats_find_nothing_and_say_so(docks, ready, session, compared, idle, notices):
    session.set_comparison(replace(compared, config=compared.config.model_copy(update={"level": 0.001})))
    assert "59 resamples are too few to find a difference at the 0.1 % level" in docks["Compare"].verdict.text()
    assert "99.9 % interval" in docks["Compare"].verdict.text()
    docks["Compare"].form.fields["level"].set_value(0.001)
    docks["Compare"].run()
    idle()
    assert "choose at least 999" in notices.pop()


@pytest.mark.long
@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_every_file_can_be_opened(docks, ready, compared, tmp_path, suffix):
    dock = docks["Compare"]
    path = tmp_path / f"comparison.{suffix}"
    dock.export(str(path))
    if suffix == "json":
        assert json.loads(path.read_text())["p_of_null"] == compared.test.p_of_null
    else:
        assert path.read_text().splitlines()[0].endswith("p_adjusted,p_within,q_value,detectable")


@pytest.mark.long
def test_placebo_values_come_one_by_one_and_are_weighed(docks, ready, session, qtbot, idle):
    dock = docks["Compare"]
    box = dock.placebo
    box.where.setCurrentIndex(box.where.findData("all"))
    session.set_range("a", (0, 50))
    session.set_range("b", (55, 105))
    box.run_button.click()
    qtbot.waitUntil(lambda: " pairs have p ≤ 0.05" in box.verdict.text(), timeout=PATIENCE)
    dock.stop_button.click()
    idle()
    assert session.placebo.pairs["repeats"] == len(session.placebo.p_values) < 20
    assert box.plot.isVisibleTo(dock)
    box.show_values(np.linspace(0.025, 0.975, 20))
    assert "1 of 20 pairs" in box.verdict.text()
    assert "more than chance" not in box.verdict.text()
    box.show_values(np.full(20, 0.01), permuted=True)
    assert "segments differ from each other" in box.verdict.text()
    box.show_values(np.full(20, 0.01))
    assert "some pairs hold the change that you look for" in box.verdict.text()
    assert "more than chance" in box.verdict.text()
    session.set_range("b", (60, 105))
    assert "pairs have" not in box.verdict.text()
    assert not box.plot.isVisibleTo(dock)


@pytest.mark.long
def test_a_file_that_cannot_be_written_is_told(docks, ready, compared, tmp_path, notices):
    for suffix in ("svg", "png", "csv"):
        docks["Compare"].export(str(tmp_path / "nowhere" / f"comparison.{suffix}"))
        assert len(notices) == 1
        assert "was saved" not in notices.pop()


@pytest.mark.long
@pytest.mark.parametrize("work", ["comparison", "placebo"])
def test_a_dock_may_close_while_its_answer_grows(viewer, docks, ready, session, qtbot, idle, notices, work):
    dock = docks.pop("Compare")
    dock.form.fields["resamples"].set_value(100_000)
    if work == "comparison":
        dock.run()
        qtbot.waitUntil(lambda: dock.verdict.text().startswith("So far"), timeout=PATIENCE)
    else:
        session.set_range("a", (0, 50))
        session.set_range("b", (55, 105))
        dock.placebo.run()
        qtbot.waitUntil(lambda: " pairs have" in dock.placebo.verdict.text(), timeout=PATIENCE)
    viewer.window.remove_dock_widget(dock)
    session.stop(keep=True)
    idle()
    qtbot.wait(300)  # for what is still on its way to the screen
    assert not notices


@pytest.mark.long
def test_a_placebo_needs_ranges_and_room(docks, ready, session, idle, notices):
    dock = docks["Compare"]
    session.set_range("b", None)
    dock.placebo.run()
    assert "Set the ranges" in notices.pop()
    session.set_range("a", (0, 150))
    session.set_range("b", (150, 200))
    dock.placebo.run()
    idle()
    assert "too short" in notices.pop()
    session.set_range("b", (152, 196))
    dock.placebo.run()
    idle()
    assert "nearly A and B themselves" in notices.pop()


@pytest.mark.long
@pytest.mark.parametrize("where", ["all", "segments"])
def test_the_last_pair_of_a_placebo_counts(docks, ready, session, idle, where):
    dock = docks["Compare"]
    session.set_range("a", [(25 * i, 25 * i + 12) for i in range(8)])
    session.set_range("b", [(25 * i + 13, 25 * i + 25) for i in range(8)])
    strict = ComparisonConfig(blocks=0, correct_noise=False, level=0.002, resamples=999, seed=3)
    dock.form.set_value(strict)  # which 99 draws could not reach
    dock.placebo.where.setCurrentIndex(dock.placebo.where.findData(where))
    dock.placebo.run()
    idle()
    assert " of 20 pairs" in dock.placebo.verdict.text()
    assert session.placebo.config == strict.changed(level=0.05, resamples=99)
    assert ("segments" in session.placebo.pairs) == (where == "segments")


@pytest.mark.long
def test_the_summary_and_the_table_give_the_same_difference(docks, ready, compared):
    box, edges = docks["Compare"].verdict, docks["Compare"].table.edges
    shown = {tuple(edges.edge(line)): edges.data(edges.index(line, 3)) for line in range(edges.rowCount())}
    for answer, cells in ((compared.coupling, box.coupling), (compared.persistence, box.persistence)):
        low, high = answer.interval
        assert f"{answer.difference:+.2f} ({low:+.2f} to {high:+.2f})" in cells[-1].text()
        assert shown[answer.coefficient] == f"{answer.difference:+.2f} ({low:+.2f} to {high:+.2f})"


@pytest.mark.long
def test_the_answer_leads_with_the_verdict_and_two_answers(docks, ready, session, compared):
    box = docks["Compare"].verdict
    shown = (box.sentence, box.hint, *box.coupling, *box.persistence, box.frames)
    assert all(part.isVisibleTo(box) for part in shown)
    assert box.sentence.text().count(".") == 1
    assert not any(fold.isExpanded() for fold in box.folds.values())
    session.set_comparison(replace(compared, warnings=("Be <b>careful</b>.", "And here.")))
    assert box.folds["Cautions"].text() == "Cautions (2)"
    box.folds["Cautions"].expand()
    assert "<b>careful</b>" in box.warnings.text()
    assert box.warnings.textFormat() == Qt.TextFormat.PlainText


@pytest.mark.long
@pytest.mark.parametrize(("kind", "name"), [("csv", "first"), ("csv", "mouse.day2"), ("json", "first")])
def test_the_button_decides_on_the_format(docks, ready, compared, tmp_path, monkeypatch, notices, kind, name):
    dock = docks["Compare"]
    chosen = str(tmp_path / name)
    monkeypatch.setattr("qtpy.QtWidgets.QFileDialog.getSaveFileName", lambda *_: (chosen, ""))
    dock._export(kind)
    assert notices.pop().startswith("info")
    ending = f".{kind}"
    (path,) = tmp_path.iterdir()
    assert path.name == name + ending
    before = path.read_bytes()
    session_size = len(before)
    dock._export(kind)  # the dialog did not ask whether this file may be replaced
    assert "exists already" in notices.pop()
    assert len(path.read_bytes()) == session_size


def test_one_typo_does_not_erase_a_list_of_trials(docks, session, movie, notices):
    dock = docks["Compare"]
    trials = ", ".join(f"{i} - {i + 0.5}" for i in range(18)) + ", 19 -"
    dock.sides.fields["a"].setText(trials)
    dock.sides.fields["a"].editingFinished.emit()
    assert "'19 -' is not a range" in dock.sides.fields["a"].complaint.text()
    assert not notices
    assert dock.sides.fields["a"].text() == trials
    session.set_range("b", (0, 5))
    session.end(session.begin("computing"))
    assert dock.sides.fields["a"].text() == trials
    assert session.ranges["a"] == ()
    dock.sides.fields["a"].setText(trials + " 19.5")
    dock.sides.fields["a"].editingFinished.emit()
    assert len(session.ranges["a"]) == 19
    assert dock.sides.fields["a"].text().endswith("19.0 - 19.5")
    assert dock.sides.fields["a"].cursorPosition() == 0  # the beginning is seen
    assert dock.sides.fields["a"].complaint.isHidden()


def test_errors_are_in_the_unit_that_was_typed(docks, session, movie, notices):
    dock = docks["Compare"]
    for typed, words in (
        ("10 - 30", "10.0 - 30.0 s lies outside the movie, 0.0 - 20.0 s"),
        ("1-3, 2-4", "2.0 - 4.0 s"),
    ):
        dock.sides.fields["a"].setText(typed)
        dock.sides.fields["a"].editingFinished.emit()
        assert words in dock.sides.fields["a"].complaint.text()
    dock.sides.fields["a"].setText("10 - 30")
    dock.sides.fields["a"].editingFinished.emit()
    notices.clear()
    dock.sides.unit.setCurrentText("frames")  # what was meant
    assert session.ranges["a"] == ((10, 30),)


@pytest.mark.long
@pytest.mark.parametrize("work", ["comparison", "placebo"])
def test_a_job_outlives_its_dock_and_its_answer_is_there_when_it_opens_again(
    viewer, docks, ready, session, qtbot, idle, notices, work
):
    dock = docks.pop("Compare")
    session.set_range("a", (0, 50))
    session.set_range("b", (55, 105))
    dock.form.fields["resamples"].set_value(3000)
    (dock.run if work == "comparison" else dock.placebo.run)()
    dock.parentWidget().destroyOnClose()
    del dock
    strip = docks["Movie"].findChild(JobLine)
    assert strip.text.text().startswith("Comparing A" if work == "comparison" else "Placebo")
    qtbot.waitUntil(lambda: session.progress.done > 0, timeout=PATIENCE)
    strip.show_button.click()
    again = viewer.window.dock_widgets["Compare (VARAE)"]
    assert again.form.fields["resamples"].value == 3000
    text = again.verdict.text() if work == "comparison" else again.placebo.verdict.text()
    assert ("So far p" if work == "comparison" else "pairs have") in text
    began = time.monotonic()
    strip.stop.click()
    idle()
    assert time.monotonic() - began < 2
    if work == "comparison":
        assert again.verdict.text().splitlines()[0] == again.verdict.sentence.text()
        assert session.comparison is not None
    else:
        assert len(session.placebo.p_values)
        session.set_range("b", (60, 105))
        assert session.placebo is None
    assert not notices


@pytest.mark.long
@pytest.mark.parametrize("work", ["map", "encoding"])
def test_one_stop_for_every_job(docks, session, trained, movie, qtbot, idle, monkeypatch, notices, work):
    """Each look at whether the work is still wanted takes a while here."""
    strip, asked = docks["Time"].findChild(JobLine), []
    usual = Controls.check

    def slow(controls):
        asked.append(1)
        time.sleep(0.1)
        usual(controls)

    monkeypatch.setattr(Controls, "check", slow)
    monkeypatch.setattr("napari_varae.core.fit.apply.BLOCK", 2)
    monkeypatch.setattr("napari_varae.core.fit.movie_latents.PIECE", 2)
    if work == "map":
        monkeypatch.setattr("napari_varae.core.movie.stack.PIECE", 1)
        docks["Look"].kind.setCurrentIndex(1)
        docks["Look"].show_map()
    else:
        session.fits.append(other := replace(trained))
        docks["Train"].fits._show()
        docks["Train"].fits._choose(session.fits.index(other))
    qtbot.waitUntil(lambda: len(asked) > 2, timeout=PATIENCE)
    began = time.monotonic()
    strip.stop.click()
    idle()
    assert time.monotonic() - began < 1
    assert session.fit is trained
    assert not notices


@pytest.mark.long
def test_a_comparison_of_a_fit_of_another_movie_carries_the_caution(viewer, docks, session, fit, stack, idle, tmp_path):
    other = Stack(stack.array[::-1].copy(), stack.frame_rate, name="backwards")
    open_movie(viewer, other)
    fit.save(tmp_path / "cells.varae")
    docks["Train"].fits.load(str(tmp_path / "cells.varae"))
    idle()
    assert "trained on another movie" in session.caution
    strips = [panel.findChild(QLabel, "caution") for name, panel in docks.items() if name != "Time"]
    assert all(strip.text() == f"⚠ {session.caution}" and strip.isVisibleTo(strip.window()) for strip in strips)
    assert f"{session.explained:.1%} of this movie explained" in session.model_text
    session.set_range("a", (0, 90))
    session.set_range("b", (100, 200))
    docks["Compare"].form.fields["resamples"].set_value(29)
    docks["Compare"].run()
    idle()
    assert "trained on another movie" in session.comparison.warnings[0]
    assert "trained on another movie" in session.comparison.methods_text()
    assert "trained on another movie" in docks["Compare"].verdict.warnings.text()
    open_movie(viewer, stack)
    assert not any(strip.isVisibleTo(strip.window()) for strip in strips)


@pytest.mark.long
def test_what_was_begun_before_the_ranges_changed_is_not_current(docks, ready, session, qtbot, idle):
    dock = docks["Compare"]
    dock.form.fields["resamples"].set_value(100_000)
    dock.run()
    qtbot.waitUntil(lambda: "So far" in dock.verdict.text(), timeout=PATIENCE)
    session.set_range("a", (0, 80))
    qtbot.waitUntil(lambda: "not of the ranges" in dock.verdict.text(), timeout=PATIENCE)
    dock.stop_button.click()
    idle()
    assert session.comparison.ranges["a"] == ((0, 90),)
    assert "not of the ranges" in dock.verdict.text()
    session.set_range("a", (0, 90))
    assert "not of the ranges" not in dock.verdict.text()


@pytest.mark.long
def test_placebo_values_of_earlier_ranges_are_dropped(docks, ready, session, qtbot, idle, notices):
    box = docks["Compare"].placebo
    session.set_range("a", (0, 50))
    session.set_range("b", (55, 105))
    box.run()
    qtbot.waitUntil(lambda: " pairs have p ≤ 0.05" in box.verdict.text(), timeout=PATIENCE)
    session.set_range("b", (60, 110))
    assert "pairs have" not in box.verdict.text()
    session.stop(keep=True)
    idle()
    assert "pairs have" not in box.verdict.text()
    assert not box.plot.isVisibleTo(docks["Compare"])
    assert "the range B it began with is no longer in use" in notices[0]


def test_behaviour_is_regressed_out(docks, session, trained, idle, tmp_path, rng):
    panel = docks["Compare"]
    assert panel.covariates.isHidden()
    path = tmp_path / "run.csv"
    speed = np.cumsum(rng.normal(size=session.stack.n_frames))
    path.write_text("speed,licks\n" + "".join(f"{value:.4f},{t % 7}\n" for t, value in enumerate(speed)))
    session.use_behaviour(open_behaviour(path))
    choice = panel.covariates.choice
    assert not panel.covariates.isHidden()
    assert [choice.itemText(i) for i in range(choice.count())] == ["nothing", "speed", "licks", "all traces"]
    half = session.stack.n_frames // 2
    session.set_frame_sets({"A": [(0, half - 5)], "B": [(half + 5, session.stack.n_frames)]}, ("A", "B"))
    panel.form.set_value(ComparisonConfig(resamples=19, power_draws=0, halves=False))
    panel.run()
    idle()
    assert session.comparison.test.n_covariates == 0
    choice.setCurrentIndex(1)
    choice.activated.emit(1)
    assert session.covariates == ("speed",)
    assert not session.is_current
    panel.run()
    idle()
    assert session.is_current
    assert session.comparison.test.n_covariates == 1
    assert "1 covariate" in session.comparison.methods_text()
    lags = panel.covariates.lags
    assert lags.isEnabled()
    lags.lineEdit().setText("-1")
    lags.changed.emit()
    assert "at least 0" in lags.complaint.text()
    assert session.is_current
    lags.set_value(2)
    assert session.covariate_lags == 2
    assert not session.is_current
    panel.run()
    idle()
    assert session.is_current
    assert session.comparison.test.n_covariates == 3
    assert "3 covariates (lags counted)" in session.comparison.methods_text()
    session.use_behaviour(None)
    assert session.covariates == ()
    assert not session.is_current


def test_the_answer_stands_below_the_button_and_is_scrolled_into_view(docks, ready, idle):
    dock = docks["Compare"]
    order = [dock.body.itemAt(i).widget() for i in range(dock.body.count())]
    verdict, conditions = order.index(dock.verdict), order.index(dock.conditions)
    assert order.index(dock.reason) < verdict < order.index(dock.plot) < conditions < order.index(dock.results)
    dock.resize(420, 360)
    dock._area.verticalScrollBar().setValue(0)
    dock.run()
    idle()
    top = dock.verdict.mapTo(dock._area.viewport(), dock.verdict.rect().topLeft()).y()
    assert 0 <= top < dock._area.viewport().height() / 2
    assert dock._area.widget().minimumSizeHint().width() <= 413  # of 415 pixels beside the scroll bar, at 1280
    names = [dock.table.edges.index(i, 0).data() for i in range(dock.table.edges.rowCount())]
    assert any(name.endswith("own past") for name in names)
    assert not any(" → " in name and len(set(name.split(" → "))) == 1 for name in names)
    assert dock.table.edges.index(0, 0).data(3) == names[0]  # Qt.ItemDataRole.ToolTipRole
