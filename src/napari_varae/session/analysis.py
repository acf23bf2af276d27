"""A session to an analysis folder, and back."""

from __future__ import annotations

import os

from napari_varae.core.settings_file import AnalysisSettings
from napari_varae.io.analysis import Analysis
from napari_varae.session.session import Session

__all__ = ["save_analysis", "use_analysis"]


def save_analysis(session: Session, folder: str | os.PathLike[str], *, overwrite: bool = False) -> Analysis:
    """Write what a session holds into an analysis folder: movie, fit, latents, ranges, trials and comparison.

    Raises
    ------
    StackError
        When there is no movie, or it cannot be read.
    DataError
        When the folder cannot be written, or holds an analysis already and `overwrite` is not set.
    """
    stack, fit, comparison = session.require_stack(), session.fit, session.comparison
    settings = AnalysisSettings()
    if fit is not None:
        settings = settings.changed(fit=fit.config)
    if comparison is not None:
        settings = settings.changed(comparison=comparison.config)
    analysis = Analysis.begin(folder, stack, settings, overwrite=overwrite)
    if fit is not None:
        analysis.keep_fit(fit)
        session.keep_fit(fit, saved=True)
    if session.latents is not None:
        analysis.keep_latents(session.latents)
    sets = session.frame_sets
    analysis.keep_frame_sets({name: segments for name, segments in sets if segments}, (sets.a, sets.b))
    if session.trials is not None:
        analysis.keep_trials(session.trials)
    if comparison is not None:
        analysis.keep_comparison(comparison)
    return analysis


def use_analysis(session: Session, analysis: Analysis) -> None:
    """Take in fit, ranges and trials of an analysis whose movie the session has already.

    Sides A and B are the frame sets that they were, or those of the last comparison.

    Raises
    ------
    FitFileError, DataError
        When a file of the analysis is damaged.
    ValueError
        When the movie of the session is another one.
    """
    if analysis.trials is not None:
        session.use_trials(analysis.trials)
    if analysis.has_fit:
        fit, latents = analysis.fit, analysis.latents
        session.use_fit(fit, fit.encode(analysis.stack) if latents is None else latents)
        session.keep_fit(fit, saved=True)
    if analysis.frame_sets:
        session.set_frame_sets(analysis.frame_sets, analysis.sides or _compared(analysis))


def _compared(analysis: Analysis) -> tuple[str, str] | None:
    """Names of the frame sets of the last comparison that the command line made; None when there was none."""
    a, b = ([name for name in analysis.frame_sets if name.split()[-1] == letter] for letter in "AB")
    return (a[-1], b[-1]) if a and b else None
