"""The movie layer: one of our own for a file, or one of the user. Layers of the user are never overwritten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_varae.core.movie.frame_source import FrameSource
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import StackError
from napari_varae.session.session import session_of
from napari_varae.viewer.grid import calibration, frame_in_view, grid
from napari_varae.viewer.provenance import KEY, MOVIE, About, about, clear, register

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

__all__ = ["contrast_limits", "movie_keywords", "open_movie", "simulated_recording", "stack_of_layer", "use_layer"]


CALIBRATED = ("Frame rate:", "Pixel size:")
"""Notes on what the units of a layer state."""


def open_movie(viewer: ViewerModel, stack: Stack) -> Image:
    """Make `stack` the movie of the session, in a new layer of ours.

    Raises
    ------
    ValueError, StackError
        As :meth:`napari_varae.session.session.Session.use_movie`; then everything stays as it was.
    """
    limits = contrast_limits(stack)
    session_of(viewer).use_movie(stack)
    clear(viewer)  # before anything is added: a layer whose data are swapped before it is removed may crash the canvas
    layer = viewer.add_image(stack.array, **movie_keywords(stack, limits=limits))
    _take_up(viewer, layer, made=True)
    return layer


def use_layer(viewer: ViewerModel, layer: Layer) -> Stack:
    """Make a layer of the user the movie of the session. Nothing on the layer is changed.

    Raises
    ------
    ValueError, StackError
        As for :func:`open_movie`, and when the layer is not (T, Y, X).
    """
    stack = session_of(viewer).use_movie(stack_of_layer(layer))
    made = (what := about(layer)) is not None and what.made
    clear(viewer, keep=layer)
    _take_up(viewer, layer, made=made)
    return stack


def stack_of_layer(layer: Layer) -> Stack:
    """Make a stack of an image layer, with the frame rate and pixel size that its units state.

    What else a file that we opened holds (bad frames, breaks, shifts) comes from the layer's metadata.

    Raises
    ------
    StackError
        When it is not (T, Y, X).
    """
    if getattr(layer, "multiscale", False) or getattr(layer, "rgb", False):
        raise StackError(
            f"Layer {layer.name!r} is multiscale or RGB. Choose one channel at one scale, shape (T, Y, X)."
        )
    rate, pixel, notes = calibration(layer)
    known = layer.metadata.get(KEY, {})
    read = [note for note in known.get("notes", ()) if not note.startswith(CALIBRATED)]
    rest = {name: known[name] for name in ("bad_frames", "breaks", "shifts") if name in known}
    if isinstance(layer.data, FrameSource) and known.get("source") is not None:  # the data are still those of the file
        rest["source"] = known["source"]
    return Stack(layer.data, rate, pixel, name=layer.name, notes=[f"From layer {layer.name!r}.", *read, *notes], **rest)


def movie_keywords(
    stack: Stack, kind: Literal["movie", "sample", "file"] = "movie", limits: tuple[float, float] | None = None
) -> dict[str, Any]:
    """Keywords with which `viewer.add_image` shows a movie.

    A sample and a file that was dropped on the window are taken up when there is no movie yet.
    """
    known = {
        "bad_frames": sorted(stack.bad_frames),
        "breaks": stack.breaks,
        "shifts": stack.shifts,
        "source": stack.source,
    }
    return {
        "name": stack.name,
        "metadata": {KEY: {"kind": kind, "notes": stack.notes, **known}},
        "contrast_limits": limits or contrast_limits(stack),
        "colormap": "gray",
        **grid(stack),
    }


def simulated_recording() -> list[tuple[Any, dict[str, Any], str]]:
    """Simulate a recording with a known right answer, as layer data for File > Open Sample; offline, in a second."""
    from napari_varae.core.simulation.settings import SAMPLE
    from napari_varae.core.simulation.simulate import simulate

    stack = simulate(SAMPLE).stack
    return [(stack.array, movie_keywords(stack, kind="sample"), "image")]


def contrast_limits(stack: Stack) -> tuple[float, float]:
    """Contrast limits from a few frames spread over the movie."""
    frames = np.linspace(0, stack.n_frames - 1, 12).astype(int)
    sample = np.concatenate([stack.read(int(f), int(f) + 1) for f in np.unique(frames)])
    low, high = np.percentile(sample, (0.5, 99.8))
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1)


def _take_up(viewer: ViewerModel, layer: Layer, *, made: bool) -> None:
    """Register the movie layer, and let the cursor stand where the slider does."""
    session = session_of(viewer)
    register(layer, About(MOVIE, made, session.generation))
    session.set_frame(frame_in_view(viewer) or 0)
