"""Which frames of some ranges a VAR can be judged on: good ones with good ones before them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from napari_varae.core.movie.frames import FrameRange
from napari_varae.core.movie.stack import Stack

__all__ = ["bad_frames", "closeness", "fewest_pairs", "good_runs", "shortage"]


def fewest_pairs(order: int) -> int:
    """Lag pairs that a range needs to be compared."""
    return 10 * order + 20


def good_runs(stack: Stack, ranges: Iterable[FrameRange], order: int) -> list[FrameRange]:
    """Find the runs of good frames in these ranges that hold a lag pair, a frame with its `order` predecessors."""
    runs = []
    for start, stop in ranges:
        bad = start + np.flatnonzero(~stack.good_frames(start, stop))
        runs += [(before + 1, after) for before, after in pairwise([start - 1, *bad.tolist(), stop])]
    return [(start, stop) for start, stop in runs if stop - start > order]


def bad_frames(stack: Stack, ranges: dict[str, tuple[FrameRange, ...]]) -> tuple[int, int]:
    """Count the bad frames in A and in B."""
    a, b = (sum(int((~stack.good_frames(*part)).sum()) for part in ranges[name]) for name in "ab")
    return a, b


def closeness(a: Sequence[FrameRange], b: Sequence[FrameRange], order: int) -> str | None:
    """Say so when less than `order` frames lie between A and B."""
    gap = min(max(start_b - stop_a, start_a - stop_b) for start_a, stop_a in a for start_b, stop_b in b)
    if not 0 <= gap < order:
        return None
    apart = "touch" if gap == 0 else f"are {gap} frame{'s' * (gap > 1)} apart"
    return f"A and B {apart}: frames side by side are alike. Leave a gap of {order} frame{'s' * (order > 1)} or more."


def shortage(runs: Iterable[FrameRange], order: int, name: str) -> str | None:
    """Say so when these runs of good frames are too few to compare VARs of this order."""
    pairs, need = sum(stop - start - order for start, stop in runs), fewest_pairs(order)
    if pairs >= need:
        return None
    before = "a good one" if order == 1 else f"{order} good ones"
    return (
        f"{name} has {pairs} good frames with {before} before them; at VAR order {order} at least {need} are needed. "
        "Choose longer ranges."
    )
