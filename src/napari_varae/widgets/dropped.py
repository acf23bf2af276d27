"""What napari asks when a fit is dropped on the window or opened: the Train dock loads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["get_fit_reader"]


def get_fit_reader(path: str | list[str]) -> Callable[[Any], list[tuple[Any, ...]]] | None:
    """Return a function that loads a fit; None for several files."""
    return _load if isinstance(path, str) else None


def _load(path: Any) -> list[tuple[Any, ...]]:
    """Load a fit in the Train dock of the current window, in the background.

    Raises
    ------
    ValueError
        When there is no window.
    """
    import napari

    from napari_varae.widgets.panels.train import TrainPanel
    from napari_varae.widgets.parts.docks import show_dock

    viewer = napari.current_viewer()
    if viewer is None:
        raise ValueError(f"{path} is a fit: it opens in a napari window. In a script, use napari_varae.load_fit.")
    show_dock(viewer, TrainPanel).load(path if isinstance(path, str) else path[0])
    return [(None,)]
