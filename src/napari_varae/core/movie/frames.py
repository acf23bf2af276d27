"""Ranges of frames: half-open pairs (start, stop), checked at the door."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise, product
from typing import Any

import numpy as np

__all__ = ["FrameRange", "check_range", "check_ranges", "overlap", "whole_numbers"]

FrameRange = tuple[int, int]
"""A half-open range (start, stop) of frame indices."""


def check_range(frames: FrameRange | None, n_frames: int, *, name: str = "frames", minimum: int = 1) -> FrameRange:
    """Return `frames` as a checked pair of ints; all frames when None.

    Raises
    ------
    ValueError
        When it is not a pair of whole numbers, lies outside the movie, or is shorter than `minimum`.
    """
    if frames is None:
        frames = (0, n_frames)
    try:
        start, stop = whole_numbers(frames)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={frames!r} is not a pair (start, stop) of whole frame numbers.") from None
    if not 0 <= start < stop <= n_frames:
        raise ValueError(
            f"{name}=({start}, {stop}) lies outside the movie or is empty: choose 0 <= start < stop <= {n_frames}."
        )
    if stop - start < minimum:
        raise ValueError(f"{name}=({start}, {stop}) has {stop - start} frames; at least {minimum} are needed.")
    return start, stop


def check_ranges(
    frames: FrameRange | Iterable[FrameRange] | None, n_frames: int, *, name: str = "frames", minimum: int = 1
) -> tuple[FrameRange, ...]:
    """Return one range or several as checked pairs of ints, in order; all frames when None.

    Raises
    ------
    ValueError
        As for :func:`check_range`, for each, and when there are none or two overlap.
    """
    if frames is not None and not isinstance(frames, Iterable):
        raise ValueError(f"{name}={frames!r} is neither a pair (start, stop) of frames nor several.")
    parts: list[Any] = [None] if frames is None else list(frames)
    if not parts:
        raise ValueError(f"{name} is empty. Choose at least one range of frames.")
    pairs = parts if frames is None or isinstance(parts[0], Iterable) else [tuple(parts)]
    ranges = sorted(check_range(pair, n_frames, name=name, minimum=minimum) for pair in pairs)
    for before, after in pairwise(ranges):
        if after[0] < before[1]:
            raise ValueError(f"{name}: the parts {before} and {after} overlap. Join them or move one.")
    return tuple(ranges)


def overlap(a: Iterable[FrameRange], b: Iterable[FrameRange]) -> int:
    """Count the frames that two sets of ranges share."""
    return sum(max(0, min(p[1], q[1]) - max(p[0], q[0])) for p, q in product(a, b))


def whole_numbers(frames: Iterable[int]) -> tuple[int, ...]:
    """Return frame numbers as ints; ValueError or TypeError when one is not a whole number."""
    numbers = tuple(frames)
    if any(isinstance(f, bool | np.bool_ | str) or not math.isfinite(f) or int(f) != f for f in numbers):
        raise ValueError("not whole numbers")
    return tuple(int(f) for f in numbers)
