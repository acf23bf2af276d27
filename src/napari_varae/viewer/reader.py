"""What napari asks when a file or folder is dropped or opened: recordings and cells as layers. Loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.experiment.cells import Cells
from napari_varae.errors import ChoiceError, DataError, StackError
from napari_varae.io.analysis_record import RECORD
from napari_varae.io.npy import is_npy_movie
from napari_varae.io.readers import READERS, TIFF, is_tiff_movie, may_hold_recording
from napari_varae.session.questions import Question
from napari_varae.session.session import session_of
from napari_varae.viewer.cells import cell_keywords
from napari_varae.viewer.movie import movie_keywords

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["NOTHING", "LayerData", "add", "get_reader", "read"]

LayerData = tuple[Any, ...]
Ask = Callable[[str | list[str], ChoiceError], list[LayerData]]
NOTHING: list[LayerData] = [(None,)]
"""How a reader reports that it opened no layer."""
ALL_CELLS = ("stat.npy", "_seg.npy")
"""Ends of the names of files that hold cells."""


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return a function that opens a recording or cells, or None for what is neither.

    It looks at names and the first bytes only: napari asks on the screen's thread, and opening can take seconds. Images
    without a time axis are left to other readers; a damaged recording is not, so that the reason is shown.
    """
    if isinstance(path, str) and path.endswith(ALL_CELLS):
        return lambda _path: _cells(path, required=True)
    paths = [Path(path)] if isinstance(path, str) else [Path(each) for each in path]
    if not paths or (paths[0] / RECORD).is_file():
        return None  # an analysis: it has a reader of its own
    return read if all(_may_be_recording(each) for each in paths) else None


def _may_be_recording(path: Path) -> bool:
    """Find out whether a file or folder may hold a recording, or a folder cells."""
    extension = path.suffix.lower()
    if path.is_dir():
        return may_hold_recording(path) or any(path.glob("stat.npy"))
    if extension in TIFF:
        return path.is_file() and is_tiff_movie(path)
    if extension == ".npy":
        return path.is_file() and is_npy_movie(path)
    return extension in READERS and path.is_file()


def read(path: str | list[str], ask: Ask | None = None, check: Check = go_on) -> list[LayerData]:
    """Open a recording as an image layer, and the cells that lie in its folder as labels.

    `ask` gets the choice that a file leaves open, and returns what is opened meanwhile; `check` is as for
    :func:`~napari_varae.open_stack`.
    """
    from napari_varae.io import open_stack

    path = path[0] if isinstance(path, list) and len(path) == 1 else path
    folder = isinstance(path, str) and Path(path).is_dir()
    try:
        stack = open_stack(path, check=check)
    except ChoiceError as error:
        return (ask or _ask)(path, error)
    except StackError:
        if not (isinstance(path, str) and folder and (alone := _cells(path))):
            raise
        return alone
    movie = (stack.array, movie_keywords(stack, kind="file"), "image")
    return [movie, *(_cells(path) if isinstance(path, str) and folder else [])]


def add(viewer: ViewerModel, layers: list[LayerData]) -> None:
    """Add what was read to a viewer, as napari does."""
    from napari.layers import Layer

    for data in layers:
        if data[0] is not None:
            viewer.add_layer(Layer.create(*data))


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
