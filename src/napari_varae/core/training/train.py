"""Training as a generator of facts: one report per epoch, and at the end the fit with the best held-out result."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from threading import Event

import numpy as np

from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.trainer import Trainer
from napari_varae.errors import TrainingError

__all__ = ["fit", "train"]


def fit(stack: Stack, config: FitConfig | None = None, stop: Event | None = None) -> Fit:
    """Train to the end; as :func:`train`, without the reports.

    Parameters
    ----------
    stack : Stack
        The movie, (T, Y, X).
    config : FitConfig, optional
        Settings.
    stop : threading.Event, optional
        When set, from another thread, training ends within one batch.

    Returns
    -------
    fit : Fit
        The state with the smallest held-out loss.
    """
    steps = train(stack, config, stop)
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
    phase: Callable[[str], None] | None = None,
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
    phase : callable, optional
        Called with what is being prepared, in words, until the first epoch begins.

    Yields
    ------
    report : EpochReport
        After each epoch.

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
    stop, pause, drop = stop or Event(), pause or Event(), drop or Event()
    began = time.monotonic()
    phase = phase or _ignore
    trainer = Trainer(stack, config, partial(_wait_or_end, stop, pause, drop), phase)
    phase("estimating the first VAR")
    best = trainer.assess()
    reports: list[EpochReport] = []
    since_best = 0
    for epoch in range(1, config.epochs + 1):
        losses = []
        for window in trainer.windows():
            trainer.data.check()
            if stop.is_set():
                break
            losses.append(trainer.step(window, epoch))
        if stop.is_set():
            break
        state = trainer.assess()
        better = state.loss < best.loss
        best, since_best = (state, 0) if better else (best, since_best + 1)
        report = state.report(epoch, config.epochs, float(np.mean(losses)), time.monotonic() - began, better)
        reports.append(report)
        yield report
        if since_best >= config.patience:
            break
    trainer.data.check()
    return trainer.finish(best, tuple(reports))


def _ignore(_phase: str) -> None:
    """Report nothing."""


def _wait_or_end(stop: Event, pause: Event, drop: Event) -> None:
    """Wait while paused, and raise when the training was dropped."""
    while pause.is_set() and not (stop.is_set() or drop.is_set()):
        time.sleep(0.05)
    if drop.is_set():
        raise TrainingError("The training was dropped; nothing of it is kept.")
