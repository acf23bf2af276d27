"""Layers side by side: each in a field of its own, or two maps, each over the static image."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_varae.core.movie.stack import Stack
from napari_varae.session.session import session_of
from napari_varae.viewer.colour_bars import show_bars
from napari_varae.viewer.grid import shared_grid
from napari_varae.viewer.movie import contrast_limits
from napari_varae.viewer.provenance import LINKS, MOVIE, About, ours, place

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_varae.core.fit.fit import Fit

__all__ = ["put_pair", "put_side_by_side"]

PAIRED = -2
"""Stride of napari's grid with two layers in each field, the top ones in the first field."""


class _Pair(NamedTuple):
    """What to bring back when a pair of maps goes: layers that were hidden, and the stride of the grid.

    The right map is hidden then, if the grid goes as well: over each other, two maps cannot be read.
    """

    right: weakref.ref[Any]
    hidden: list[weakref.ref[Any]]
    stride: int


_pairs: weakref.WeakKeyDictionary[Any, _Pair] = weakref.WeakKeyDictionary()
"""Viewers that show a pair of maps."""
_hidden: weakref.WeakSet[Any] = weakref.WeakSet()
"""Layers of links that are hidden while layers are shown side by side."""
_followed: weakref.WeakSet[Any] = weakref.WeakSet()


def put_side_by_side(viewer: ViewerModel, on: bool) -> None:
    """Show every visible layer in a field of its own, or all of them over each other.

    Arrows and outlines make no sense in a field of their own: they are hidden meanwhile.
    """
    if on != viewer.canvas.grid.enabled:
        viewer.canvas.grid.enabled = on
    if not on:
        _end_pair(viewer)  # now: each change of a layer in a grid lays all of its fields out again
    for layer, _ in ours(viewer, LINKS):
        if on and layer.visible:
            layer.visible = False
            _hidden.add(layer)
        elif not on and layer in _hidden:
            layer.visible = True
            _hidden.discard(layer)
    show_bars(viewer)


def put_pair(viewer: ViewerModel, stack: Stack, fit: Fit, left: Any, right: Any) -> None:
    """Show two maps side by side, each over the static image; other layers are hidden meanwhile."""
    put_side_by_side(viewer, False)
    selection = set(viewer.layers.selection)
    movie = next((layer for layer, _ in ours(viewer, MOVIE)), None)
    limits = contrast_limits(stack) if movie is None else tuple(movie.contrast_limits)
    keywords = {"colormap": "gray", "contrast_limits": limits, **shared_grid(viewer, stack, 2)}
    below = []
    for side in ("left", "right"):
        what = About(f"below {side}", True, session_of(viewer).generation, ("movie", "fit"), f"static image, {side}")
        below.append(place(viewer, what, fit.static, fit, "The static image, below a map.", keywords))
    shown = [below[1], right, below[0], left]  # from below
    others = [layer for layer in viewer.layers if layer.visible and layer not in shown]
    links, maps = ([layer for layer, _ in ours(viewer, kind)] for kind in (LINKS, "map:"))
    for layer in others:
        layer.visible = False
    for layer in [*links, *shown]:  # napari counts the layers of a field from the top, hidden ones as well
        viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
    for layer in shown:
        layer.visible = True
    hidden = [weakref.ref(layer) for layer in others if layer not in maps]  # maps make way for these
    _pairs[viewer] = _Pair(weakref.ref(right), hidden, viewer.canvas.grid.stride)
    viewer.canvas.grid.stride = PAIRED
    _follow(viewer)
    put_side_by_side(viewer, True)
    viewer.layers.selection = selection
    viewer.reset_view()


def _end_pair(viewer: ViewerModel) -> None:
    """Bring back what a pair of maps had hidden."""
    if viewer not in _pairs:
        return
    pair = _pairs.pop(viewer)
    viewer.canvas.grid.stride = pair.stride
    right = pair.right()
    for layer, what in ours(viewer):
        if what.kind.startswith("below ") or (layer is right and not viewer.canvas.grid.enabled):
            layer.visible = False
    for layer in [reference() for reference in pair.hidden]:
        if layer is not None and layer in viewer.layers:
            layer.visible = True
    for layer, _ in ours(viewer, LINKS):
        viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))


def _follow(viewer: ViewerModel) -> None:
    """Give up the pair once there is another layer, which would shift the layers from field to field."""
    if viewer in _followed:
        return
    _followed.add(viewer)
    reference = weakref.ref(getattr(viewer, "__wrapped__", viewer))

    def changed(_event: Any = None) -> None:
        if (known := reference()) is not None and known in _pairs:
            _end_pair(known)

    viewer.layers.events.inserted.connect(changed)
    viewer.layers.events.removed.connect(changed)
