"""What napari asks when a file or folder is dropped or opened: recordings and cells as layers. Loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_varae.core.experiment.cells import Cells
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import ChoiceError, DataError, StackError
from napari_varae.io.analysis_record import RECORD
from napari_varae.io.readers import TIFF, is_tiff_movie
from napari_varae.session.questions import Question
from napari_varae.session.session import session_of
from napari_varae.viewer.cells import cell_keywords
from napari_varae.viewer.movie import movie_keywords

__all__ = ["get_reader"]

LayerData = tuple[Any, ...]
NOTHING: list[LayerData] = [(None,)]
"""How a reader reports that it opened no layer."""
ALL_CELLS = ("stat.npy", "_seg.npy")
"""Ends of the names of files that hold cells."""


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return a function that opens a recording or cells, or None for what is neither.

    Images without a time axis are left to other readers.
    """
    if isinstance(path, str) and path.endswith(ALL_CELLS):
        return lambda _path: _cells(path, required=True)
    first = Path(path if isinstance(path, str) else path[0])
    if (first / RECORD).is_file():
        return None  # an analysis: it has a reader of its own
    if first.suffix.lower() in TIFF and first.is_file():  # opening looks at every page: not before it is wanted
        return _read if is_tiff_movie(first) else None
    try:
        return _read if _can_be_opened(path) else None
    except ChoiceError:
        return _read


def _can_be_opened(path: str | list[str]) -> bool:
    from napari_varae.io import open_stack

    try:
        open_stack(path)
    except ChoiceError:
        raise
    except StackError:
        return isinstance(path, str) and Path(path).is_dir() and bool(_cells(path))
    return True


def _read(path: str | list[str]) -> list[LayerData]:
    """Open a recording as an image layer, and the cells that lie in its folder as labels."""
    from napari_varae.io import open_stack

    path = path[0] if isinstance(path, list) and len(path) == 1 else path
    folder = isinstance(path, str) and Path(path).is_dir()
    try:
        stack: Stack | None = open_stack(path)
    except ChoiceError as error:
        return _ask(path, error)
    except StackError:
        if not folder:
            raise
        stack = None
    movie = [] if stack is None else [(stack.array, movie_keywords(stack, kind="file"), "image")]
    return [*movie, *(_cells(path) if isinstance(path, str) and folder else [])]


def _ask(path: str | list[str], error: ChoiceError) -> list[LayerData]:
    """Leave the choice to the Movie dock of the window; without one, report what there is to choose from."""
    import napari

    viewer = napari.current_viewer()
    session = None if viewer is None else session_of(viewer)
    if session is None or not len(session.asked):
        raise ChoiceError(f"{error} Open it in the Movie dock (Plugins > VARAE > Movie).", error.options) from error
    session.ask(Question("movie", path, str(error), error.options))
    return NOTHING


def _cells(path: str, *, required: bool = False) -> list[LayerData]:
    """Open cells as a labels layer; nothing when there are none, unless they are what was opened."""
    from napari_varae.io.cells import open_cells

    try:
        cells: Cells = open_cells(path)
    except DataError:
        if required:
            raise
        return []
    keywords = cell_keywords(cells, Path(path).parent.name if required else "cells")
    keywords["metadata"]["napari-varae"]["path"] = path
    return [(cells.labels, keywords, "labels")]
