"""Trainings, and fits applied to the movie: what the worker's thread does, and how the session takes up its result.

It runs in the thread or outlives the dock: it knows no widget.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_varae.core.settings import FitConfig
from napari_varae.session.job_events import Controls
from napari_varae.session.principal_components import principal_components
from napari_varae.session.session import Session
from napari_varae.widgets.jobs.job import Report
from napari_varae.widgets.parts.text import report_caution, report_done

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_varae.core.fit.apply import Applied
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack
    from napari_varae.core.training.example import Example
    from napari_varae.core.training.unfinished import Unfinished

    Fitted = tuple[Fit, Applied, NDArray[np.float64]]

__all__ = ["Before", "encode", "load", "look_ahead", "proceed", "saved", "take_news", "train", "use"]

_checkpoints: weakref.WeakKeyDictionary[Fit, Path] = weakref.WeakKeyDictionary()
"""Where fits that are not saved could be resumed from."""


class Before(NamedTuple):
    """What is known before a training: one of an earlier day that can be resumed, and what this one will need."""

    unfinished: Unfinished | None = None
    needs: str = ""
    seconds: dict[str, float] | None = None
    """Time that was estimated for each phase with these settings."""


def look_ahead(
    stack: Stack, config: FitConfig | None, controls: Controls, _report: Report
) -> Generator[Before, None, None]:
    """Look for a training of this movie that was cut short, then measure what one with these settings will need."""
    from napari_varae.core.training.requirements import estimate
    from napari_varae.core.training.unfinished import find_unfinished

    stack = stack.checked(controls.check)
    found = find_unfinished(stack.fingerprint())
    yield Before(found)
    if config is not None:
        try:
            needs = estimate(stack, config)
            yield Before(found, str(needs), needs.phases)
        except ValueError as error:
            controls.check()
            yield Before(found, str(error))


def train(
    stack: Stack, config: FitConfig, expected: dict[str, float] | None, controls: Controls, report: Report
) -> Generator[Any, None, Fitted]:
    """Train, with a checkpoint in the cache, and encode the whole movie; first estimate the time, where not `expected`.

    Settings that do not suit the movie fail here as they would in the training.
    """
    from napari_varae.core.compute.threads import default_threads
    from napari_varae.core.training.train import train
    from napari_varae.core.training.unfinished import new_checkpoint

    report("loading PyTorch")
    if config.threads is None:  # one core is left to the window
        config = config.model_copy(update={"threads": max(1, default_threads() - 1)})
    stack = stack.checked(controls.check_drop)
    if expected is None and config.network == "footprints":
        from napari_varae.core.training.requirements import estimate

        report("measuring what it will need")
        expected = estimate(stack, config).phases
    if expected is not None:
        yield expected
    kept = new_checkpoint(stack.fingerprint()) if config.network == "footprints" else None
    begin = partial(
        train, stack, config, controls.stop, controls.pause, controls.drop, partial(_report_phase, report), kept
    )
    return (yield from _run(begin, None if kept is None else kept.folder, stack, config, controls, report))


def proceed(stack: Stack, cut: Unfinished, controls: Controls, report: Report) -> Generator[Any, None, Fitted]:
    """Go on with a training that was cut short."""
    from napari_varae.core.training.checkpoint import Checkpoint
    from napari_varae.core.training.train import resume
    from napari_varae.core.training.unfinished import own

    report("reading the checkpoint")
    stack = stack.checked(controls.check_drop)
    own(cut.folder)
    yield from Checkpoint(cut.folder).reports()
    begin = partial(
        resume, cut.folder, stack, controls.stop, controls.pause, controls.drop, partial(_report_phase, report)
    )
    return (yield from _run(begin, cut.folder, stack, cut.config, controls, report))


def _run(
    begin: Callable[..., Generator[Any, None, Fit]],
    folder: Path | None,
    stack: Stack,
    config: FitConfig,
    controls: Controls,
    report: Report,
) -> Generator[Any, None, Fitted]:
    """Train; the checkpoint stays until the fit is saved, and goes when the user throws the training away."""
    from napari_varae.core.compute.device import choose_device
    from napari_varae.core.training.unfinished import forget

    try:
        yield choose_device(config.device)[1]
        fit = yield from _with_examples(begin)
        found = _applied(fit, stack, report)
    finally:
        if folder is not None and controls.drop.is_set() and not controls.closed.is_set():
            forget(folder)
    if folder is not None:
        _checkpoints[fit] = folder
    return found


def _with_examples(begin: Callable[..., Generator[Any, None, Fit]]) -> Generator[Any, None, Fit]:
    """Train, and yield each example before the report that belongs to it."""
    examples: list[Example] = []
    with closing(begin(show=examples.append)) as steps:
        while True:
            try:
                news = next(steps)
            except StopIteration as end:
                fit: Fit = end.value
                return fit
            yield from examples
            examples.clear()
            yield news


def saved(fit: Fit) -> None:
    """Delete the checkpoint of a fit that lies in a file now."""
    folder = _checkpoints.pop(fit, None)
    if folder is not None:
        from napari_varae.core.training.unfinished import forget

        forget(folder)


def encode(
    get_fit: Callable[[], Fit], stack: Stack, controls: Controls, report: Report
) -> Generator[Any, None, Fitted]:
    """Get a fit and encode the movie with it, which fails when it does not suit the movie."""
    fit = get_fit()
    yield f"{str(fit.device).upper()}, where the fit was loaded"
    return _applied(fit, stack.checked(controls.check), report)


def _report_phase(report: Report, phase: str, share: float) -> None:
    """Report what is prepared; the epochs of the training itself are reported one by one."""
    report("" if phase == "training" else f"{phase}, {share:.0%}")


def _applied(fit: Fit, stack: Stack, report: Report) -> Fitted:
    """Encode the whole movie, unless it is stopped, and compute here what the docks will ask the fit for."""
    from napari_varae.core.fit.apply import apply_fit

    found = apply_fit(fit, stack, partial(report, "encoding the movie, frame"))
    _ = fit.whole_image, fit.places, fit.strengths  # kept by the fit; too slow for the thread of the screen
    return fit, found, principal_components(fit, found.latents, found.odd.usual(stack.good_frames()))


def load(path: str) -> Fit:
    """Load a fit, in the worker's thread."""
    from napari_varae.core.fit.load import load_fit

    return load_fit(path)


def take_news(session: Session, news: Any) -> None:
    """Pass on the device with its reason, the time that was estimated, an example, or the report of an epoch."""
    from napari_varae.core.training.example import Example

    if isinstance(news, str):
        session.set_device(news)
    elif isinstance(news, dict):
        session.expect(news)
    elif isinstance(news, Example):
        session.show_example(news)
    else:
        session.report(news)


def use(session: Session, movie: int, result: Fitted, *, saved: bool = False) -> None:
    """Take a fit in use; when its movie was closed meanwhile, keep it among the fits of the session."""
    fit, found, components = result
    for text in fit.notes:
        report_caution(text)
    if session.generation.movie == movie:
        session.use_fit(fit, found.latents, found.movie, found.explained, components, found.odd)
        session.keep_fit(fit, saved=saved)
    else:
        session.keep_fit(fit, saved=saved)
        report_done(f"The movie was closed; its fit {fit.id} is kept in the Train dock.")
