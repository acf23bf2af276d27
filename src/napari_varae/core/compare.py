"""Are the dynamics in two ranges of a recording the same? From frames to the latents that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.cautions import effective_frames, range_cautions, whole_image_cautions
from napari_varae.core.compare_latents import check_settings, compare_latents, least_deviation
from napari_varae.core.comparison import Comparison
from napari_varae.core.errors import StoppedError
from napari_varae.core.model import Fit
from napari_varae.core.nulls import Progress
from napari_varae.core.pairs import fewest_pairs, good_runs, shortage
from napari_varae.core.stack import FrameRange, Stack, check_ranges, overlap
from napari_varae.core.workers import Workers

__all__ = ["compare"]

Array = NDArray[np.float64]
Ranges = FrameRange | Sequence[FrameRange]

HALVES_RESAMPLES = 99
"""Draws for the comparison of the halves of a range: enough for a warning."""
HALVES_LEVEL = 0.05
"""P-value of the halves up to which there is one: four stretches of each can be dealt in 35 ways."""


def compare(
    fit: Fit,
    stack: Stack,
    a: Ranges,
    b: Ranges,
    resamples: int = 999,
    seed: int = 0,
    level: float = 0.05,
    stretches: int = 8,
    within: bool = True,
    stop: Event | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
    power_draws: int = 99,
) -> Comparison:
    """Test whether the VAR coefficients are the same in two ranges of a recording.

    The halves of each range are compared as well: where these differ, a difference between the ranges is no wonder.

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie.
    a, b : (int, int) or several of them
        Half-open ranges of frames.
    resamples, seed, level, stretches, stop, progress, workers, power_draws
        As for :func:`compare_latents`.
    within : bool
        Compare the halves of each range as well.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When a range lies outside the movie, the ranges overlap or are too short, or the image size is another one.
    StackError
        When frames cannot be read.
    """
    fit.check(stack)
    order = fit.var.order
    check_settings(order, resamples, seed, level, stretches, power_draws)
    for name, part in (("a", a), ("b", b)):
        if part is None:
            raise ValueError(f"{name} is None. Give a range of frames (start, stop), or several.")
    ranges = {
        name: check_ranges(part, stack.n_frames, name=f"Range {name.upper()}") for name, part in (("a", a), ("b", b))
    }
    if shared := overlap(ranges["a"], ranges["b"]):
        raise ValueError(f"A and B share {shared} frames. Move one of them.")
    runs = {name: good_runs(stack, parts, order) for name, parts in ranges.items()}
    for name, parts in runs.items():
        if short := shortage(parts, order, f"Range {name.upper()}"):
            raise ValueError(short)
    segments = {name: [fit.encode(stack, run).astype(np.float64) for run in parts] for name, parts in runs.items()}
    starts = {name: [start for start, _ in parts] for name, parts in runs.items()}
    warnings = range_cautions(fit, ranges, order)
    halves = (
        {name: _within(parts, order, seed, stretches, stop, workers) for name, parts in segments.items()}
        if within
        else {}
    )
    found = compare_latents(
        segments["a"], segments["b"], order, resamples, seed, level, stretches, stop, progress, workers, power_draws
    )
    differ = {name: p for name, p in halves.items() if p is not None}
    warnings += tuple(
        f"The dynamics differ within {name.upper()} too (its halves: p = {p:.2g}): a difference between A and B is no "
        "wonder then, and says little about a condition."
        for name, p in differ.items()
        if p <= HALVES_LEVEL
    )
    warnings += whole_image_cautions(fit, found)
    effective = effective_frames(segments["a"], starts["a"]), effective_frames(segments["b"], starts["b"])
    bad = {name: sum(int((~stack.good_frames(*part)).sum()) for part in parts) for name, parts in ranges.items()}
    return replace(
        found,
        warnings=(*warnings, *found.warnings),
        ranges=ranges,
        bad=(bad["a"], bad["b"]),
        within=differ,
        fit=fit.id,
        movie=stack.fingerprint(),
        effective=effective,
    )


def _within(
    parts: list[Array], order: int, seed: int, stretches: int, stop: Event | None, workers: Workers | None
) -> float | None:
    """P-value of the halves of a range; None when they are too short, do not vary, or the user has no time."""
    middle = sum(map(len, parts)) // 2
    halves: tuple[list[Array], list[Array]] = [], []
    for z in parts:
        first = min(max(middle, 0), len(z))
        middle -= first
        halves[0].append(z[:first])
        halves[1].append(z[first:])
    shortest = min(sum(max(len(z) - order, 0) for z in half) for half in halves)
    if shortest < fewest_pairs(order) or (stop is not None and stop.is_set()):
        return None
    if not np.minimum(*(least_deviation([z for z in half if len(z) > order], order) for half in halves)).any():
        return None
    try:
        return compare_latents(
            *halves, order, HALVES_RESAMPLES, seed, stretches=min(stretches, 4), stop=stop, workers=workers,
            power_draws=0,
        ).p_value  # fmt: skip
    except StoppedError:
        return None
