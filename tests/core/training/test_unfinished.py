"""Trainings that were cut short: found again, by movie, once their process is gone."""

import json
import time

import numpy as np
import pytest

import napari_varae.core.training.unfinished as module
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.checkpoint import SETTINGS
from napari_varae.core.training.train import resume, train
from napari_varae.core.training.unfinished import OWNER, find_unfinished, forget, new_checkpoint, own

QUICK = FitConfig(latents=4, epochs=4, patience=9, device="cpu")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "user_cache_path", lambda _name: tmp_path)


def cut_short(stack, epochs=1):
    """The checkpoint of a training whose process is gone after some epochs."""
    kept = new_checkpoint(stack.fingerprint())
    steps = train(stack, QUICK, checkpoint=kept)
    for _ in range(1 + epochs):
        next(steps)
    steps.close()
    abandon(kept.folder)
    return kept.folder


def abandon(folder):
    owner = json.loads((folder / OWNER).read_text())
    (folder / OWNER).write_text(
        json.dumps(owner | {"began": owner["began"] - 1000})
    )  # an earlier process of this number


def test_what_was_cut_short_is_found_and_goes_on(small_stack):
    folder = cut_short(small_stack, epochs=2)
    found = find_unfinished(small_stack.fingerprint())
    assert (found.folder, found.epoch, found.config) == (folder, 2, QUICK)
    assert found.bad_frames == small_stack.bad_frames
    assert found.began == pytest.approx(time.time(), abs=60)
    assert find_unfinished("another movie") is None
    assert [report.epoch for report in resume(folder, small_stack)] == [3, 4]
    forget(folder)
    assert find_unfinished(small_stack.fingerprint()) is None


def test_a_training_that_runs_is_not_offered(small_stack):
    folder = cut_short(small_stack)
    own(folder)
    assert find_unfinished(small_stack.fingerprint()) is None


def test_bad_frames_are_those_it_began_with(small_stack):
    """Frames that were bad are zero in the compressed movie: they must not be taken for good ones."""
    marked = small_stack.replace(bad_frames=range(20, 40))
    folder = cut_short(marked, epochs=0)
    steps = resume(folder, Stack(small_stack.array))
    fits = []
    while not fits:
        try:
            next(steps)
        except StopIteration as end:
            fits.append(end.value)
    straight = train(marked, QUICK)
    while len(fits) == 1:
        try:
            next(straight)
        except StopIteration as end:
            fits.append(end.value)
    np.testing.assert_allclose(fits[0].static, fits[1].static)
    assert fits[0].var.n_pairs == fits[1].var.n_pairs


def test_what_is_damaged_is_passed_over(small_stack):
    older = cut_short(small_stack)
    newer = cut_short(small_stack)
    assert find_unfinished(small_stack.fingerprint()).folder == newer
    (newer / SETTINGS).write_text("{")
    assert find_unfinished(small_stack.fingerprint()).folder == older
    (older / OWNER).unlink()
    assert find_unfinished(small_stack.fingerprint()) is None


def test_only_the_last_few_are_kept(small_stack):
    running = new_checkpoint("movie")
    for _ in range(module.KEPT + 2):
        kept = new_checkpoint("movie")
        kept.begin(QUICK, small_stack)
        abandon(kept.folder)
    new_checkpoint("movie")
    folders = [folder for folder in module._root().iterdir() if folder != running.folder]
    assert running.folder.is_dir()
    assert len(folders) == module.KEPT + 1


def test_a_cache_that_cannot_be_written_costs_nothing_but_the_checkpoint(small_stack):
    kept = new_checkpoint(small_stack.fingerprint())
    steps = train(small_stack, QUICK, checkpoint=kept)
    next(steps)
    forget(kept.folder)
    (kept.folder).write_text("no folder any more")
    assert next(steps).epoch == 1
    steps.close()
