"""Opening in the background what users bring: recordings, cells, trials, behaviour. A choice left open is asked."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_varae.core.movie.stack import Stack
from napari_varae.errors import ChoiceError, DataChoiceError
from napari_varae.session.job_events import Controls
from napari_varae.session.questions import Openable, Question
from napari_varae.viewer.movie import open_movie
from napari_varae.viewer.reader import LayerData, add, read
from napari_varae.widgets.jobs.job import Job, Report
from napari_varae.widgets.parts.panel import Panel
from napari_varae.widgets.parts.text import in_words

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.session.session import Session

__all__ = ["open_brought", "open_dropped", "open_sample"]

TITLES: dict[Openable, str] = {
    "movie": "Opening the recording",
    "analysis": "Opening the analysis",
    "cells": "Opening the cells",
    "trials": "Opening the trials",
    "behaviour": "Opening the behaviour",
}


def open_brought(panel: Panel, what: Openable, path: Any, given: Mapping[str, Any] | None = None) -> None:
    """Open a file, a folder, several files or a layer, and hand it to the session.

    Parameters
    ----------
    panel : Panel
        The panel that asks for it.
    what : str
        What is expected in it.
    path : path-like, list of path-like, or layer
    given : mapping, optional
        Choices of the user, as arguments of the function that opens it.

    Raises
    ------
    ValueError
        While another job is running, or when there is no movie that cells, trials or behaviour could belong to.
    """
    stack = None if what == "movie" else panel.session.require_stack()
    Job(
        panel,
        "computing",
        partial(_open, what, path, dict(given or {}), stack),
        title=TITLES[what],
        on_return=partial(_use, panel.viewer, panel.session, what),
        about=() if what == "movie" else ("movie",),
    )


def open_dropped(panel: Panel, path: str | list[str]) -> None:
    """Open a recording that was dropped on the window as layers; the first one is the movie when there is none yet.

    Raises
    ------
    ValueError
        While another job is running.
    """
    on_return = partial(_add, panel.viewer, panel.session)
    Job(panel, "computing", partial(_read_layers, path), title=TITLES["movie"], on_return=on_return)


def _read_layers(
    path: str | list[str], controls: Controls, report: Report
) -> Generator[None, None, list[LayerData] | Question]:
    """Read layers in the worker's thread; a choice that is left open comes back as a question."""
    report("checking the file")
    yield
    questions: list[Question] = []

    def ask(_path: Any, error: ChoiceError) -> list[LayerData]:
        questions.append(Question("movie", path, str(error), error.options))
        return []

    found = read(path, ask, controls.check)
    return questions[0] if questions else found


def _add(viewer: Viewer, session: Session, found: list[LayerData] | Question) -> None:
    """Add the layers that were read, or ask the question that the file leaves."""
    if isinstance(found, Question):
        session.ask(found)
    else:
        with in_words():
            add(viewer, found)


def open_sample(panel: Panel) -> None:
    """Simulate a recording with known dynamics, and make it the movie."""
    title = "Simulating the recording"
    Job(
        panel,
        "computing",
        _simulate,
        title=title,
        on_return=partial(_use, panel.viewer, panel.session, "movie"),
    )


def _simulate(controls: Controls, report: Report) -> Generator[None, None, Stack]:
    """Simulate in the worker's thread."""
    from napari_varae.core.simulation.settings import SAMPLE
    from napari_varae.core.simulation.simulate import simulate

    report("drawing cells and frames")
    yield
    return simulate(SAMPLE, controls.check).stack


def _open(
    what: Openable, path: Any, given: dict[str, Any], stack: Stack | None, controls: Controls, report: Report
) -> Generator[None, None, Any]:
    """Open in the worker's thread; a choice that is left open comes back as a question."""
    report("checking the file")
    yield
    try:
        return _opened(what, path, given, stack, controls)
    except (ChoiceError, DataChoiceError) as error:
        return Question(what, path, str(error), error.options, given)


def _opened(what: Openable, path: Any, given: dict[str, Any], stack: Stack | None, controls: Controls) -> Any:
    if what == "movie" or stack is None:
        from napari_varae.io import open_stack

        return open_stack(path, check=controls.check, **given)
    if what == "cells":
        from napari_varae.io.cells import open_cells

        return open_cells(path, stack.shape[1:], **given)
    if what == "trials":
        from napari_varae.io.trials import open_trials

        start = given.get("start")
        rest = {name: value for name, value in given.items() if name != "start"}
        return open_trials(path, columns=None if start is None else {"start": start}, **rest)
    from napari_varae.io.behaviour import open_behaviour

    return open_behaviour(path, **given)  # without the frame rate, which may still be corrected: frames stay frames


def _use(viewer: Viewer, session: Session, what: Openable, found: Any) -> None:
    """Hand over what was opened, or the question that it leaves."""
    if isinstance(found, Question):
        session.ask(found)
        return
    with in_words():
        if what == "movie":
            open_movie(viewer, found)
        elif what == "cells":
            session.use_cells(found)
        elif what == "trials":
            session.use_trials(found)
        else:
            session.use_behaviour(found)
        session.ask(None)
