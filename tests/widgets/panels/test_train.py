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


def test_needs_are_measured_before_the_start_and_again_with_other_settings(panel, session, stack, viewer, qtbot, idle):
    assert panel.needs.text() == ""
    open_movie(viewer, stack)
    qtbot.waitUntil(lambda: "of memory" in panel.needs.text(), timeout=PATIENCE)
    assert session.job == "idle"
    first = panel.needs.text()
    panel.form.fields["latents"].set_value(1000)
    qtbot.waitUntil(lambda: panel.needs.text() not in ("", first), timeout=PATIENCE)
    assert "too many" in panel.needs.text()
    panel.form.fields["epochs"].lineEdit().setText("many")
    panel.form.changed.emit()
    qtbot.waitUntil(lambda: "not a whole number" in panel.needs.text(), timeout=PATIENCE)
    idle()


def test_a_training_that_was_cut_short_is_offered_and_goes_on(panel, session, stack, viewer, qtbot, idle, notices):
    marked = stack.replace(bad_frames=[7, 8])
    folder = cut_short(marked, epochs=2)
    open_movie(viewer, stack)
    qtbot.waitUntil(panel.resume_button.isVisible, timeout=PATIENCE)
    assert panel.resume_button.text().endswith(", epoch 2")
    panel.resume_button.click()
    assert session.job == "training"
    assert not panel.unfinished.isVisible()
    idle()
    assert [report.epoch for report in session.history] == [0, 1, 2, 3, 4, 5]
    assert session.fit.history == tuple(session.history)
    assert session.stack.bad_frames == {7, 8}
    assert panel.form.value().epochs == 5
    assert folder.is_dir()  # until the fit is saved
    assert not notices


def test_discarding_deletes_it(panel, session, stack, viewer, qtbot, idle):
    cut_short(stack, epochs=1)
    open_movie(viewer, stack)
    qtbot.waitUntil(panel.discard_button.isVisible, timeout=PATIENCE)
    panel.discard_button.click()
    assert not panel.unfinished.isVisible()
    assert checkpoints() == []
    idle()


def test_checkpoints_go_when_their_fit_is_saved_or_thrown_away(panel, session, movie, qtbot, idle, tmp_path):
    panel.form.set_value(QUICK)
    panel.start()
    idle()
    assert len(checkpoints()) == 1
    panel.save(str(tmp_path / "cells"))
    assert checkpoints() == []
    panel.form.set_value(FitConfig(latents=4, epochs=100_000, patience=100_000))
    panel.start()
    qtbot.waitUntil(lambda: len(session.history) >= 1, timeout=PATIENCE)
    assert len(checkpoints()) == 1
    panel.drop_button.click()
    idle()
    assert checkpoints() == []


def test_closing_the_window_keeps_the_checkpoint(panel, session, movie, viewer, qtbot):
    panel.form.set_value(FitConfig(latents=4, epochs=100_000, patience=100_000))
    panel.start()
    qtbot.waitUntil(lambda: len(session.history) >= 1, timeout=PATIENCE)
    viewer.close()
    qtbot.waitUntil(lambda: session.job == "idle", timeout=PATIENCE)
    (folder,) = checkpoints()
    assert (folder / "state.safetensors").is_file()


def test_settings_of_the_fit_in_use_are_shown_and_can_be_copied(panel, session, trained):
    assert "Latents 4" in panel.settings.text()
    assert "Epochs 2" in panel.settings.text()
    assert panel.form.value() != trained.config
    panel.copy_button.click()
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
