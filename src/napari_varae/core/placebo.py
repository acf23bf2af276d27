"""The same test where nothing should differ: what the assumptions leave out shows here."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.compare import compare
from napari_varae.core.model import Fit
from napari_varae.core.nulls import Workers
from napari_varae.core.stack import FrameRange, Stack, check_range

__all__ = ["placebo"]


def placebo(
    fit: Fit,
    stack: Stack,
    lengths: tuple[int, int],
    within: FrameRange | None = None,
    repeats: int = 20,
    resamples: int = 99,
    seed: int = 0,
    stretches: int = 8,
    stop: Event | None = None,
    progress: Callable[[NDArray[np.float64]], None] | None = None,
    workers: Workers | None = None,
) -> NDArray[np.float64]:
    """P-values of the test on random pairs of ranges from a stretch believed to be homogeneous.

    Under the null, and if the assumptions hold, a share x of them lies below x. Drift, bleaching and latents that
    were fitted on the same frames show here.

    Parameters
    ----------
    fit : Fit
    stack : Stack
    lengths : (int, int)
        Frames in A and B.
    within : (int, int), optional
        The stretch; all frames when not given.
    repeats : int
        Number of pairs.
    resamples, seed, stretches, workers
        As for :func:`compare`.
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
        When the stretch is too short for two ranges with a gap.
    """
    start, end = check_range(within, stack.n_frames, name="within")
    gap = fit.var.order
    free = end - start - sum(lengths) - gap
    if free < 0:
        raise ValueError(
            f"within=({start}, {end}) is too short for {lengths[0]} + {lengths[1]} frames and a gap of {gap}."
        )
    rng = np.random.default_rng(seed)
    found: list[float] = []
    for i in range(repeats):
        if stop is not None and stop.is_set():
            break
        before, between = np.sort(rng.integers(0, free + 1, 2))
        sizes = lengths if rng.random() < 0.5 else lengths[::-1]
        first = (start + int(before), start + int(before) + sizes[0])
        second_start = first[1] + gap + int(between - before)
        second = (second_start, second_start + sizes[1])
        result = compare(
            fit, stack, first, second, resamples=resamples, seed=seed + i, stretches=stretches, within=False,
            workers=workers,
        )  # fmt: skip
        found.append(result.p_value)
        if progress is not None:
            progress(np.array(found))
    return np.array(found)
