"""The Compare dock: what it says while and after comparing, its maps, its files, its placebo."""

import json
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtGui import QColor, QImage
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QLabel

from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.stack import Stack
from napari_varae.session.ranges import format_ranges
from napari_varae.viewer import ours
from napari_varae.viewer.movie import open_movie
from napari_varae.widgets.parts.plots import A_COLOUR, B_COLOUR

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
    edges["p_adjusted"] = value
    return replace(compared, test=replace(compared.test, edges=edges))


def drawn(plot):
    """Repeats in the histogram."""
    return plot._bars.getData()[1].sum()


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


def test_the_answer_so_far_is_told_while_comparing(docks, ready, session, qtbot, idle):
    dock = docks["Compare"]
    dock.form.fields["resamples"].set_value(100_000)
    dock.run()
    assert "first answer comes in a moment" in dock.verdict.text()
    qtbot.waitUntil(lambda: dock.verdict.text().startswith("So far p = "), timeout=PATIENCE)
    assert "of 100000 resamples" in dock.verdict.text()
    assert dock.plot.isVisibleTo(dock)
    assert 0 < drawn(dock.plot) < 100_000
    assert not any(export.isEnabled() for export in dock.exports)
    dock.stop_button.click()
    idle()
    assert drawn(dock.plot) == session.comparison.test.resamples
    assert all(export.isEnabled() for export in dock.exports)
    assert f"p = {session.comparison.p_value:.3g}" in dock.verdict.text()
    assert "So far" not in dock.verdict.text()


def test_the_verdict_names_both_nulls_and_what_could_have_been_found(docks, ready, session, compared):
    dock = docks["Compare"]
    text = dock.verdict.text()
    assert f"{compared.test.p_of_null['VAR']:.3g} if the latents are a VAR" in text
    assert f"{compared.test.p_of_null['blocks']:.3g} if blocks of the recording are alike" in text
    between = compared.edges["target"] != compared.edges["source"]
    detectable = np.median(compared.edges["detectable"][between])
    assert f"a change by {detectable:.2f} would be found here three times in four" in text
    assert f"of {len(compared.edges)} coefficients differ" in text
    assert ("links alone" in text) == (compared.p_value <= compared.config.level)
    assert ("independent frames" in text) == (
        min(np.divide(compared.test.effective_frames, compared.test.n_pairs)) < 0.7
    )
    test = replace(compared.test, p_value=0.01, p_links=0.03, effective_frames=(20.0, 10.0))
    session.set_comparison(replace(compared, test=test))
    assert "links alone, without own past: p = 0.03" in dock.verdict.text()
    assert "A is worth about 20 independent frames and B 10" in dock.verdict.text()
    few = compared.edges.copy()
    for size, words in ((np.inf, "too few resamples"), (np.nan, "is not known")):
        few["detectable"] = size
        session.set_comparison(replace(compared, test=replace(compared.test, edges=few)))
        assert words in dock.verdict.text()


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
    assert "in A less that in B" in layer.metadata[ours.KEY]["definition"]


def test_maps_and_range_marks_have_the_same_colour_for_a_and_for_b():
    """Positive in a difference map, A minus B, is A."""
    marks = np.array([QColor(colour).getRgbF()[:3] for colour in (A_COLOUR, B_COLOUR)])
    ends = ours.SIGNED.map(np.array([1.0, 0.0]))[:, :3]
    distance = np.linalg.norm(marks[:, None] - ends, axis=-1)
    assert (distance.argmin(1) == [0, 1]).all()


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
    definition = viewer.layers[-1].metadata[ours.KEY]["definition"]
    assert format_ranges(tuple(b), session.stack.frame_rate) in definition


def test_a_result_says_of_which_ranges_it_is(docks, ready, session, compared, idle):
    dock = docks["Compare"]
    assert "A 0.0 - 9.0 s, B 9.5 - 14.0, 15.0 - 20.0 s" in dock.verdict.text()
    assert dock.verdict.isEnabled()
    session.set_range("a", (0, 80))
    assert "Not of the ranges and bad frames that are set now" in dock.verdict.text()
    assert "A 0.0 - 9.0 s" in dock.verdict.text()
    assert not dock.verdict.isEnabled()
    assert not dock.warnings.isEnabled()
    session.set_range("a", (0, 90))
    assert "Not of the ranges" not in dock.verdict.text()
    session.describe_movie(session.stack.frame_rate, session.stack.pixel_size, bad_frames=[5])
    assert "Not of the ranges" in dock.verdict.text()
    dock.run()
    assert dock.verdict.isEnabled()
    idle()
    assert "Not of the ranges" not in dock.verdict.text()


def test_a_result_of_a_movie_that_is_gone_is_dropped(viewer, docks, ready, session, qtbot, idle, notices):
    dock = docks["Compare"]
    dock.form.fields["resamples"].set_value(100_000)
    dock.run()
    qtbot.waitUntil(lambda: dock.verdict.text().startswith("So far"), timeout=PATIENCE)
    session.close_movie()
    dock.stop_button.click()
    idle()
    assert session.comparison is None
    assert "no longer in use" in notices.pop()
    assert not notices


def test_means_and_variances_are_told_apart_from_the_test(docks, ready, session, compared):
    shifts, ratios = np.zeros(len(compared.test.mean_shift)), np.ones(len(compared.test.mean_shift))
    shifts[2], ratios[0], ratios[1] = -1.5, 3, np.nan
    session.set_comparison(replace(compared, test=replace(compared.test, mean_shift=shifts, variance_ratio=ratios)))
    text = docks["Compare"].verdict.text()
    assert "means differ by up to 1.5 SD (latent 2)" in text
    assert "1 to 3 times the variance" in text


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


def test_too_few_repeats_find_nothing_and_say_so(docks, ready, session, compared, idle, notices):
    session.set_comparison(replace(compared, config=compared.config.model_copy(update={"level": 0.001})))
    assert "too few resamples to find a difference at this level" in docks["Compare"].verdict.text()
    assert "99.9 % interval" in docks["Compare"].verdict.text()
    docks["Compare"].form.fields["level"].set_value(0.001)
    docks["Compare"].run()
    idle()
    assert "choose at least 999" in notices.pop()


@pytest.mark.parametrize("suffix", ["svg", "png", "json", "csv"])
def test_every_file_can_be_opened(docks, ready, compared, tmp_path, suffix):
    dock = docks["Compare"]
    path = tmp_path / f"comparison.{suffix}"
    dock.export(str(path))
    if suffix == "png":
        assert QImage(str(path)).width() == 4 * dock.plot.width()
    elif suffix == "svg":
        assert QSvgRenderer(str(path)).isValid()
        assert "test statistic" in path.read_text()
    elif suffix == "json":
        assert json.loads(path.read_text())["p_of_null"] == compared.test.p_of_null
    else:
        assert path.read_text().splitlines()[0].endswith("p_adjusted,q_value,detectable")


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
    assert box.plot.isVisibleTo(dock)
    box.show_values(np.linspace(0.025, 0.975, 20))
    assert "1 of 20 pairs" in box.verdict.text()
    assert "more than chance" not in box.verdict.text()
    box.show_values(np.full(20, 0.01), permuted=True)
    assert "segments differ among themselves" in box.verdict.text()
    box.show_values(np.full(20, 0.01))
    assert "some pairs hold the change that you look for" in box.verdict.text()
    assert "more than chance" in box.verdict.text()
    session.set_range("b", (60, 105))
    assert "pairs have" not in box.verdict.text()
    assert not box.plot.isVisibleTo(dock)


def test_a_file_that_cannot_be_written_is_told(docks, ready, compared, tmp_path, notices):
    for suffix in ("svg", "png", "csv"):
        docks["Compare"].export(str(tmp_path / "nowhere" / f"comparison.{suffix}"))
        assert len(notices) == 1
        assert "was saved" not in notices.pop()


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
    idle()
    qtbot.wait(300)  # for what is still on its way to the screen
    assert not notices


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


@pytest.mark.parametrize("where", ["all", "segments"])
def test_the_last_pair_of_a_placebo_counts(docks, ready, session, idle, where):
    dock = docks["Compare"]
    session.set_range("a", [(25 * i, 25 * i + 12) for i in range(8)])
    session.set_range("b", [(25 * i + 13, 25 * i + 25) for i in range(8)])
    dock.form.fields["blocks"].set_value(0)
    dock.placebo.where.setCurrentIndex(dock.placebo.where.findData(where))
    dock.placebo.run()
    idle()
    assert " of 20 pairs" in dock.placebo.verdict.text()


def test_a_comparison_of_a_fit_of_another_movie_carries_the_caution(viewer, docks, session, fit, stack, idle, tmp_path):
    other = Stack(stack.array[::-1].copy(), stack.frame_rate, name="backwards")
    open_movie(viewer, other)
    fit.save(tmp_path / "cells.varae")
    docks["Train"].load(str(tmp_path / "cells.varae"))
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
    assert "trained on another movie" in docks["Compare"].warnings.text()
    open_movie(viewer, stack)
    assert not any(strip.isVisibleTo(strip.window()) for strip in strips)


def test_what_was_begun_before_the_ranges_changed_is_not_current(docks, ready, session, qtbot, idle):
    dock = docks["Compare"]
    dock.form.fields["resamples"].set_value(100_000)
    dock.run()
    qtbot.waitUntil(lambda: dock.verdict.text().startswith("So far"), timeout=PATIENCE)
    session.set_range("a", (0, 80))
    qtbot.waitUntil(lambda: "Not of the ranges" in dock.verdict.text(), timeout=PATIENCE)
    dock.stop_button.click()
    idle()
    assert session.comparison.ranges["a"] == ((0, 90),)
    assert "Not of the ranges" in dock.verdict.text()
    session.set_range("a", (0, 90))
    assert "Not of the ranges" not in dock.verdict.text()


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
