"""Views of the fit as layers: computed for the frame in view, never as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from napari_varae.core.movie.stack import Stack
from napari_varae.session.generation import Part
from napari_varae.session.session import Session, session_of
from napari_varae.viewer.grid import shared_grid
from napari_varae.viewer.lazy_movie import LazyMovie
from napari_varae.viewer.movie import contrast_limits
from napari_varae.viewer.provenance import MOVIE, SIGNED, About, ours, place

if TYPE_CHECKING:
    import numpy as np
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_varae.core.fit.fit import Fit

__all__ = ["View", "hide", "is_shown", "refresh", "show"]

View = Literal["reconstruction", "residual", "prediction", "static"]

_NAMES: dict[View, str] = {
    "reconstruction": "reconstruction",
    "residual": "residual",
    "prediction": "VAR prediction",
    "static": "static image",
}
_MEANING: dict[View, str] = {
    "reconstruction": "What the model keeps of each frame, in the movie's units.",
    "residual": "Movie minus reconstruction, in the movie's units.",
    "prediction": "Each frame as the VAR predicts it from the frames before it, in the movie's units.",
    "static": "What does not change: the temporal summary over the training frames, in the movie's units.",
}


def show(viewer: ViewerModel, stack: Stack, fit: Fit, view: View) -> Image:
    """Add or update one view of the fit, and make it visible."""
    layer = _put(viewer, stack, fit, view)
    layer.visible = True
    return layer


def refresh(viewer: ViewerModel, session: Session) -> None:
    """Let the views that there are show the fit and the bad frames that are in use now."""
    if session.stack is None or session.fit is None:
        return
    for view in _NAMES:
        for _, what in ours(viewer, view):
            if what.generation.changed(session.generation, what.parts):
                _put(viewer, session.stack, session.fit, view)


def is_shown(viewer: ViewerModel, view: View) -> bool:
    """Whether a view has a visible layer."""
    return any(layer.visible for layer, _ in ours(viewer, view))


def hide(viewer: ViewerModel, view: View) -> None:
    """Remove our layer of a view."""
    for layer, _ in ours(viewer, view):
        viewer.layers.remove(layer)


def _put(viewer: ViewerModel, stack: Stack, fit: Fit, view: View) -> Image:
    movie = next((layer for layer, _ in ours(viewer, MOVIE)), None)
    limits = contrast_limits(stack) if movie is None else tuple(movie.contrast_limits)
    keywords: dict[str, Any] = {"colormap": "gray", "contrast_limits": limits}
    if view == "residual":
        extreme = 0.5 * (limits[1] - limits[0])
        keywords = {"colormap": SIGNED, "contrast_limits": (-extreme, extreme)}

    def compute(start: int, stop: int) -> NDArray[np.float32]:
        if view == "prediction":
            return fit.predict(stack, (start, stop))
        frames = fit.reconstruct(stack, (start, stop))
        return stack.read(start, stop) - frames if view == "residual" else frames

    static = view == "static"
    data = fit.static if static else LazyMovie(compute, stack.shape)
    parts: tuple[Part, ...] = ("movie", "fit", "bad_frames") if view == "prediction" else ("movie", "fit")
    what = About(view, True, session_of(viewer).generation, parts, _NAMES[view])
    keywords |= shared_grid(viewer, stack, 2 if static else 3)
    return place(viewer, what, data, fit, _MEANING[view], keywords)
