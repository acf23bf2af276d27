"""What napari asks when a fit or an analysis is dropped on the window or opened: the Train or Movie dock loads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_varae.io.analysis_record import RECORD

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["get_analysis_reader", "get_fit_reader"]

Reader = Callable[[Any], list[tuple[Any, ...]]]
NOTHING: list[tuple[Any, ...]] = [(None,)]
"""How a reader reports that it opened no layer itself."""


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
