"""The only place that creates or updates napari layers. Layers of the user are never removed or cleared."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.utils.colormaps import Colormap
from numpy.typing import NDArray

from napari_varae.viewer.lazy_movie import LazyMovie

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack
    from napari_varae.session.session import Session

__all__ = [
    "View", "add_movie", "adopt", "follow", "hide", "hide_maps", "is_shown", "movie_keywords", "rescale", "show",
    "show_frame", "show_map", "simulated_recording", "stack_of_layer",
]  # fmt: skip

View = Literal["reconstruction", "residual", "prediction", "static"]

_followed: weakref.WeakSet[Session] = weakref.WeakSet()

KEY = "napari-varae"
"""Where our layers carry what they are, in `layer.metadata`."""

SIGNED = Colormap(
    np.array([[0.15, 0.55, 1, 1], [0.1, 0.35, 0.9, 0.6], [0, 0, 0, 0], [0.95, 0.3, 0.05, 0.6], [1, 0.75, 0.2, 1]]),
    name="varae signed",
    display_name="varae signed",
)
"""Blue below zero, orange above it, transparent at it."""

_NAMES: dict[str, str] = {
    "reconstruction": "reconstruction",
    "residual": "residual",
    "prediction": "VAR prediction",
    "static": "static image",
}
_MEANING: dict[View, str] = {
    "reconstruction": "What the model keeps of each frame, in the movie's units.",
    "residual": "Movie minus reconstruction, in the movie's units.",
    "prediction": "Each frame as the VAR foresees it from the frames before it, in the movie's units.",
    "static": "What does not change: the temporal summary over the training frames, in the movie's units.",
}


def grid(stack: Stack, ndim: Literal[2, 3] = 3) -> dict[str, Any]:
    """Scale, translation, units and axis labels that all layers of this movie share; a 2-D layer takes the last two."""
    rate, pixel = stack.frame_rate, stack.pixel_size
    scale = (1 / rate if rate else 1.0, pixel or 1.0, pixel or 1.0)
    units = ("s" if rate else "pixel", "um" if pixel else "pixel", "um" if pixel else "pixel")
    return {
        "scale": scale[-ndim:],
        "translate": (0.0,) * ndim,
        "units": units[-ndim:],
        "axis_labels": ("t", "y", "x")[-ndim:],
    }


def movie_keywords(stack: Stack, kind: Literal["movie", "sample"] = "movie") -> dict[str, Any]:
    """Keywords with which `viewer.add_image` shows a movie as it should be; a sample is taken up by :func:`follow`."""
    return {
        "name": stack.name,
        "metadata": {KEY: {"kind": kind, "notes": stack.notes}},
        "contrast_limits": _limits(stack),
        "colormap": "gray",
        **grid(stack),
    }


def simulated_recording() -> list[tuple[Any, dict[str, Any], str]]:
    """Simulate a recording with a known right answer, as layer data for File > Open Sample; offline, in a second."""
    from napari_varae.core.simulation.settings import SAMPLE
    from napari_varae.core.simulation.simulate import simulate

    stack = simulate(SAMPLE).stack
    return [(stack.array, movie_keywords(stack, kind="sample"), "image")]


def add_movie(viewer: ViewerModel, stack: Stack) -> Image:
    """Show the movie, in our movie layer when there is one already."""
    layer = _ours(viewer, "movie")
    if layer is None:
        return viewer.add_image(stack.array, **movie_keywords(stack))
    layer.data = stack.array
    for name, value in movie_keywords(stack).items():
        setattr(layer, name, value)
    _clear_views(viewer)
    return layer


def adopt(viewer: ViewerModel, layer: Layer, stack: Stack) -> None:
    """Make a layer of the user the movie layer: it gets our scale, units and axis labels, and nothing else."""
    for other in _all_ours(viewer):
        if _kind(other) == "movie" and other is not layer:
            other.metadata = {key: value for key, value in other.metadata.items() if key != KEY}
    layer.metadata = {**layer.metadata, KEY: {"kind": "movie", "notes": stack.notes}}
    _set(layer, grid(stack))
    _clear_views(viewer)


def stack_of_layer(layer: Layer) -> Stack:
    """Make a stack of an image layer, with the frame rate and pixel size that its units tell.

    Raises
    ------
    StackError
        When it is not (T, Y, X).
    """
    from napari_varae.core.movie.stack import Stack
    from napari_varae.errors import StackError

    if getattr(layer, "multiscale", False) or getattr(layer, "rgb", False):
        raise StackError(
            f"Layer {layer.name!r} is multiscale or RGB. Choose one channel at one scale, shape (T, Y, X)."
        )
    data = layer.data
    units = [str(unit) for unit in layer.units]
    known = len(units) == 3 and getattr(data, "ndim", 0) == 3
    rate = 1 / float(layer.scale[0]) if known and units[0] == "second" else None
    pixel = float(layer.scale[1]) if known and units[1] == units[2] == "micrometer" else None
    notes = [f"From layer {layer.name!r}."]
    return Stack(data, rate, pixel, name=layer.name, notes=notes)


def rescale(viewer: ViewerModel, stack: Stack) -> None:
    """Give all our layers the scale and units of the movie, after these became known."""
    for layer in _all_ours(viewer):
        _set(layer, grid(stack, layer.ndim))


def show_frame(viewer: ViewerModel, stack: Stack, frame: int) -> None:
    """Move the slider to a frame of the movie."""
    if viewer.dims.ndim >= 3:
        viewer.dims.set_point(viewer.dims.ndim - 3, frame * grid(stack)["scale"][0])


def show(viewer: ViewerModel, stack: Stack, fit: Fit, view: View) -> Image:
    """Add or update one view of the fit: computed frame by frame while it is looked at, never as a whole."""
    movie = _ours(viewer, "movie")
    limits = tuple(movie.contrast_limits) if movie is not None else _limits(stack)
    keywords: dict[str, Any] = {"colormap": "gray", "contrast_limits": limits}
    if view == "static":
        return _put(viewer, view, fit.static, {**keywords, **grid(stack, 2)}, fit, _MEANING[view])
    if view == "residual":
        extreme = 0.5 * (limits[1] - limits[0])
        keywords = {"colormap": SIGNED, "contrast_limits": (-extreme, extreme)}

    def compute(start: int, stop: int) -> NDArray[np.float32]:
        if view == "prediction":
            return fit.predict(stack, (start, stop))
        frames = fit.reconstruct(stack, (start, stop))
        return stack.read(start, stop) - frames if view == "residual" else frames

    return _put(viewer, view, LazyMovie(compute, stack.shape), {**keywords, **grid(stack)}, fit, _MEANING[view])


def show_map(
    viewer: ViewerModel, stack: Stack, fit: Fit, image: NDArray[np.float32], name: str, definition: str, group: str = ""
) -> Image:
    """Add or update a map (Y, X): diverging colours, transparent at zero; the maps of a group share their limits."""
    layer = _put(viewer, f"map:{group}:{name}", image, {"colormap": SIGNED, **grid(stack, 2)}, fit, definition, name)
    maps = [other for other in _all_ours(viewer) if _kind(other).startswith(f"map:{group}:")]
    extreme = max(float(np.abs(other.data).max()) for other in maps) or 1.0
    for other in maps:
        other.contrast_limits_range = (-extreme, extreme)
        other.contrast_limits = (-extreme, extreme)
    return layer


def hide_maps(viewer: ViewerModel, group: str) -> None:
    """Hide our maps of a group, which are of something that was replaced."""
    for layer in _all_ours(viewer):
        if _kind(layer).startswith(f"map:{group}:"):
            layer.visible = False


def is_shown(viewer: ViewerModel, view: View) -> bool:
    """Whether a view has a visible layer."""
    layer = _ours(viewer, view)
    return layer is not None and bool(layer.visible)


def hide(viewer: ViewerModel, view: View) -> None:
    """Remove our layer of a view."""
    layer = _ours(viewer, view)
    if layer is not None:
        viewer.layers.remove(layer)


def follow(viewer: ViewerModel, session: Session) -> None:
    """Tie the cursor to the slider, and the movie to its layer. Once per viewer."""
    if session in _followed:
        return
    _followed.add(session)
    # The session lives in a registry: it must not keep the viewer alive.
    reference = weakref.ref(getattr(viewer, "__wrapped__", viewer))
    _follow_cursor(viewer, reference, session)
    _follow_movie(viewer, reference, session)


def _follow_cursor(viewer: ViewerModel, reference: Callable[[], ViewerModel | None], session: Session) -> None:
    """Move slider and cursor together, both ways."""

    def slider_moved(_event: Any = None) -> None:
        viewer, stack = reference(), session.stack
        if viewer is not None and stack is not None and _ours(viewer, "movie") is not None:
            session.set_frame(_frame_in_view(viewer, stack))

    def cursor_moved(frame: int) -> None:
        viewer, stack = reference(), session.stack
        if (
            viewer is not None
            and stack is not None
            and viewer.dims.ndim >= 3
            and _frame_in_view(viewer, stack) != frame
        ):
            show_frame(viewer, stack, frame)

    viewer.dims.events.point.connect(slider_moved)
    session.frame_changed.connect(cursor_moved)


def _follow_movie(viewer: ViewerModel, reference: Callable[[], ViewerModel | None], session: Session) -> None:
    """Take up a sample that is opened while there is no movie; let the movie go when its layer is removed."""

    def take_up(layer: Layer) -> None:
        viewer = reference()
        if viewer is not None and session.stack is None and _kind(layer) == "sample":
            adopt(viewer, layer, session.use_movie(stack_of_layer(layer)))

    def layer_removed(event: Any) -> None:
        if _kind(event.value) == "movie" and session.stack is not None:
            session.close_movie()

    def layer_inserted(event: Any) -> None:
        take_up(event.value)

    viewer.layers.events.inserted.connect(layer_inserted)
    viewer.layers.events.removed.connect(layer_removed)
    for layer in reversed(viewer.layers):
        take_up(layer)


def _frame_in_view(viewer: ViewerModel, stack: Stack) -> int:
    return round(float(viewer.dims.point[viewer.dims.ndim - 3]) / float(grid(stack)["scale"][0]))


def _put(
    viewer: ViewerModel, kind: str, data: Any, keywords: dict[str, Any], fit: Fit, definition: str, name: str = ""
) -> Image:
    """Update our layer of this kind, or add it."""
    metadata = {KEY: {"kind": kind, "definition": definition, "fit": fit.id, "movie": fit.movie}}
    layer = _ours(viewer, kind)
    if layer is None:
        shown_name = name or _NAMES[kind]
        if "contrast_limits" not in keywords:
            extreme = float(np.abs(data).max()) or 1.0
            keywords = {**keywords, "contrast_limits": (-extreme, extreme)}
        return viewer.add_image(data, name=shown_name, metadata=metadata, **keywords)
    layer.data, layer.metadata = data, metadata
    layer.visible = True
    _set(layer, {key: keywords[key] for key in ("scale", "translate", "units", "axis_labels")})
    return layer


def _set(layer: Layer, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(layer, name, value)


def _clear_views(viewer: ViewerModel) -> None:
    """Remove our layers that show a fit of the previous movie."""
    for layer in _all_ours(viewer):
        if _kind(layer) != "movie":
            viewer.layers.remove(layer)


def _kind(layer: Layer) -> str:
    return str(layer.metadata.get(KEY, {}).get("kind", ""))


def _all_ours(viewer: ViewerModel) -> list[Any]:
    return [layer for layer in viewer.layers if _kind(layer)]


def _ours(viewer: ViewerModel, kind: str) -> Any:
    return next((layer for layer in viewer.layers if _kind(layer) == kind), None)


def _limits(stack: Stack) -> tuple[float, float]:
    """Contrast limits from a few frames spread over the movie."""
    frames = np.linspace(0, stack.n_frames - 1, 12).astype(int)
    sample = np.concatenate([stack.read(int(f), int(f) + 1) for f in np.unique(frames)])
    low, high = np.percentile(sample, (0.5, 99.8))
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1)
