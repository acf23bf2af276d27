"""What napari asks when something is dropped on the window or opened: the Train or Movie dock loads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_varae.io.analysis_record import RECORD

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["get_analysis_reader", "get_fit_reader", "get_recording_reader"]

Reader = Callable[[Any], list[tuple[Any, ...]]]
NOTHING: list[tuple[Any, ...]] = [(None,)]
"""How a reader reports that it opened no layer itself."""


def get_recording_reader(path: str | list[str]) -> Reader | None:
    """Return a function that opens a recording or cells; None for what is neither.

    Dropped on a window, a recording opens in the background. A script that calls `viewer.open` waits for its layers.
    """
    from napari_varae.viewer.reader import get_reader, read

    reader = get_reader(path)
    return _open_recording if reader is read else reader


def get_fit_reader(path: str | list[str]) -> Reader | None:
    """Return a function that loads a fit; None for several files."""
    return _load if isinstance(path, str) else None


def get_analysis_reader(path: str | list[str]) -> Reader | None:
    """Return a function that opens an analysis folder, given it or its record; None for what is neither."""
    if not isinstance(path, str):
        return None
    folder = Path(path)
    if folder.name == RECORD and folder.is_file():
        folder = folder.parent
    return _open if (folder / RECORD).is_file() else None


def _open_recording(path: Any) -> list[tuple[Any, ...]]:
    """Open a recording in the background where a window is waiting for its user and is not busy; at once elsewhere."""
    import napari
    from qtpy.QtCore import QThread

    from napari_varae.session.session import session_of
    from napari_varae.viewer.reader import read

    viewer = napari.current_viewer()
    thread = QThread.currentThread()
    in_event_loop = thread is not None and thread.loopLevel() > 0
    if viewer is None or not in_event_loop or session_of(viewer).job != "idle":
        return read(path)
    from napari_varae.widgets.jobs.opening import open_dropped
    from napari_varae.widgets.panels.movie import MoviePanel
    from napari_varae.widgets.parts.docks import show_dock

    open_dropped(show_dock(viewer, MoviePanel), path)
    return NOTHING


def _load(path: Any) -> list[tuple[Any, ...]]:
    """Load a fit in the Train dock of the current window, in the background.

    Raises
    ------
    ValueError
        When there is no window.
    """
    from napari_varae.widgets.panels.train import TrainPanel
    from napari_varae.widgets.parts.docks import show_dock

    viewer = _window(path, "a fit", "load_fit")
    show_dock(viewer, TrainPanel).fits.load(path if isinstance(path, str) else path[0])
    return NOTHING


def _open(path: Any) -> list[tuple[Any, ...]]:
    """Open an analysis in the Movie dock of the current window, in the background; errors as for :func:`_load`."""
    from napari_varae.widgets.panels.movie import MoviePanel
    from napari_varae.widgets.parts.docks import show_dock

    viewer = _window(path, "an analysis", "open_analysis")
    folder = Path(path if isinstance(path, str) else path[0])
    show_dock(viewer, MoviePanel).analysis.open(str(folder.parent if folder.name == RECORD else folder))
    return NOTHING


def _window(path: Any, what: str, function: str) -> Viewer:
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        raise ValueError(f"{path} is {what}: it opens in a napari window. In a script, use napari_varae.{function}.")
    return viewer
