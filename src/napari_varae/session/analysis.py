"""A session to an analysis folder, and back."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.settings_file import AnalysisSettings
from napari_varae.errors import DataError
from napari_varae.io.analysis import Analysis, open_analysis
from napari_varae.io.analysis_brought import Brought
from napari_varae.io.analysis_choice import keep_choice, read_choice
from napari_varae.io.analysis_conditions import keep_conditions, read_conditions
from napari_varae.io.analysis_files import comparison_files, take_place
from napari_varae.io.analysis_record import RECORD
from napari_varae.session.generation import Generation
from napari_varae.session.session import Session
from napari_varae.session.snapshot import Snapshot

if TYPE_CHECKING:
    from napari_varae.core.comparison.conditions import Conditions
    from napari_varae.core.comparison.result import Comparison

__all__ = [
    "save_analysis", "use_analysis", "use_brought", "use_comparisons", "use_conditions", "use_frame_sets",
    "write_analysis",
]  # fmt: skip


def save_analysis(session: Session, folder: str | os.PathLike[str], *, overwrite: bool = False) -> Analysis:
    """Write what a session holds into an analysis folder: movie, fit, frame sets, comparisons, cells and behaviour.

    Raises
    ------
    StackError
        When there is no movie, or it cannot be read.
    DataError
        When the folder cannot be written, or holds an analysis already and `overwrite` is not set.
    """
    snapshot = Snapshot.of(session)
    analysis = write_analysis(snapshot, folder, overwrite=overwrite)
    session.note_saved(snapshot, analysis)
    return analysis


def write_analysis(
    snapshot: Snapshot,
    folder: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    check: Callable[[], None] | None = None,
) -> Analysis:
    """Write a snapshot into an analysis folder, from any thread; an older analysis in it goes once this one is whole.

    Maps in the folder stay when they are of the same movie and fit. `check` is called between the pieces and may raise.

    Raises
    ------
    StackError
        When the movie cannot be read.
    DataError
        When the folder cannot be written, holds an analysis already and `overwrite` is not set, or has gained
        comparisons since it was opened or saved, by a command for instance.
    """
    path, check = Path(folder).expanduser().absolute(), check or _go_on
    if (path / RECORD).exists() and not overwrite:
        raise DataError(f"{path} holds an analysis already. Choose another folder, or replace that analysis.")
    own = snapshot.folder is not None and Path(snapshot.folder).absolute() == path
    if own and (added := sorted(comparison_files(path) - snapshot.folder_files)):
        raise DataError(
            f"{path} has comparisons that were added to it since, such as {added[0]!r}, and saving would remove them. "
            "Save into another folder, or open this one again."
        )
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        analysis = _write(snapshot, beside, check)
        take_place(beside, path, keep_maps=_of_the_same(analysis, path))
    except OSError as error:
        raise DataError(f"{path} could not be written ({error}). Choose another folder.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return open_analysis(path)


def use_analysis(session: Session, analysis: Analysis) -> tuple[str, ...]:
    """Take in fit, frame sets, trials, comparisons, cells and behaviour of an analysis whose movie the session has.

    Sides A and B are the frame sets that they were, or those of the last comparison.

    Returns
    -------
    tuple of str
        What is wrong with cells and behaviour, whose files may have moved or changed.

    Raises
    ------
    FitFileError, DataError
        When a file of the analysis is damaged.
    ValueError
        When the movie of the session is another one.
    """
    results, several = [analysis.comparison(name) for name in analysis.comparisons], read_conditions(analysis)
    choice = read_choice(analysis)
    if analysis.has_fit:
        fit, latents = analysis.fit, analysis.latents
        session.use_fit(fit, fit.encode(analysis.stack) if latents is None else latents, odd=analysis.odd)
        session.keep_fit(fit, saved=True)
    use_frame_sets(session, analysis)
    cautions = use_brought(session, analysis.brought())
    use_comparisons(session, results)
    use_conditions(session, several)
    if choice is not None:
        session.set_choice(choice[0], fits_before=choice[1])
    session.note_saved(Snapshot.of(session), analysis)
    return cautions


def use_brought(session: Session, brought: Brought) -> tuple[str, ...]:
    """Take in cells, behaviour, and what is regressed out; return what is wrong with them, in words."""
    cautions = list(brought.cautions)
    for take in (partial(session.use_cells, brought.cells), partial(session.use_behaviour, brought.behaviour)):
        try:
            take()
        except ValueError as error:  # a file that has changed may not fit the movie any more
            cautions.append(str(error))
    if session.behaviour is not None:
        session.set_covariates(brought.covariates, brought.covariate_lags)
    return tuple(cautions)


def use_frame_sets(session: Session, analysis: Analysis) -> None:
    """Take in trials, frame sets, sides A and B, and the training frames; errors as for :func:`use_analysis`."""
    if analysis.trials is not None:
        session.use_trials(analysis.trials)
    if analysis.has_fit and analysis.fit.config.frames is not None and session.caution is None:
        session.set_frames(analysis.fit.config.frames)
    if analysis.frame_sets:
        session.set_frame_sets(analysis.frame_sets, analysis.record.sides or _compared(analysis))


def use_comparisons(session: Session, results: list[Comparison]) -> None:
    """Take in comparisons; each is current when movie, fit and frames are as they were.

    The last one is shown, unless it is of another fit, whose latents have other numbers.
    """
    for result in results:
        session.set_comparison(result, _about(session, result))
    if results and (session.fit is None or results[-1].fit != session.fit.id):
        session.set_comparison(None)


def use_conditions(session: Session, several: list[Conditions]) -> None:
    """Take in comparisons of several conditions; each is current when movie, fit and bad frames are as they were."""
    for found in several:
        about = _about(session, next(iter(found.pairs.values())))
        session.set_conditions(found, about._replace(movie=session.generation.movie))


def _about(session: Session, result: Comparison) -> Generation:
    """Return what a comparison from a file is about, by the numbers of this session."""
    now = session.generation
    stack = session.require_stack()
    as_then = all(FrameSet.of(stack, frames.ranges) == frames for frames in result.frames.values())
    regressed = len(now.covariates) * (1 + now.covariate_lags) == result.test.n_covariates
    return now._replace(
        movie=now.movie if result.movie == stack.fingerprint() else 0,
        fit=result.fit,
        a=result.ranges["a"],
        b=result.ranges["b"],
        bad_frames=now.bad_frames if as_then else now.bad_frames ^ {-1},
        covariates=now.covariates if regressed else (*now.covariates, ""),
    )


def _go_on() -> None:
    """Let the work go on."""


def _write(snapshot: Snapshot, folder: Path, check: Callable[[], None]) -> Analysis:
    """Write all pieces."""
    settings = AnalysisSettings()
    if snapshot.fit is not None:
        settings = settings.changed(fit=snapshot.fit.config)
    if snapshot.comparisons:
        settings = settings.changed(comparison=snapshot.comparisons[-1].config)
    analysis = Analysis.begin(folder, snapshot.stack, settings)
    check()
    if snapshot.fit is not None:
        analysis.keep_fit(snapshot.fit)
    check()
    if snapshot.latents is not None:
        analysis.keep_latents(snapshot.latents)
    if snapshot.odd is not None:
        analysis.keep_odd(snapshot.odd)
    sets = snapshot.frame_sets
    analysis.keep_frame_sets({name: segments for name, segments in sets if segments}, (sets.a, sets.b))
    if snapshot.trials is not None:
        analysis.keep_trials(snapshot.trials)
    analysis.keep_cells(snapshot.cells)
    analysis.keep_behaviour(snapshot.behaviour, snapshot.covariates, snapshot.covariate_lags)
    if snapshot.choice is not None:
        keep_choice(analysis, *snapshot.choice)
    for result in snapshot.comparisons:
        check()
        analysis.keep_comparison(result, frame_sets=False)
    for found in snapshot.conditions:
        check()
        keep_conditions(analysis, found)
    check()
    return analysis


def _of_the_same(new: Analysis, folder: Path) -> bool:
    """Whether a folder holds an analysis of the same movie by the same fit."""
    with suppress(DataError):
        old = open_analysis(folder).record
        same = new.record.movie.fingerprint == old.movie.fingerprint and new.record.encoded_by == old.encoded_by
        return same and bool(old.encoded_by)
    return False


def _compared(analysis: Analysis) -> tuple[str, str] | None:
    """Names of the frame sets of the last comparison that the command line made; None when there was none."""
    a, b = ([name for name in analysis.frame_sets if name.split()[-1] == letter] for letter in "AB")
    return (a[-1], b[-1]) if a and b else None
