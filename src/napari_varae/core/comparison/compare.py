"""Are the dynamics in two ranges of a recording the same? From frames to the latents that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.nulls import Progress
from napari_varae.core.comparison.latents import check_settings, compare_latents, least_deviation
from napari_varae.core.comparison.notes import effective_frames, range_cautions, whole_image_cautions
from napari_varae.core.comparison.responses import FEWEST, Response, mean_response, response_caution
from napari_varae.core.comparison.result import Comparison
from napari_varae.core.compute.checkpoint import Check, asking
from napari_varae.core.compute.workers import Workers
from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.frames import FrameRange, check_ranges, overlap
from napari_varae.core.movie.good_frames import bad_frames, fewest_pairs, good_runs, shortage
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import StoppedError

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
    subtract_responses: bool = False,
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
    subtract_responses : bool
        Take the mean over the parts of each range away first, which are trials of one length: a response at a fixed
        time moves latents together, and counts as dynamics otherwise.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When a range lies outside the movie, the ranges overlap or are too short, or the image size is another one.
    StackError
        When frames cannot be read.
    StoppedError
        When `stop` was set before there was an answer.
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
    warnings = range_cautions(fit, ranges, order)
    segments, effective = {}, {}
    for name, parts in ranges.items():
        segments[name], starts, response = _read(
            fit, stack, parts, f"Range {name.upper()}", subtract_responses, asking(stop)
        )
        effective[name] = effective_frames(segments[name], starts)
        share = effective[name] / sum(map(len, segments[name]))
        warnings += response_caution(f"Range {name.upper()}", response, segments[name], share)
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
    return replace(
        found,
        warnings=(*warnings, *found.warnings),
        ranges=ranges,
        bad=bad_frames(stack, ranges),
        within=differ,
        fit=fit.id,
        movie=stack.fingerprint(),
        subtract_responses=subtract_responses,
        effective=(effective["a"], effective["b"]),
    )


def _read(
    fit: Fit, stack: Stack, parts: Sequence[FrameRange], name: str, subtract_responses: bool, check: Check
) -> tuple[list[Array], list[int], Response | None]:
    """Latents of the runs of good frames of a range, their first frames, and the response that is still in them."""
    runs = good_runs(stack, parts, fit.var.order)
    if short := shortage(runs, fit.var.order, name):
        raise ValueError(short)
    latents, starts = [fit.encode(stack, run, check).astype(np.float64) for run in runs], [start for start, _ in runs]
    response = mean_response(parts, runs, latents)
    if not subtract_responses:
        return latents, starts, response
    if response is None:
        lengths = sorted({stop - start for start, stop in parts})
        raise ValueError(
            f"{name} has {len(parts)} parts of {lengths[0]} to {lengths[-1]} frames. To take the mean response of its "
            f"trials away, at least {FEWEST} of one length are needed."
        )
    return response.taken_from(latents), starts, None


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
