"""Maps (Y, X) as layers: diverging colours, transparent at zero, limits shared within a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.movie.stack import Stack
from napari_varae.session.generation import Generation, Part
from napari_varae.session.session import session_of
from napari_varae.viewer.grid import shared_grid
from napari_varae.viewer.ours import SIGNED, About, ours, place

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_varae.core.fit.fit import Fit

__all__ = ["hide_maps", "show_map"]


def show_map(
    viewer: ViewerModel,
    stack: Stack,
    fit: Fit,
    image: NDArray[np.float32],
    name: str,
    definition: str,
    group: str = "",
    generation: Generation | None = None,
    parts: tuple[Part, ...] = ("movie", "fit", "bad_frames"),
) -> Image:
    """Add or update a map.

    Parameters
    ----------
    viewer : ViewerModel
    stack : Stack
    fit : Fit
    image : array, shape (Y, X)
    name, definition : str
        Name of the layer, and what it shows, in words.
    group : str
        Maps of a group share their contrast limits.
    generation : Generation, optional
        What the map was made of: what is in use now, unless it is given.
    parts : tuple of str
        What of it matters to the map: it is marked once one of these is another.
    """
    extreme = float(np.abs(image).max()) or 1.0
    keywords = {"colormap": SIGNED, "contrast_limits": (-extreme, extreme), **shared_grid(viewer, stack, 2)}
    what = About(f"map:{group}:{name}", True, generation or session_of(viewer).generation, parts, name)
    layer = place(viewer, what, image, fit, definition, keywords)
    layer.visible = True
    maps = [other for other, _ in ours(viewer, f"map:{group}:")]
    extreme = max(float(np.abs(other.data).max()) for other in maps) or 1.0
    for other in maps:
        other.contrast_limits_range = (-extreme, extreme)
        other.contrast_limits = (-extreme, extreme)
    return layer


def hide_maps(viewer: ViewerModel, group: str) -> None:
    """Hide our maps of a group, which are of something that was replaced."""
    for layer, _ in ours(viewer, f"map:{group}:"):
        layer.visible = False
