"""What a recording must be: its parameters, checked at the door."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.movie.frames import whole_numbers
from napari_varae.errors import StackError

__all__ = ["check_array", "check_breaks", "check_shifts", "positive"]


def check_array(array: Any) -> None:
    """Raise StackError unless an array is (T, Y, X) of real numbers, at least 2 frames of 8 x 8 pixels."""
    shape = tuple(array.shape)
    try:
        dtype = np.dtype(array.dtype)
    except TypeError:
        raise StackError(
            f"Pixels are of type {array.dtype}, which numpy does not know: convert to numpy first."
        ) from None
    if dtype.kind not in "uif":
        raise StackError(f"Pixels are of type {dtype}; a movie needs real numbers (integer or float).")
    if len(shape) == 4 and shape[-1] in (3, 4):
        raise StackError(f"Found an RGB movie of shape {shape}. Choose one colour channel, shape (T, Y, X).")
    if len(shape) != 3:
        raise StackError(
            f"Found {len(shape)} dimensions, shape {shape}; a movie has three, (T, Y, X). Choose one channel and plane."
        )
    if shape[-1] in (3, 4) and shape[0] > 16 and shape[1] > 16:
        raise StackError(f"Found shape {shape}: this looks like one RGB image, not a movie (T, Y, X).")
    if shape[0] < 2:
        raise StackError(f"Found {shape[0]} frame(s), shape {shape}; a movie needs at least two.")
    if min(shape[1:]) < 8:
        raise StackError(f"Found frames of {shape[1]} x {shape[2]} pixels; at least 8 x 8 are needed.")


def check_breaks(breaks: Iterable[int], n_frames: int) -> tuple[int, ...]:
    """Return breaks in order, each once; ValueError when one lies outside the movie."""
    try:
        numbers = tuple(sorted(set(whole_numbers(breaks))))
    except (TypeError, ValueError):
        raise ValueError(f"breaks={breaks!r} must be whole frame numbers, the first frame of each new run.") from None
    if outside := [f for f in numbers if not 0 < f < n_frames]:
        raise ValueError(
            f"breaks {outside[:5]} lie outside the movie: with {n_frames} frames, a new run can begin at frames 1 to "
            f"{n_frames - 1}."
        )
    return numbers


def check_shifts(shifts: ArrayLike, n_frames: int) -> NDArray[np.float64]:
    """Return shifts (T, 2) that cannot be changed; ValueError when they have another shape or are not finite."""
    try:
        array = np.array(shifts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"shifts must be numbers of pixels, shape ({n_frames}, 2): {error}.") from None
    if array.shape != (n_frames, 2):
        raise ValueError(f"shifts have shape {array.shape}; one (y, x) per frame is needed, shape ({n_frames}, 2).")
    if not np.isfinite(array).all():
        frame = int((~np.isfinite(array)).any(axis=1).argmax())
        raise ValueError(f"shifts are NaN or infinite, first in frame {frame}. Leave shifts out when they are unknown.")
    array.flags.writeable = False
    return array


def positive(value: float | None, name: str, unit: str) -> float | None:
    """Return a positive finite number, or None; ValueError for anything else."""
    if value is None:
        return None
    value = float(value)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}={value!r} must be a positive number of {unit}, or None when unknown.")
    return value
