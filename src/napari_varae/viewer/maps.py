"""Maps as layers: diverging colours with transparent zero, limits shared within a group, a colour bar."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.maps.limits import robust_extreme, round_up
from napari_varae.core.movie.stack import Stack
from napari_varae.session.generation import Generation, Part
from napari_varae.session.session import session_of
from napari_varae.viewer.colour_bars import bars_written_once, follow_bars, show_bars
from napari_varae.viewer.grid import shared_grid
from napari_varae.viewer.lazy_movie import LazyMovie
from napari_varae.viewer.provenance import KEY, SIGNED, About, ours, place

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_varae.core.fit.fit import Fit

__all__ = ["ShownMap", "hide_maps", "show_map", "shown_maps"]

SAMPLE = 8
"""Frames of a map over time from which its limits are taken."""


class ShownMap(NamedTuple):
    """A map (Y, X) as it is shown: name, values, unit, and the value at which its colours end."""

    name: str
    image: NDArray[np.float32]
    unit: str
    end: float


_scaled: weakref.WeakSet[Any] = weakref.WeakSet()
"""Viewers in which the scale bar was shown: who hides it, keeps it hidden."""


def show_map(
    viewer: ViewerModel,
    stack: Stack,
    fit: Fit,
    image: NDArray[np.float32] | LazyMovie,
    name: str,
    definition: str,
    group: str = "",
    generation: Generation | None = None,
    parts: tuple[Part, ...] = ("movie", "fit", "bad_frames"),
    *,
    key: str | None = None,
    unit: str = "",
) -> Image:
    """Add or update a map.

    Parameters
    ----------
    viewer : ViewerModel
    stack : Stack
    fit : Fit
    image : array, shape (Y, X), or LazyMovie (T, Y, X)
    name, definition : str
        Name of the layer, and what it shows, in words.
    group : str
        Maps of a group share their contrast limits.
    generation : Generation, optional
        What the map was made of: what is in use now, unless it is given.
    parts : tuple of str
        What of it matters to the map: it is marked once one of these is another.
    key : str, optional
        Which layer of the group it goes to, the name unless it is given: a map with the key of one before replaces it.
    unit : str
        Unit of its values, for its label and the metadata.
    """
    shown = (_sampled(image) if isinstance(image, LazyMovie) else image).astype(np.float32, copy=False)
    end, extreme = robust_extreme(shown)
    keywords = {
        "colormap": SIGNED,
        "contrast_limits": (-(end or 1.0), end or 1.0),
        **shared_grid(viewer, stack, 3 if image.ndim == 3 else 2),
    }
    what = About(f"map:{group}:{key or name}", True, generation or session_of(viewer).generation, parts, name)
    with bars_written_once(viewer):
        layer = place(viewer, what, image, fit, definition, keywords, unit=unit, ends=(end, extreme))
        if not layer.visible:
            layer.visible = True
        _share_limits([other for other, _ in ours(viewer, f"map:{group}:")])
    follow_bars(viewer, layer)
    show_bars(viewer, layer)
    if stack.pixel_size is not None and viewer not in _scaled:
        _scaled.add(viewer)
        viewer.canvas.overlays.scale_bar.visible = True
    return layer


def shown_maps(viewer: ViewerModel, frame: int) -> list[ShownMap]:
    """Return the maps that are visible, the top one last; of those over time, that of a frame."""
    found = []
    for layer, _ in ours(viewer, "map:"):
        if layer.visible:
            image = layer.data[frame] if layer.ndim == 3 else layer.data
            found.append(ShownMap(layer.name, np.asarray(image), layer.metadata[KEY]["unit"], layer.contrast_limits[1]))
    return found


def hide_maps(viewer: ViewerModel, group: str) -> None:
    """Hide our maps of a group, which are of something that was replaced."""
    for layer, _ in ours(viewer, f"map:{group}:"):
        layer.visible = False


def _share_limits(maps: list[Any]) -> None:
    """Let maps have the same symmetric limits; the sliders reach the most extreme pixel. Empty maps do not count.

    Both are round and so seldom change: each change lets napari draw colour bar, thumbnail and sliders again. It also
    reports the limits again for each change of the range, so that they are reported here, once.
    """
    end, extreme = map(round_up, np.max([layer.metadata[KEY]["ends"] for layer in maps], axis=0).tolist())
    for layer in maps:
        before = list(layer.contrast_limits)
        with layer.events.contrast_limits.blocker():
            for name, size in (("contrast_limits_range", extreme), ("contrast_limits", end)):
                if getattr(layer, name) != [-size, size]:
                    setattr(layer, name, (-size, size))
        if before != [-end, end]:
            layer.events.contrast_limits()


def _sampled(movie: LazyMovie) -> NDArray[np.float32]:
    """Take some frames of a movie, spread over it."""
    return movie[np.unique(np.linspace(0, len(movie) - 1, SAMPLE).round().astype(int))]
