"""The same test where nothing should differ: what the assumptions leave out shows here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.compare import compare
from napari_varae.core.compute.workers import Workers
from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.frames import FrameRange, check_range, overlap
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import StoppedError

__all__ = ["dealt_pairs", "placebo", "placed_pairs"]

FEWEST_SEGMENTS = 4
"""Segments of each range that can be dealt in more than a few ways."""

MOST_ALIKE = 0.5
"""Share of frames up to which a pair is another one than that of the comparison."""
ATTEMPTS = 1000
"""Pairs that are drawn before there seem to be no others."""

Pair = tuple[list[FrameRange], list[FrameRange]]


def placebo(
    fit: Fit,
    stack: Stack,
    lengths: tuple[int, int] | None = None,
    within: FrameRange | None = None,
    unlike: tuple[Sequence[FrameRange], Sequence[FrameRange]] | None = None,
    segments: tuple[Sequence[FrameRange], Sequence[FrameRange]] | None = None,
    repeats: int = 20,
    resamples: int = 99,
    seed: int = 0,
    stretches: int = 8,
    stop: Event | None = None,
    progress: Callable[[NDArray[np.float64]], None] | None = None,
    workers: Workers | None = None,
    subtract_responses: bool = False,
) -> NDArray[np.float64]:
    """P-values of the test on random pairs of ranges between which no condition differs.

    Under the null, and if the assumptions hold, a share x of them lies below x. Drift, bleaching and latents that
    were fitted on the same frames show here. Either `lengths` or `segments` say what a pair is.

    Parameters
    ----------
    fit : Fit
    stack : Stack
    lengths : (int, int), optional
        Frames in A and B, which are then two stretches from one that is believed to be homogeneous.
    within : (int, int), optional
        That stretch; all frames when not given.
    unlike : (sequence of (int, int), sequence of (int, int)), optional
        Ranges A and B of the comparison: pairs that lie for more than half of their frames as these do are not drawn,
        since they would find the same difference.
    segments : (sequence of (int, int), sequence of (int, int)), optional
        Segments of A and of B, dealt anew, half of each to either side: right where conditions take turns.
    repeats : int
        Number of pairs.
    resamples, seed, stretches, workers, subtract_responses
        As for :func:`compare`; responses are those of `segments`.
    stop : threading.Event, optional
        When set, the p-values so far are returned.
    progress : callable, optional
        Called with the p-values so far.

    Returns
    -------
    p_values : array, shape (repeats,)

    Raises
    ------
    ValueError
        When the stretch is too short for two ranges with a gap, or for any unlike those of the comparison, or segments
        are too few to be dealt.
    """
    if (lengths is None) == (segments is None):
        raise ValueError("A placebo needs either the lengths of the ranges or their segments.")
    draw: Callable[[np.random.Generator], Pair]
    if segments is not None:
        draw = dealt_pairs(*segments)
    elif lengths is not None:
        draw = placed_pairs(lengths, check_range(within, stack.n_frames, name="within"), fit.var.order, unlike)
    rng = np.random.default_rng(seed)
    found: list[float] = []
    for i in range(repeats):
        if stop is not None and stop.is_set():
            break
        a, b = draw(rng)
        try:
            result = compare(
                fit, stack, a, b, resamples=resamples, seed=seed + i, stretches=stretches, within=False,
                workers=workers, stop=stop, power_draws=0,
                subtract_responses=subtract_responses and segments is not None,
            )  # fmt: skip
        except StoppedError:
            break
        if result.resamples < resamples:  # stopped on the way: its p-value is coarser than the others
            break
        found.append(result.p_value)
        if progress is not None:
            progress(np.array(found))
    return np.array(found)


def placed_pairs(
    lengths: tuple[int, int],
    within: FrameRange,
    gap: int,
    unlike: tuple[Sequence[FrameRange], Sequence[FrameRange]] | None = None,
) -> Callable[[np.random.Generator], Pair]:
    """Draw two stretches at random places, with a gap between them and in either order, unlike a given pair."""
    start, stop = within
    free = stop - start - sum(lengths) - gap
    if free < 0:
        raise ValueError(
            f"within=({start}, {stop}) is too short for {lengths[0]} + {lengths[1]} frames and a gap of {gap}."
        )

    def place(rng: np.random.Generator) -> Pair:
        before, between = np.sort(rng.integers(0, free + 1, 2)).tolist()
        sizes = lengths if rng.random() < 0.5 else lengths[::-1]
        first = (start + before, start + before + sizes[0])
        second = first[1] + gap + between - before
        return [first], [(second, second + sizes[1])]

    def draw(rng: np.random.Generator) -> Pair:
        for _ in range(ATTEMPTS):
            pair = place(rng)
            if unlike is None or _likeness(pair, unlike) <= MOST_ALIKE:
                return pair
        raise ValueError(
            f"Pairs of {lengths[0]} and {lengths[1]} frames from {start} to {stop} are nearly A and B themselves, and "
            "would find the same difference. Choose shorter ranges, or draw the pairs within one of them."
        )

    return draw


def _likeness(pair: Pair, other: tuple[Sequence[FrameRange], Sequence[FrameRange]]) -> float:
    """Share of the frames of a pair that lie as in another one, or as in this one with its sides swapped."""
    straight, swapped = (overlap(pair[0], a) + overlap(pair[1], b) for a, b in (other, other[::-1]))
    return max(straight, swapped) / sum(stop - start for side in pair for start, stop in side)


def dealt_pairs(a: Sequence[FrameRange], b: Sequence[FrameRange]) -> Callable[[np.random.Generator], Pair]:
    """Deal segments so that both sides hold as large a share of what was A, as nearly as numbers allow.

    A condition that matters then differs between the sides hardly at all, and the true assignment is never dealt.
    """
    if min(len(a), len(b)) < FEWEST_SEGMENTS:
        raise ValueError(
            f"A has {len(a)} segments and B {len(b)}: at least {FEWEST_SEGMENTS} of each are needed to deal them anew. "
            "Compare random stretches instead."
        )
    share = len(a) * len(a) / (len(a) + len(b))

    def draw(rng: np.random.Generator) -> Pair:
        stay = int(share + rng.random())  # as often up as down where it is no whole number
        of_a, of_b = ([side[i] for i in rng.permutation(len(side))] for side in (a, b))
        come = len(a) - stay
        return of_a[:stay] + of_b[:come], of_a[stay:] + of_b[come:]

    return draw
