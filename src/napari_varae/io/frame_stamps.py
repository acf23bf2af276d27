"""Where frames stop following each other: acquisition numbers and time stamps of frames, of which few are read.

Acquisitions are numbered upwards and frames come at even times, so that a window of frames whose ends agree holds no
break, and one whose ends do not is halved until the step is found.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from napari_varae.core.compute.checkpoint import Check, go_on

__all__ = ["Stamp", "find_breaks"]

WINDOW = 256
"""Frames between two that are read in any case: a resonant scanner drifts by less than half a frame over them."""
STEPS = 63
"""Pairs of frames of which the median interval is the usual one."""
LATE = 1.5
"""Usual intervals from which a step is a gap: a single dropped frame is one."""


class Stamp(NamedTuple):
    """Acquisition number and time (s) of a frame; None where the file has none."""

    acquisition: int | None = None
    time: float | None = None


def find_breaks(
    read: Callable[[int], Stamp], n_frames: int, check: Check = go_on
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Find the frames that begin a new acquisition or follow a gap in time.

    Parameters
    ----------
    read : callable
        Gives the stamp of a frame; called for few frames.
    n_frames : int
        Number of frames, at least 2.
    check : callable
        Called between frames; what it raises ends the search.

    Returns
    -------
    breaks : tuple of int
    notes : tuple of str
        What was found, in words.
    """
    known: dict[int, Stamp] = {}

    def stamp(frame: int) -> Stamp:
        if frame not in known:
            check()
            known[frame] = read(frame)
        return known[frame]

    def differ(low: int, high: int) -> bool:
        first, last = stamp(low), stamp(high)
        if first.acquisition != last.acquisition:
            return True
        if usual is None or first.time is None or last.time is None:
            return False
        step = last.time - first.time
        if high - low == 1:
            return step > LATE * usual or step <= 0
        return abs(step - (high - low) * usual) > usual / 2

    if stamp(0) == Stamp():
        return (), ()
    usual = _usual_interval(stamp, n_frames)
    edges = [*range(0, n_frames - 1, WINDOW), n_frames - 1]
    windows = list(pairwise(edges))
    breaks: list[int] = []
    while windows:
        low, high = windows.pop()
        if differ(low, high):
            if high - low == 1:
                breaks.append(high)
            else:
                middle = (low + high) // 2
                windows += [(low, middle), (middle, high)]
    breaks.sort()
    return tuple(breaks), _notes(stamp, breaks, n_frames)


def _usual_interval(stamp: Callable[[int], Stamp], n_frames: int) -> float | None:
    """Find the median interval between frames, from some pairs; None without time stamps."""
    steps = []
    for frame in np.unique(np.linspace(0, n_frames - 2, STEPS).astype(int)).tolist():
        before, after = stamp(frame).time, stamp(frame + 1).time
        if before is not None and after is not None:
            steps.append(after - before)
    usual = float(np.median(steps)) if steps else 0.0
    return usual if usual > 0 else None


def _notes(stamp: Callable[[int], Stamp], breaks: list[int], n_frames: int) -> tuple[str, ...]:
    notes, gaps = [], []
    for frame in breaks:
        before, after = stamp(frame - 1), stamp(frame)
        if before.acquisition == after.acquisition and before.time is not None and after.time is not None:
            gaps.append((frame, after.time - before.time))
    if len(breaks) > len(gaps):
        first, last = stamp(0).acquisition, stamp(n_frames - 1).acquisition
        notes.append(f"Acquisitions {first} to {last}: each begins a new run")
    if gaps:
        frame, length = gaps[0]
        where = f"{length:.3g} s before frame {frame}"
        notes.append(f"A gap in the time stamps, of {where}" if len(gaps) == 1 else
                     f"{len(gaps)} gaps in the time stamps, the first of {where}")  # fmt: skip
    return tuple(notes)
