"""Training as a generator of facts: one report per epoch, and at the end the fit with the best held-out result."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from threading import Event

import numpy as np

from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.compute.checkpoint import Check
from napari_varae.core.compute.interrupt import ends_gently
from napari_varae.core.compute.memory import enough_memory
from napari_varae.core.compute.threads import default_threads, on_threads
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.checkpoint import Checkpoint, Start
from napari_varae.core.training.compress import Progress
from napari_varae.core.training.end_to_end import EndToEnd
from napari_varae.core.training.example import Show
from napari_varae.core.training.imitation import make_trainer
from napari_varae.core.training.requirements import TO_NEED_LESS
from napari_varae.core.training.state import State
from napari_varae.core.training.trainer import Trainer
from napari_varae.errors import TrainingError

__all__ = ["fit", "resume", "train"]

PATIENCE = {"footprints": 1, "convolutional": 8}
"""Epochs that are not better after which training ends, where that is not chosen."""


def fit(
    stack: Stack,
    config: FitConfig | None = None,
    stop: Event | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
) -> Fit:
    """Train to the end; as :func:`train`, without the reports.

    Ctrl-C ends it after the current batch, too, with the best state so far, and a second Ctrl-C at once.

    Parameters
    ----------
    stack : Stack
        The movie, (T, Y, X).
    config : FitConfig, optional
        Settings.
    stop : threading.Event, optional
        When set, from another thread, training ends within one batch.
    checkpoint : path, optional
        As for :func:`train`.

    Returns
    -------
    fit : Fit
        The state with the smallest held-out loss.
    """
    stop = stop or Event()
    steps = train(stack, config, stop, checkpoint=checkpoint)
    with ends_gently(stop):
        while True:
            try:
                next(steps)
            except StopIteration as end:
                fitted: Fit = end.value
                return fitted


def train(
    stack: Stack,
    config: FitConfig | None = None,
    stop: Event | None = None,
    pause: Event | None = None,
    drop: Event | None = None,
    progress: Progress | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
    show: Show | None = None,
) -> Generator[EpochReport, None, Fit]:
    """Train an autoencoder with an embedded VAR.

    Parameters
    ----------
    stack : Stack
        The movie, (T, Y, X).
    config : FitConfig, optional
        Settings.
    stop : threading.Event, optional
        When set, training ends within one batch, or as soon as it has a start, and the best state so far is returned.
    pause : threading.Event, optional
        While set, training waits between batches, or between the pieces of its start.
    drop : threading.Event, optional
        When set, training ends with an error as soon as it can, also before there is a start, and nothing is kept.
    progress : callable, optional
        Called with the name of a phase (reading, compressing, projecting, finding places, training, and before that
        imitating footprints, where the settings ask for it) and the share of it that is done.
    checkpoint : path, optional
        A folder for what there is so far, written after compressing, after the start and after each epoch; see
        :func:`resume`.
    show : callable, optional
        Called before each report with a held-out frame and its reconstruction, an
        :class:`~napari_varae.core.training.example.Example`.

    Yields
    ------
    report : EpochReport
        Of the start, as epoch 0, and after each epoch.

    Returns
    -------
    fit : Fit
        The state with the smallest held-out loss; the start counts as one.

    Raises
    ------
    ValueError
        When settings do not fit the movie, for instance too few frames for the latents.
    StackError
        When frames cannot be read or do not vary.
    TrainingError
        When the loss is no longer finite, or the training was dropped.
    """
    config = config or FitConfig()
    kept = Checkpoint(checkpoint) if isinstance(checkpoint, str | Path) else checkpoint
    if kept is not None:
        if config.network != "footprints":
            raise ValueError("Checkpoints are kept of the network 'footprints' only. Leave out `checkpoint`.")
        kept.begin(config, stack)
    return _on_threads(stack, config, stop, pause, drop, progress, kept, None, None, show)


def resume(
    path: str | Path | Checkpoint,
    stack: Stack,
    stop: Event | None = None,
    pause: Event | None = None,
    drop: Event | None = None,
    progress: Progress | None = None,
    show: Show | None = None,
) -> Generator[EpochReport, None, Fit]:
    """Go on with a training that was cut short; as :func:`train`, whose argument `checkpoint` named the folder.

    Parameters
    ----------
    path : path
        The folder of the checkpoint.
    stack : Stack
        The movie that the training began with. Its bad frames are those of that time, whatever is marked now.
    stop, pause, drop, progress, show
        As for :func:`train`.

    Yields
    ------
    report : EpochReport
        After each further epoch.

    Returns
    -------
    fit : Fit

    Raises
    ------
    TrainingError
        When there is no checkpoint, it is damaged, or it belongs to another movie.

    Examples
    --------
    >>> import tempfile, napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4)).stack
    >>> folder = tempfile.mkdtemp()
    >>> steps = nv.train(stack, nv.FitConfig(latents=4, epochs=3, patience=3), checkpoint=folder)
    >>> _start, first = next(steps), next(steps)
    >>> steps.close()  # the window was closed, or the computer switched off
    >>> [report.epoch for report in nv.resume(folder, stack)]
    [2, 3]
    """
    kept = path if isinstance(path, Checkpoint) else Checkpoint(path)
    config, bad_frames = kept.settings(stack.fingerprint())
    movie, start = kept.read()
    stack = stack.replace(bad_frames=bad_frames)
    return _on_threads(stack, config, stop, pause, drop, progress, kept, movie, start, show)


def _on_threads(
    stack: Stack, config: FitConfig, stop: Event | None, pause: Event | None, drop: Event | None,
    progress: Progress | None, kept: Checkpoint | None, movie: CompressedMovie | None, start: Start | None,
    show: Show | None,
) -> Generator[EpochReport, None, Fit]:  # fmt: skip
    """Train on the threads that the settings name."""
    n_threads = config.threads or default_threads()
    config = config.model_copy(update={"threads": n_threads})
    stop, pause, drop = stop or Event(), pause or Event(), drop or Event()
    check = partial(_wait_or_end, stop, pause, drop)
    steps = _train(stack, config, stop, check, progress or (lambda _phase, _share: None), kept, movie, start, show)
    return on_threads(n_threads, steps)


def _train(
    stack: Stack, config: FitConfig, stop: Event, check: Check, progress: Progress, kept: Checkpoint | None,
    movie: CompressedMovie | None, start: Start | None, show: Show | None,
) -> Generator[EpochReport, None, Fit]:  # fmt: skip
    """Train on the threads of the caller."""
    with enough_memory(TO_NEED_LESS):
        return (yield from _steps(stack, config, stop, check, progress, kept, movie, start, show))


def _steps(
    stack: Stack, config: FitConfig, stop: Event, check: Check, progress: Progress, kept: Checkpoint | None,
    movie: CompressedMovie | None, start: Start | None, show: Show | None,
) -> Generator[EpochReport, None, Fit]:  # fmt: skip
    """Make the trainer of the network, and train epoch by epoch."""
    began = time.monotonic()
    if config.network == "convolutional":
        alone = make_trainer(stack, config, check, progress)
        return (yield from _epochs(alone, config, stop, progress, began, [], lambda *_: None, show))
    trainer = Trainer(stack, config, check, progress, movie, start)
    if kept is not None and movie is None:
        kept.keep_movie(trainer.movie)

    def keep(best: State, reports: list[EpochReport]) -> None:
        if kept is not None:
            kept.keep_state(Start(trainer.footprints, best.weights, tuple(reports)))

    reports = list(start.reports) if start is not None else []
    return (yield from _epochs(trainer, config, stop, progress, began, reports, keep, show))


def _epochs(
    trainer: Trainer | EndToEnd, config: FitConfig, stop: Event, progress: Progress, began: float,
    reports: list[EpochReport], keep: Callable[[State, list[EpochReport]], None], show: Show | None,
) -> Generator[EpochReport, None, Fit]:  # fmt: skip
    """Train epoch by epoch, as long as it brings something."""
    progress("training", 0.0)
    best = trainer.assess()
    if show is not None:
        show(trainer.example(best))
    if not reports:  # a training that goes on has reported its start
        reports.append(best.report(0, config.epochs, best.loss, time.monotonic() - began, True))
        keep(best, reports)
        yield reports[0]
    patience = config.patience or PATIENCE[config.network]
    since_best = 0
    for epoch in range(reports[-1].epoch + 1, config.epochs + 1):
        losses = []
        for window in trainer.windows():
            trainer.check()
            if stop.is_set():
                break
            losses.append(trainer.step(window, epoch))
        if stop.is_set() or not losses:  # no window holds a good frame: the start is all there is
            break
        state = trainer.assess()
        better = state.loss < best.loss
        since_best = 0 if state.loss < best.loss * (1 - config.min_gain) else since_best + 1
        best = state if better else best
        progress("training", epoch / config.epochs)
        report = state.report(epoch, config.epochs, float(np.mean(losses)), time.monotonic() - began, better)
        reports.append(report)
        keep(best, reports)
        if show is not None:
            show(trainer.example(state))
        yield report
        if since_best >= patience:
            break
    trainer.check()
    return trainer.finish(best, tuple(reports))


def _wait_or_end(stop: Event, pause: Event, drop: Event) -> None:
    """Wait while paused, and raise when the training was dropped."""
    while pause.is_set() and not (stop.is_set() or drop.is_set()):
        time.sleep(0.05)
    if drop.is_set():
        raise TrainingError("The training was dropped; nothing of it is kept.")
