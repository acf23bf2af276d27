"""Analyses in the window: saved, opened to the same screen, dropped, moved, recovered after a kill; recent files."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tifffile
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QMessageBox

import napari_varae as nv
from napari_varae.core.training.choice import Choice
from napari_varae.headless.steps import draw_map
from napari_varae.session.analysis import save_analysis
from napari_varae.session.autosave import find_left
from napari_varae.viewer.provenance import ours
from napari_varae.widgets.parts.keeper import keeper_of

QUICK = nv.ComparisonConfig(resamples=19, power_draws=0, blocks=4, halves=False)


@pytest.fixture(scope="session")
def result(fit, stack):
    return nv.compare(fit, stack, (0, 90), (100, 200), QUICK)


@pytest.fixture
def file(stack, tmp_path):
    tifffile.imwrite(tmp_path / "movie.tif", stack.read().astype(np.uint16), metadata={"axes": "TYX"})
    return tmp_path / "movie.tif"


@pytest.fixture
def analysed(docks, session, file, fit, result, idle):
    """A movie from a file with a fit, frame sets and a comparison."""
    docks["Movie"].open(str(file), frame_rate=10.0)
    idle()
    session.use_fit(fit, fit.encode(session.stack))
    session.set_frame_sets({"go": [(0, 90)], "stop": [(100, 200)], "rest": [(20, 30)]}, ("go", "stop"))
    session.set_comparison(result)
    return session


@pytest.fixture(autouse=True)
def nothing_left():
    from napari_varae.session.autosave import discard

    for left in find_left():
        discard(left.folder)


def test_the_choice_of_latents_and_order_comes_back(analysed, docks, tmp_path, idle):
    one, table = np.ones(1), np.ones((1, 1))
    choice = Choice(one.astype(int), one.astype(int), one, table, 0 * table, table, (1, 1), (1, 1), 4, 0.3, one, 60, 3)
    analysed.set_choice(choice)
    docks["Movie"].analysis.save(str(tmp_path / "results"))
    idle()
    analysed.set_choice(None)
    docks["Movie"].analysis.open(str(tmp_path / "results"))
    idle()
    assert analysed.choice.suggested == (1, 1)
    assert not docks["Train"].choice.plot.isHidden()
    analysed.set_choice(None)
    save_analysis(analysed, tmp_path / "results", overwrite=True)
    assert not (tmp_path / "results" / "choice.json").exists()


@pytest.mark.long
def test_an_analysis_comes_back_to_the_same_screen(analysed, docks, tmp_path, idle, notices, fit, result):
    docks["Movie"].analysis.save(str(tmp_path / "results"))
    idle()
    assert f"info: The analysis was saved in {tmp_path / 'results'}." in notices
    latents, text = analysed.latents, docks["Compare"].verdict.findChildren(type(docks["Movie"].report))[0].text()
    sets = analysed.frame_sets
    docks["Movie"].use_sample()
    idle()
    assert analysed.comparison is None
    docks["Movie"].analysis.open(str(tmp_path / "results"))
    idle()
    assert analysed.stack.name == "movie.tif"
    assert analysed.stack.frame_rate == 10.0
    assert analysed.fit.id == fit.id
    np.testing.assert_array_equal(analysed.latents, latents)
    assert analysed.frame_sets == sets
    assert analysed.comparison.as_dict() == result.as_dict()
    assert analysed.is_current
    assert docks["Compare"].verdict.findChildren(type(docks["Movie"].report))[0].text() == text
    assert docks["Compare"].table.edges.rowCount() == len(result.edges)
    assert not find_left()
    assert not [notice for notice in notices if notice.startswith(("error", "warning"))]


@pytest.mark.long
def test_cells_and_traces_come_back_to_the_same_screen(viewer, analysed, docks, tmp_path, idle, notices):
    """Drawn cells, a file of traces, shifts from a table, and what is regressed out."""
    drawn = viewer.add_labels(np.zeros((32, 32), dtype=int), name="drawn")
    drawn.data[3:9, 3:9], drawn.data[15:20, 15:25] = 3, 5
    docks["Cells"].layer_choice.setCurrentText("drawn")
    docks["Cells"].use_layer()
    (tmp_path / "running.csv").write_text("speed,licks\n" + "".join(f"{t % 11},{t % 3}\n" for t in range(200)))
    docks["Behaviour"].open_traces(str(tmp_path / "running.csv"))
    idle()
    box = docks["Compare"].covariates
    box.choice.setCurrentIndex(box.choice.findText("licks"))
    box.choice.activated.emit(box.choice.currentIndex())
    box.lags.set_value(2)
    (tmp_path / "frames.csv").write_text("y,x\n" + "".join(f"{t % 3},{t % 2}\n" for t in range(200)))
    docks["Movie"].from_table.open(str(tmp_path / "frames.csv"))
    names = [analysed.name_latent(k) for k in range(analysed.fit.latents)]
    cells, shifts = analysed.cells, analysed.stack.shifts
    docks["Movie"].analysis.save(str(tmp_path / "results"))
    idle()
    docks["Movie"].use_sample()
    idle()
    assert analysed.cells is None
    docks["Movie"].analysis.open(str(tmp_path / "results"))
    idle()
    assert analysed.cells.fingerprint() == cells.fingerprint()
    np.testing.assert_array_equal(viewer.layers["cells"].data, cells.labels)
    assert [analysed.name_latent(k) for k in range(analysed.fit.latents)] == names
    assert "2 cells." in docks["Cells"].report.text()
    assert docks["Behaviour"].traces_report.text().startswith("Traces: speed, licks.")
    assert (analysed.covariates, analysed.covariate_lags) == (("licks",), 2)
    assert (box.choice.currentText(), box.lags.value()) == ("licks", 2)
    np.testing.assert_array_equal(analysed.stack.shifts, shifts)
    assert not find_left()
    assert not [notice for notice in notices if notice.startswith("error") or "moved" in notice]
    analysed.close_movie()
    (tmp_path / "running.csv").unlink()
    docks["Movie"].analysis.open(str(tmp_path / "results"))
    idle()
    assert any("warning: The traces in" in notice and "moved or deleted" in notice for notice in notices)
    assert analysed.cells is not None
    assert analysed.comparison is not None


@pytest.mark.long
def test_maps_come_back_as_layers(viewer, analysed, docks, tmp_path, idle, notices):
    """Those of the window as they were, and hidden that of a command; one of another fit stays in its file."""
    look = docks["Look"]
    for span in ("a|b", "a-b"):
        look.span.setCurrentIndex(look.span.findData(span))
        look.show_map()
        idle()
    shown = {layer.name: (layer.data.copy(), layer.visible) for layer, _ in ours(viewer, "map:")}
    assert len(shown) == 3
    viewer.layers["A: driver map of the whole VAR"].visible = False
    analysed.set_range("b", (110, 190))  # the maps of B are not current any more
    docks["Movie"].analysis.save(str(tmp_path / "results"))
    idle()
    analysis = nv.open_analysis(tmp_path / "results")
    assert list(analysis.maps) == ["A driver map of the whole VAR"]
    analysed.undo()
    docks["Movie"].analysis.save(str(tmp_path / "results"))
    idle()
    assert len(analysis.maps) == 3
    image, about = draw_map(analysis, "effect", target=1)
    analysis.keep_map(image, about["name"], about)
    analysis.keep_map(image, "of another", {**about, "fit": "another"})
    (tmp_path / "results" / "maps" / "mine.tif").write_bytes(b"no map")
    docks["Movie"].use_sample()
    idle()
    docks["Movie"].analysis.open(str(tmp_path / "results"))
    idle()
    back = {layer.name: layer for layer, _ in ours(viewer, "map:")}
    assert set(back) == {*shown, "effect map of latent 1"}
    for name, (pixels, _) in shown.items():
        np.testing.assert_array_equal(back[name].data, pixels)
        assert back[name].visible == (not name.startswith("A:"))
        assert back[name].metadata["napari-varae"]["unit"] == "SD of the predicted latent"
        assert back[name].metadata["napari-varae"]["current"]
    assert not back["effect map of latent 1"].visible
    assert any("mine.tif" in notice for notice in notices)


def test_an_analysis_is_saved_where_its_maps_cannot_be(analysed, docks, tmp_path, idle, notices):
    docks["Look"].show_map()
    idle()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "maps").write_text("mine", encoding="utf-8")  # where the folder of maps would be
    docks["Movie"].analysis.save(str(tmp_path / "results"))
    idle()
    assert analysed.is_saved(analysed.fit)
    assert nv.open_analysis(tmp_path / "results").fit.id == analysed.fit.id
    assert any("driver map of the whole VAR' was not saved" in notice for notice in notices)


@pytest.mark.long
def test_a_dropped_folder_or_its_record_opens(viewer, analysed, tmp_path, idle):
    save_analysis(analysed, tmp_path / "results")
    for path in (tmp_path / "results", tmp_path / "results" / "analysis.toml"):
        analysed.close_movie()
        viewer.open(str(path), plugin="napari-varae")
        idle()
        assert analysed.comparison is not None


@pytest.mark.long
def test_a_folder_that_is_not_an_analysis_is_refused(docks, tmp_path, idle, notices):
    docks["Movie"].analysis.open(str(tmp_path))
    idle()
    assert "not an analysis folder" in notices.pop()


@pytest.mark.long
def test_a_movie_that_moved_is_asked_for(docks, analysed, file, tmp_path, idle, notices):
    save_analysis(analysed, tmp_path / "results")
    analysed.close_movie()
    (tmp_path / "elsewhere").mkdir()
    file.rename(tmp_path / "elsewhere" / "movie.tif")
    docks["Movie"].analysis.open(str(tmp_path / "results"))
    idle()
    question = docks["Movie"].question
    assert not question.isHidden()
    assert "moved or deleted" in question.text.text()
    question.open_button.click()
    assert "choose one first" in notices.pop()
    (field,) = question.fields.values()
    field.path.setText(str(tmp_path / "elsewhere" / "movie.tif"))
    question.open_button.click()
    idle()
    assert analysed.comparison is not None
    assert question.isHidden()


@pytest.mark.long
def test_a_movie_that_changed_is_reported(docks, analysed, file, tmp_path, idle, notices):
    save_analysis(analysed, tmp_path / "results")
    analysed.close_movie()
    tifffile.imwrite(file, tifffile.imread(file)[::-1], metadata={"axes": "TYX"})
    docks["Movie"].analysis.open(str(tmp_path / "results"))
    idle()
    assert any("has changed since" in notice for notice in notices)
    assert "another movie" in analysed.caution


@pytest.mark.long
def test_another_analysis_is_replaced_only_when_the_user_agrees(docks, analysed, tmp_path, idle, monkeypatch):
    save_analysis(analysed, tmp_path / "one")
    save_analysis(analysed, tmp_path / "two")
    analysed.forget_comparisons()
    asked = []

    def answer(*_args):
        asked.append(True)
        return QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", answer)
    docks["Movie"].analysis.save(str(tmp_path / "one"))
    idle()
    assert asked
    assert nv.open_analysis(tmp_path / "one").comparisons
    docks["Movie"].analysis.save(str(tmp_path / "two"))  # where it was saved last
    idle()
    assert len(asked) == 1
    assert not nv.open_analysis(tmp_path / "two").comparisons


@pytest.mark.long
def test_recent_files_open_with_their_options(docks, analysed, file, tmp_path, idle):
    save_analysis(analysed, tmp_path / "results")
    button = docks["Movie"].recent
    analysed.close_movie()
    button.fill()
    names = [action.text() for action in button.entries.actions()]
    assert names[:2] == [f"Analysis results ({tmp_path})", f"movie.tif ({tmp_path})"]
    button.entries.actions()[1].trigger()
    idle()
    assert analysed.stack.frame_rate == 10.0
    analysed.close_movie()
    button.fill()
    button.entries.actions()[1].trigger()
    idle()
    assert analysed.comparison is not None


@pytest.mark.long
def test_work_on_a_movie_that_was_let_go_is_recovered(docks, analysed, file, idle, qtbot, notices, fit):
    keeper = keeper_of(analysed)
    docks["Movie"].use_sample()
    idle()
    qtbot.waitUntil(lambda: not keeper.waits)
    assert any("movie.tif is kept: Recover in the Movie dock" in notice for notice in notices)
    assert analysed.fits  # still in the list, and kept with the first movie alone
    analysed.close_movie()
    assert len([notice for notice in notices if "is kept" in notice]) == 1
    recover = docks["Movie"].recover
    assert not recover.isHidden()
    assert recover.choice.currentText().startswith("movie.tif, ")
    assert recover.choice.currentText().endswith(": 1 fit, 3 frame sets, 1 comparison")
    recover.recover_button.click()
    idle()
    qtbot.waitUntil(lambda: not keeper.waits)
    assert analysed.stack.name == "movie.tif"
    assert analysed.frame_sets.a == "go"
    assert analysed.comparison is not None
    assert not analysed.is_saved(analysed.fit)
    assert recover.isHidden()
    keeper.finish()
    assert keeper.autosave.folder is not None


@pytest.mark.long
def test_discarded_work_is_gone(docks, analysed, idle, qtbot, monkeypatch):
    docks["Movie"].use_sample()
    idle()
    qtbot.waitUntil(lambda: not keeper_of(analysed).waits)
    monkeypatch.setattr(QMessageBox, "question", lambda *_args: QMessageBox.StandardButton.Yes)
    docks["Movie"].recover.discard_button.click()
    assert docks["Movie"].recover.isHidden()
    assert not find_left()


@pytest.mark.long
def test_a_comparison_of_several_conditions_and_a_choice_are_kept_as_well(analysed, qtbot, fit):
    keeper, table = keeper_of(analysed), np.ones((1, 1))
    keeper.keep()
    qtbot.waitUntil(lambda: not keeper.waits)
    sets = {name: [(start, start + 60)] for name, start in (("go", 0), ("stop", 65), ("rest", 130))}
    found = nv.compare_conditions(fit, analysed.stack, sets, QUICK.changed(correct_noise=False))
    analysed.set_conditions(found, analysed.generation)
    assert keeper.waits
    keeper.finish()
    assert list((keeper.autosave.folder / "comparisons" / "conditions").glob("*.json"))
    analysed.set_choice(Choice(table[0].astype(int), table[0].astype(int), table[0], table, 0 * table, table, (1, 1),
                               (1, 1), 4, 0.3, table[0], 60, 3))  # fmt: skip
    assert keeper.waits
    keeper.finish()
    assert (keeper.autosave.folder / "choice.json").is_file()


@pytest.mark.long
def test_saving_ends_the_keeping(docks, analysed, tmp_path, idle, qtbot):
    keeper = keeper_of(analysed)
    keeper.keep()
    qtbot.waitUntil(lambda: not keeper.waits)
    folder = keeper.autosave.folder
    assert folder.is_dir()
    docks["Movie"].analysis.save(str(tmp_path / "results"))
    idle()
    keeper.keep()
    qtbot.waitUntil(lambda: not keeper.waits)
    assert not folder.exists()


@pytest.mark.long
def test_a_close_that_would_lose_work_is_asked_about(analysed, viewer, monkeypatch):
    keeper, window = keeper_of(analysed), viewer.window._qt_window
    answers, asked = [QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Discard], []

    def answer(box):
        asked.append(box.text())
        return answers[len(asked) - 1]

    monkeypatch.setattr(QMessageBox, "exec", answer)
    assert not keeper.eventFilter(window, QCloseEvent())  # it is kept: nothing to ask
    keeper.problem = "The disk is full."
    closing = QCloseEvent()
    assert keeper.eventFilter(window, closing)
    assert not closing.isAccepted()
    assert "movie.tif is not saved" in asked[0]
    assert "The disk is full." in asked[0]
    assert not keeper.eventFilter(window, QCloseEvent())
    assert len(asked) == 2


@pytest.mark.long
def test_where_keeping_is_switched_off_nothing_is_kept_and_a_close_asks(analysed, viewer, monkeypatch):
    from napari.settings import get_plugin_settings

    keeper = keeper_of(analysed)
    monkeypatch.setattr(get_plugin_settings("napari-varae").window, "autosave", False)
    monkeypatch.setattr(QMessageBox, "exec", lambda _box: QMessageBox.StandardButton.Cancel)
    keeper.keep()
    assert keeper.autosave.folder is None
    assert keeper.eventFilter(viewer.window._qt_window, QCloseEvent())


SCRIPT = """
    import sys, time
    import napari
    from qtpy.QtWidgets import QApplication
    from napari_varae.core.settings import FitConfig
    from napari_varae.core.training.train import fit as train
    from napari_varae.session.session import session_of
    from napari_varae.widgets.parts.keeper import keeper_of
    from napari_varae.widgets.workspace import open_workspace

    def wait(until):
        while not until():
            QApplication.processEvents()
            time.sleep(0.01)

    viewer = napari.Viewer(show=False)
    panels, session = open_workspace(viewer), session_of(viewer)
    panels["Movie"].open(sys.argv[1])
    wait(lambda: session.stack is not None and session.job == "idle")
    fit = train(session.stack, FitConfig(latents=4, epochs=0))
    session.use_fit(fit, fit.encode(session.stack))
    session.set_frame_sets({"go": [(0, 90)], "stop": [(100, 200)]}, ("go", "stop"))
    wait(lambda: not keeper_of(session).waits)
    print("kept", fit.id, flush=True)
    wait(lambda: False)
"""


@pytest.mark.long
def test_after_a_kill_the_next_start_offers_what_was_there(docks, session, file, idle, tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(file)], stdout=subprocess.PIPE, text=True
    )
    try:
        word, identity = child.stdout.readline().split()
        assert word == "kept"
        assert not find_left()  # it is still running
    finally:
        os.kill(child.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        child.wait()
        child.stdout.close()
    recover = docks["Movie"].recover
    recover.look()
    assert recover.choice.currentText().endswith(": 1 fit, 2 frame sets")
    recover.recover_button.click()
    idle()
    assert session.fit.id == identity
    assert session.frame_sets.b == "stop"
    assert Path(session.stack.source.paths[0]) == file
    assert not session.is_saved(session.fit)
