"""The Train dock: what a training needs is known before it starts, and one that was cut short goes on."""

import json
import os
import weakref

import numpy as np
import pytest

import napari_varae.core.training.unfinished as unfinished
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.train import train
from napari_varae.viewer.movie import open_movie
from napari_varae.widgets.parts.state_strip import describe_job

from ..conftest import PATIENCE, QUICK


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setattr(unfinished, "user_cache_path", lambda _name: tmp_path / "cache")


@pytest.fixture
def panel(docks, viewer, qtbot):
    """The Train dock in front of a window that is shown, as a proxy: pytest keeps it longer than the window."""
    viewer.window._qt_window.show()
    docks["Train"].parentWidget().raise_()
    qtbot.waitUntil(docks["Train"].isVisible)
    return weakref.proxy(docks["Train"])


def checkpoints():
    root = unfinished._root()
    return sorted(root.iterdir()) if root.exists() else []


def cut_short(stack, epochs):
    """Train some epochs as a process that is gone."""
    kept = unfinished.new_checkpoint(stack.fingerprint())
    steps = train(stack, FitConfig(latents=4, epochs=5, patience=9), checkpoint=kept)
    for _ in range(1 + epochs):
        next(steps)
    steps.close()
    owner = kept.folder / unfinished.OWNER
    owner.write_text(json.dumps(json.loads(owner.read_text()) | {"pid": os.getpid(), "began": 0}))
    return kept.folder


@pytest.mark.long
def test_needs_are_measured_before_the_start_and_again_with_other_settings(panel, session, stack, viewer, qtbot, idle):
    assert panel.ahead.needs.text() == ""
    open_movie(viewer, stack)
    qtbot.waitUntil(lambda: "of memory" in panel.ahead.needs.text(), timeout=PATIENCE)
    assert session.job == "idle"
    first = panel.ahead.needs.text()
    panel.form.fields["latents"].set_value(1000)
    qtbot.waitUntil(lambda: panel.ahead.needs.text() not in ("", first), timeout=PATIENCE)
    assert "too many" in panel.ahead.needs.text()
    panel.form.fields["epochs"].native.lineEdit().setText("many")
    panel.form.fields["epochs"].native.editingFinished.emit()
    assert "not a whole number" in panel.form.fields["epochs"].native.complaint.text()
    idle()


@pytest.mark.long
def test_a_training_that_was_cut_short_is_offered_and_goes_on(panel, session, stack, viewer, qtbot, idle, notices):
    marked = stack.replace(bad_frames=[7, 8])
    folder = cut_short(marked, epochs=2)
    open_movie(viewer, stack)
    qtbot.waitUntil(panel.ahead.resume_button.isVisible, timeout=PATIENCE)
    assert panel.ahead.resume_button.text().endswith(", epoch 2")
    panel.ahead.resume_button.click()
    assert session.job == "training"
    assert not panel.ahead.unfinished.isVisible()
    idle()
    assert [report.epoch for report in session.history] == [0, 1, 2, 3, 4, 5]
    assert session.fit.history == tuple(session.history)
    assert session.stack.bad_frames == {7, 8}
    assert panel.form.value().epochs == 5
    assert folder.is_dir()  # until the fit is saved
    assert not notices


@pytest.mark.long
def test_discarding_deletes_it(panel, session, stack, viewer, qtbot, idle):
    cut_short(stack, epochs=1)
    open_movie(viewer, stack)
    qtbot.waitUntil(panel.ahead.discard_button.isVisible, timeout=PATIENCE)
    panel.ahead.discard_button.click()
    assert not panel.ahead.unfinished.isVisible()
    assert checkpoints() == []
    idle()


@pytest.mark.long
def test_checkpoints_go_when_their_fit_is_saved_or_thrown_away(panel, session, movie, qtbot, idle, tmp_path):
    panel.form.set_value(QUICK)
    panel.start()
    idle()
    assert len(checkpoints()) == 1
    panel.fits.save(str(tmp_path / "cells"))
    assert checkpoints() == []
    panel.form.set_value(FitConfig(latents=4, epochs=100_000, patience=100_000))
    panel.start()
    qtbot.waitUntil(lambda: len(session.history) >= 1, timeout=PATIENCE)
    assert len(checkpoints()) == 1
    panel.drop_button.click()
    idle()
    assert checkpoints() == []


@pytest.mark.long
def test_closing_the_window_keeps_the_checkpoint(panel, session, movie, viewer, qtbot):
    panel.form.set_value(FitConfig(latents=4, epochs=100_000, patience=100_000))
    panel.start()
    qtbot.waitUntil(lambda: len(session.history) >= 1, timeout=PATIENCE)
    viewer.close()
    qtbot.waitUntil(lambda: session.job == "idle", timeout=PATIENCE)
    (folder,) = checkpoints()
    assert (folder / "state.safetensors").is_file()


@pytest.mark.long
def test_settings_of_the_fit_in_use_are_shown_and_can_be_copied(panel, session, trained):
    assert "Latents 4" in panel.fits.settings.text()
    assert "Epochs 2" in panel.fits.settings.text()
    assert panel.form.value() != trained.config
    panel.fits.copy_button.click()
    shown = panel.form.value().model_dump(exclude={"frames"})
    assert shown == trained.config.model_dump(exclude={"frames"})


def test_odd_frames_are_offered_as_bad_with_a_picture(docks, session, stack, viewer, idle, notices):
    frames = np.array(stack.read())
    frames[33] *= 1000
    frames[120] = 0
    open_movie(viewer, Stack(frames, frame_rate=10.0))
    view = docks["Movie"].odd_frames
    assert view.isHidden()
    docks["Train"].form.set_value(QUICK)
    docks["Train"].start()
    idle()
    assert not view.isHidden()
    assert view.frames == [33, 120]
    assert "frame 33 (bright)" in view.text.text()
    assert not view.picture.pixmap().isNull()
    view.next_button.click()
    assert session.frame == 120
    assert "frame 120 (dark)" in view.text.text()
    session.set_range("a", (0, 90))
    session.set_range("b", (100, 200))
    assert any("2 frames are odd: 33, 120" in text for text in session.range_notes())
    assert any("unlike all others" in text and "33" in text for text in notices)
    view.mark_button.click()
    assert session.stack.bad_frames == {33, 120}
    assert view.isHidden()
    assert docks["Movie"].bad_frames.text() == "33 - 34, 120 - 121"


@pytest.mark.long
def test_time_left_is_shown_before_the_first_epoch_and_is_that_of_the_epochs_then(panel, session, movie, qtbot, idle):
    texts = []
    session.progressed.connect(lambda: texts.append(describe_job(session)))
    session.reported.connect(lambda _report: texts.append(describe_job(session)))
    panel.form.set_value(QUICK)
    panel.start()
    idle()
    left = [text for text in texts if text.endswith((" left", "longer than estimated"))]
    assert "epoch" not in left[0]
    assert any(text.startswith("Training: epoch 1 of 2, ≤ ") for text in left)


@pytest.mark.long
def test_an_example_is_drawn_while_training_runs_and_goes_with_its_movie(panel, session, movie, stack, viewer, idle):
    assert not panel.example.isVisible()
    seen = []
    session.example_changed.connect(lambda: seen.append(session.example))
    panel.form.set_value(QUICK)
    panel.start()
    assert not panel.example.isVisible()
    idle()
    assert sum(example is not None for example in seen) == len(session.history)
    assert panel.example.isVisible()
    frame, reconstruction, residual = (picture.pixmap().toImage() for picture in panel.example.pictures)
    assert panel.example.names[0].text() == f"held-out frame {session.example.frame}"
    assert frame != reconstruction
    assert residual != frame
    assert frame.width() == 122
    open_movie(viewer, stack.replace(frame_rate=7.0))
    assert session.example is None
    assert not panel.example.isVisible()


@pytest.mark.long
def test_every_grey_button_has_its_reason(panel, session, stack, viewer, fit):
    assert "needs a movie" in panel.reason.text()
    assert "Open a movie" in panel.start_button.toolTip()
    assert "Train or load a fit" in panel.fits.save_button.toolTip()
    open_movie(viewer, stack)
    assert panel.start_button.isEnabled()
    assert "needs" not in panel.reason.text()
    assert "Pause and Stop" in panel.reason.text()
    controls = session.begin("comparing", "Comparing A with B")
    assert "Comparing A with B" in panel.reason.text()
    session.end(controls)
    session.use_fit(fit, fit.encode(stack))
    assert panel.fits.save_button.toolTip() == "The fit in use, as a .varae file"


@pytest.mark.long
def test_the_best_epoch_of_a_loaded_fit_is_marked(panel, session, movie, fit):
    assert panel.curves.loss.best_epoch is None
    session.use_fit(fit, fit.encode(movie))
    assert [report.epoch for report in panel.curves.reports] == [report.epoch for report in fit.history]
    assert panel.curves.loss.best_epoch == [report.epoch for report in fit.history if report.best][-1]


@pytest.mark.long
def test_closing_the_dock_changes_nothing_that_is_in_use(panel, session, trained, viewer):
    from napari_varae.widgets.panels.train import TrainPanel
    from napari_varae.widgets.parts.docks import show_dock

    panel.form.set_value(FitConfig(latents=7, epochs=3))
    viewer.window.dock_widgets["Train (VARAE)"].parentWidget().destroyOnClose()
    assert session.fit is trained
    again = show_dock(viewer, TrainPanel)
    assert session.fit is trained
    assert again.form.value().latents == 7
    assert "Latents 4" in again.fits.settings.text()
    assert again.fits.choice.currentText().startswith(trained.id[:6])


def test_copy_as_gives_the_fit_in_use(panel, session, viewer, fit, tmp_path, notices):
    import tifffile
    from qtpy.QtWidgets import QApplication

    import napari_varae as nv

    frames = np.random.default_rng(0).integers(0, 999, (60, 32, 32), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "movie.tif", frames, metadata={"axes": "TYX"})
    open_movie(viewer, nv.open_stack(tmp_path / "movie.tif"))
    panel.form.set_value(FitConfig(latents=7))
    panel.copy_as.menu().actions()[0].trigger()
    assert "nv.FitConfig(latents=7)" in QApplication.clipboard().text()
    own = nv.fit(session.stack, FitConfig(latents=3, epochs=0, threads=1))
    session.use_fit(own, own.encode(session.stack))
    panel.copy_as.menu().actions()[0].trigger()
    assert "latents=3" in QApplication.clipboard().text()
