"""Clicks on the image: what lies under the mouse is chosen on release, unless the mouse was dragged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["Choose", "follow_clicks"]

STILL = 4
"""Pixels of the screen that the mouse may move in a click."""

Choose = Callable[..., bool]
"""Given the viewer and the event of the mouse, chooses what lies there; returns whether there was something."""


def follow_clicks(viewer: ViewerModel, choosers: Sequence[Choose]) -> None:
    """Let a click choose what lies under it; each chooser is asked in turn until one finds something."""

    def clicked(viewer: ViewerModel, event: Any) -> Iterator[None]:
        """Choose on release, unless the mouse was dragged: that moves the image."""
        began = np.array(event.pos)
        if _draws(viewer):
            return
        yield
        while event.type == "mouse_move":
            yield
        if np.hypot(*(np.array(event.pos) - began)) <= STILL:
            any(choose(viewer, event=event) for choose in choosers)

    viewer.mouse_drag_callbacks.append(clicked)


def _draws(viewer: ViewerModel) -> bool:
    """Whether a click draws something: the active layer is in a mode for that."""
    active = viewer.layers.selection.active
    return active is not None and str(active.mode) not in ("pan_zoom", "pick", "transform")
