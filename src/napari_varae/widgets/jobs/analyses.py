"""Analyses in the background: saved into a folder, opened from one, and recovered after a crash."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.movie.odd_frames import OddFrames
from napari_varae.errors import StackError
from napari_varae.io.analysis import Analysis, open_analysis
from napari_varae.io.analysis_brought import Brought
from napari_varae.io.analysis_choice import read_choice
from napari_varae.io.analysis_conditions import read_conditions
from napari_varae.session.analysis import (
    use_brought,
    use_comparisons,
    use_conditions,
    use_frame_sets,
    write_analysis,
)
from napari_varae.session.autosave import fits_of
from napari_varae.session.job_events import Controls
from napari_varae.session.principal_components import principal_components
from napari_varae.session.questions import Question
from napari_varae.session.snapshot import Snapshot
from napari_varae.viewer.kept_maps import KeptMap, keep_maps, layers_of_maps, read_maps, show_maps
from napari_varae.viewer.movie import open_movie
from napari_varae.widgets.jobs.job import Job, Report
from napari_varae.widgets.parts.keeper import keeper_of
from napari_varae.widgets.parts.panel import Panel
from napari_varae.widgets.parts.question import PATH
from napari_varae.widgets.parts.text import in_words, report_caution, report_done

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.core.comparison.conditions import Conditions
    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack
    from napari_varae.core.training.choice import Choice
    from napari_varae.session.session import Session

__all__ = ["open_folder", "save_into"]


class _Opened(NamedTuple):
    """An analysis with all that was read and computed of it in the thread."""

    analysis: Analysis
    stack: Stack
    comparisons: list[Comparison]
    conditions: list[Conditions]
    choice: tuple[Choice, frozenset[str]] | None = None
    brought: Brought = Brought()
    maps: tuple[KeptMap, ...] = ()
    cautions: tuple[str, ...] = ()
    fit: Fit | None = None
    latents: NDArray[np.float32] | None = None
    components: NDArray[np.float64] | None = None
    odd: OddFrames | None = None
    explained: float | None = None
    others: tuple[Fit, ...] = ()
    unsaved: bool = False
    """Whether the fit in use lies in no other file."""


def save_into(panel: Panel, folder: str, *, overwrite: bool = False) -> None:
    """Save the analysis as it is now into a folder.

    Raises
    ------
    StackError
        When there is no movie.
    ValueError
        While another job is running.
    """
    snapshot = Snapshot.of(panel.session)
    Job(
        panel,
        "computing",
        partial(_save, snapshot, layers_of_maps(panel.viewer, panel.session), folder, overwrite),
        title="Saving the analysis",
        on_return=partial(_saved, panel.session, snapshot),
    )


def open_folder(panel: Panel, folder: str, movie: str | None = None, *, recover: bool = False) -> None:
    """Open an analysis folder: its movie as a layer, and everything else into the session.

    Parameters
    ----------
    panel : Panel
        The panel that asks for it.
    folder : str
    movie : str, optional
        Where the movie is now, when it has moved.
    recover : bool
        Whether the folder holds work that was left, to go on with.

    Raises
    ------
    ValueError
        While another job is running.
    """
    stack = panel.session.stack
    Job(
        panel,
        "computing",
        partial(_open, folder, movie, recover, stack),
        title="Recovering the analysis" if recover else "Opening the analysis",
        on_return=partial(_use, panel.viewer, panel.session, recover),
    )


def _save(
    snapshot: Snapshot, maps: list[KeptMap], folder: str, overwrite: bool, controls: Controls, report: Report
) -> Generator[None, None, tuple[Analysis, list[str]]]:
    """Write everything; return the analysis, and what is wrong with its maps, in words."""
    report("writing")
    yield
    analysis = write_analysis(snapshot, folder, overwrite=overwrite, check=controls.check)
    return analysis, keep_maps(analysis, maps)


def _saved(session: Session, snapshot: Snapshot, done: tuple[Analysis, list[str]]) -> None:
    analysis, cautions = done
    session.note_saved(snapshot, analysis)
    report_done(f"The analysis was saved in {analysis.folder}.")
    for text in cautions:
        report_caution(text)


def _open(
    folder: str, movie: str | None, recover: bool, here: Stack | None, controls: Controls, report: Report
) -> Generator[None, None, _Opened | Question]:
    """Read everything in the thread; a movie that is not where it was is asked for."""
    report("reading")
    yield
    analysis = open_analysis(folder, movie)
    stack: Stack
    if movie is None and here is not None and _is_that(here, analysis):
        stack = analysis.described(here)
    else:
        try:
            stack = analysis.stack.checked(controls.check)
        except StackError as error:
            controls.check()
            found = str(error).partition(" Give ")[0]
            return Question("analysis", folder, f"{found} Choose its file.", {PATH: ()}, {"recover": recover})
    results = [analysis.comparison(name) for name in analysis.comparisons]
    several, choice = read_conditions(analysis), read_choice(analysis)
    opened = _Opened(analysis, stack, results, several, choice, analysis.brought())
    if analysis.has_fit:
        maps, cautions = read_maps(analysis)
        opened = _with_fit(opened._replace(maps=tuple(maps), cautions=tuple(cautions)), controls, report)
    if recover:
        from napari_varae.core.fit.load import load_fit

        others, unsaved = fits_of(analysis.folder)
        opened = opened._replace(others=tuple(load_fit(path) for path in others), unsaved=unsaved)
    return opened


def _with_fit(opened: _Opened, controls: Controls, report: Report) -> _Opened:
    """Load the fit and its latents; encode the movie where they are not there."""
    from napari_varae.core.fit.apply import apply_fit

    fit, latents, odd = opened.analysis.fit, opened.analysis.latents, opened.analysis.odd
    fit.check(opened.stack)
    explained = None
    if latents is None or odd is None or fit.caution(opened.stack.fingerprint()) is not None:
        applied = apply_fit(fit, opened.stack, partial(report, "encoding the movie, frame"))
        latents = (
            applied.latents if latents is None else latents
        )  # those that are there are the same, to the last digit
        odd, explained = applied.odd, applied.explained
    controls.check()
    _ = fit.whole_image, fit.places, fit.strengths  # kept by the fit; too slow for the thread of the screen
    components = principal_components(fit, latents, odd.usual(opened.stack.good_frames()))
    return opened._replace(fit=fit, latents=latents, components=components, odd=odd, explained=explained)


def _is_that(stack: Stack, analysis: Analysis) -> bool:
    """Whether the movie that is open is the one of the analysis, which may have been an array."""
    was = analysis.record.movie
    return stack.shape == was.shape and stack.fingerprint() == was.fingerprint


def _use(viewer: Viewer, session: Session, recover: bool, found: _Opened | Question) -> None:
    """Take in an analysis, or ask for its movie."""
    if isinstance(found, Question):
        session.ask(found)
        return
    session.ask(None)
    with in_words():
        open_movie(viewer, found.stack)
        number = session.generation.movie
        _use_fits(session, found, recover)
        use_frame_sets(session, found.analysis)
        for text in (*use_brought(session, found.brought), *found.cautions):
            report_caution(text)
        use_comparisons(session, found.comparisons)
        use_conditions(session, found.conditions)
        if found.choice is not None:
            session.set_choice(found.choice[0], fits_before=found.choice[1])
        show_maps(viewer, session, found.maps)  # after the comparisons, which hide maps of those before
        if recover:
            keeper_of(session).go_on(found.analysis.folder, number)
        else:
            session.note_saved(Snapshot.of(session), found.analysis)
        if found.stack.fingerprint() != found.analysis.record.movie.fingerprint:
            report_caution(
                f"{found.stack.name!r} has other frames than the movie that was analysed: it has changed since."
            )


def _use_fits(session: Session, found: _Opened, recover: bool) -> None:
    for fit in found.others:
        session.keep_fit(fit)
    if found.fit is None or found.latents is None:
        return
    for text in found.fit.notes:
        report_caution(text)
    session.use_fit(found.fit, found.latents, explained=found.explained, components=found.components, odd=found.odd)
    if not (recover and found.unsaved):
        session.keep_fit(found.fit, saved=True)
