"""Where a movie lies in space and time: the grid of its layer, which everything made from it shares.

The movie layer itself is the truth. A layer of the user keeps its units, anisotropic pixels and translation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_varae.core.movie.stack import Stack
from napari_varae.viewer.provenance import MOVIE, ours

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["calibrate", "calibration", "frame_in_view", "grid", "shared_grid", "show_frame"]


def grid(stack: Stack, ndim: Literal[2, 3] = 3) -> dict[str, Any]:
    """Scale, translation, units and axis labels of a movie from its frame rate and pixel size."""
    rate, pixel = stack.frame_rate, stack.pixel_size
    scale = (1 / rate if rate else 1.0, pixel or 1.0, pixel or 1.0)
    units = ("s" if rate else "pixel", "um" if pixel else "pixel", "um" if pixel else "pixel")
    return {
        "scale": scale[-ndim:],
        "translate": (0.0,) * ndim,
        "units": units[-ndim:],
        "axis_labels": ("t", "y", "x")[-ndim:],
    }


def shared_grid(viewer: ViewerModel, stack: Stack, ndim: Literal[2, 3] = 3) -> dict[str, Any]:
    """Scale, translation, units and axis labels of the movie layer; a 2-D layer takes the last two."""
    layer = _movie_layer(viewer)
    if layer is None:
        return grid(stack, ndim)
    return {name: tuple(getattr(layer, name))[-ndim:] for name in ("scale", "translate", "units", "axis_labels")}


def calibration(layer: Layer) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Frame rate (Hz) and pixel size (um, along y) from the units of a (t, y, x) layer, and what to know about them."""
    if len(layer.scale) != 3:
        return None, None, ()
    seconds = _size(layer, 0, "second")
    height, width = (_size(layer, axis, "micrometer") for axis in (1, 2))
    if height is None or width is None:
        return seconds and 1 / seconds, None, ()
    notes = () if np.isclose(height, width) else (f"Pixels are {height:.4g} µm high and {width:.4g} µm wide",)
    return seconds and 1 / seconds, height, notes


def calibrate(viewer: ViewerModel, stack: Stack) -> None:
    """Give the movie layer the frame rate and pixel size that became known, and all our layers its grid.

    What the layer's own units already state stays as it is. Pixels keep their ratio of height to width, and the first
    frame and pixel their place, counted in frames and pixels.
    """
    layer = _movie_layer(viewer)
    if layer is None:
        return
    rate, pixel, _ = calibration(layer)
    if _same(rate, stack.frame_rate) and _same(pixel, stack.pixel_size):
        return
    scale, translate, units = list(layer.scale), list(layer.translate), [str(unit) for unit in layer.units]
    if not _same(rate, stack.frame_rate):
        scale[0], units[0] = grid(stack)["scale"][0], grid(stack)["units"][0]
        translate[0] *= scale[0] / layer.scale[0]
    if not _same(pixel, stack.pixel_size):
        wanted = grid(stack)["scale"][1]
        for axis in (1, 2):
            scale[axis] = wanted * layer.scale[axis] / layer.scale[1]
            translate[axis] *= scale[axis] / layer.scale[axis]
            units[axis] = grid(stack)["units"][axis]
    layer.scale, layer.translate, layer.units = scale, translate, units
    for other, what in ours(viewer):
        if what.kind != MOVIE:
            for name, value in shared_grid(viewer, stack, other.ndim).items():
                setattr(other, name, value)


def frame_in_view(viewer: ViewerModel) -> int | None:
    """Return the frame of the movie at which the slider stands; None without a movie layer."""
    layer = _movie_layer(viewer)
    if layer is None or viewer.dims.ndim < 3:
        return None
    time = float(viewer.dims.point[viewer.dims.ndim - 3]) * _world_unit(viewer, layer)
    return round((time - float(layer.translate[0])) / float(layer.scale[0]))


def show_frame(viewer: ViewerModel, frame: int) -> None:
    """Move the slider to a frame of the movie, unless it is there."""
    layer = _movie_layer(viewer)
    if layer is not None and viewer.dims.ndim >= 3 and frame_in_view(viewer) != frame:
        time = float(layer.translate[0]) + frame * float(layer.scale[0])
        viewer.dims.set_point(viewer.dims.ndim - 3, time / _world_unit(viewer, layer))


def _movie_layer(viewer: ViewerModel) -> Any:
    return next((layer for layer, what in ours(viewer, MOVIE) if what.kind == MOVIE), None)


def _world_unit(viewer: ViewerModel, layer: Layer) -> float:
    """Size of the slider's unit of time in units of the layer: napari shows the smallest that any layer has."""
    units = viewer.layers.units
    return 1.0 if units is None else float((1 * units[-3]).to(layer.units[-3]).magnitude)


def _size(layer: Layer, axis: int, unit: str) -> float | None:
    """Size of a step along an axis; None when the layer's unit is of another kind."""
    if not layer.units[axis].is_compatible_with(unit):
        return None
    return abs(float((float(layer.scale[axis]) * layer.units[axis]).to(unit).magnitude))


def _same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and bool(np.isclose(one, other, rtol=1e-6)))
