"""Are the dynamics in two ranges of one recording the same? A resampling test on the latents of one fit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_varae.core.bootstrap import CommonModel
from napari_varae.core.cautions import (
    cautions,
    effective_frames,
    own_past_caution,
    range_cautions,
    whole_image_cautions,
)
from napari_varae.core.comparison import Comparison
from napari_varae.core.edges import edge_table
from napari_varae.core.model import Fit
from napari_varae.core.nulls import Null, Progress, draw, links
from napari_varae.core.permutation import Deal
from napari_varae.core.power import detectable
from napari_varae.core.stack import FrameRange, Stack, check_ranges
from napari_varae.core.two_sample import Sample, difference
from napari_varae.core.workers import Workers

__all__ = ["compare", "compare_latents"]

Array = NDArray[np.float64]
Ranges = FrameRange | Sequence[FrameRange]

HALVES_RESAMPLES = 99
"""Draws for the comparison of the halves of a range: enough for a warning."""


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
    ranges = {name: check_ranges(part, stack.n_frames, name=name) for name, part in (("a", a), ("b", b))}
    used = np.zeros(stack.n_frames, dtype=int)
    for start, end in (*ranges["a"], *ranges["b"]):
        used[start:end] += 1
    if (used > 1).any():
        raise ValueError(
            f"The ranges share {int((used > 1).sum())} frames, first frame {int(used.argmax())}. Move one of them."
        )
    runs = {name: _runs(fit, stack, parts, order) for name, parts in ranges.items()}
    segments = {name: [z for _, z in found] for name, found in runs.items()}
    starts = {name: [start for start, _ in found] for name, found in runs.items()}
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
        if p <= level
    )
    warnings += whole_image_cautions(fit, found)
    effective = effective_frames(segments["a"], starts["a"]), effective_frames(segments["b"], starts["b"])
    return replace(
        found, warnings=(*warnings, *found.warnings), ranges=ranges, within=differ, fit=fit.id, effective=effective
    )


def compare_latents(
    za: ArrayLike | Sequence[ArrayLike],
    zb: ArrayLike | Sequence[ArrayLike],
    order: int = 1,
    resamples: int = 999,
    seed: int = 0,
    level: float = 0.05,
    stretches: int = 8,
    stop: Event | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
    power_draws: int = 99,
) -> Comparison:
    """Test whether two stretches of latents follow the same VAR.

    The statistic is the largest studentised difference of a coefficient, in units of what chance reaches among
    coefficients that both ranges share, or among all others (:mod:`napari_varae.core.two_sample`). The p-value is the
    larger of two: one holds if the latents are a VAR, whatever its innovations (wild bootstrap of the common model),
    the other if stretches of the recording are alike, however frames depend on each other within a stretch
    (permutation of stretches). Everything that looked at the data is repeated in both.

    Parameters
    ----------
    za, zb : array (nA, K) and (nB, K), or lists of such segments
        Latents, in any units.
    order : int
        Number of lags p.
    resamples : int
        Number of draws R from each null distribution.
    seed : int
        Seed of the draws.
    level : float
        1 minus the coverage of the intervals.
    stretches : int
        The shorter range is cut into so many stretches, the other one into stretches of the same length. 0 leaves that
        null out: right for a true VAR, and far too sure on recordings.
    stop : threading.Event, optional
        When set, the answer rests on the resamples made so far.
    progress : callable, optional
        Called with the answer so far, a :class:`napari_varae.core.nulls.Running`.
    workers : concurrent.futures.Executor or dask.distributed.Client, optional
        Who draws; this thread when not given. The answer is the same.
    power_draws : int
        Number of pairs of ranges with a change that are drawn to say how large a change would have been found; 0 leaves
        that out.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When latents are not (n, K) of finite numbers, are too few, or settings are impossible.
    """
    if resamples < 19 or not 0 < level < 1 or order < 1 or stretches < 0 or 0 < stretches < 4:
        raise ValueError(
            f"resamples={resamples}, level={level}, order={order}, stretches={stretches}: needed are at least 19, "
            "between 0 and 1, at least 1, and 0 or at least 4."
        )
    parts_a, parts_b = _checked(za, order, "za"), _checked(zb, order, "zb")
    if parts_a[0].shape[1] != parts_b[0].shape[1]:
        raise ValueError(f"za has {parts_a[0].shape[1]} latents and zb {parts_b[0].shape[1]}.")
    whole_a, whole_b = np.concatenate(parts_a), np.concatenate(parts_b)
    deviation = np.sqrt((whole_a.var(0) + whole_b.var(0)) / 2)
    floor = 1e-6 * deviation.max()
    alive = np.flatnonzero(np.minimum(_least_deviation(parts_a, order), _least_deviation(parts_b, order)) > floor)
    if not alive.size:
        raise ValueError("The latents do not vary in these ranges: there are no dynamics to compare.")
    scaled = [
        [torch.from_numpy(((z - whole.mean(0)) / deviation.clip(floor))[:, alive]) for z in parts]
        for parts, whole in ((parts_a, whole_a), (parts_b, whole_b))
    ]
    a, b = (Sample.of(parts, order) for parts in scaled)
    if 0 < min(a.count, b.count) < stretches:
        raise ValueError(
            f"The shorter range has {min(a.count, b.count)} lag pairs and cannot be cut into {stretches} stretches. "
            "Choose fewer stretches, or longer ranges."
        )
    observed = difference(a, b)
    model = CommonModel(scaled, (a, b), observed, order)
    deal = Deal((a, b), observed, min(a.count, b.count) // stretches) if stretches else None
    nulls: list[Null] = [model, deal] if deal else [model]
    draws = draw(nulls, observed, a.count + b.count, resamples, seed, stop, progress, workers)
    made = len(draws[0].largest)
    if made < 19:
        raise ValueError(f"Stopped after {made} resamples: too few for an answer.")
    statistic = float(observed.score.max())
    p_of_null = {null.name: d.p_value(statistic) for null, d in zip(nulls, draws, strict=True)}
    among_links = observed.score[0].flatten()[links(observed)]
    p_links = max(d.p_of_links(float(among_links.max())) for d in draws) if len(among_links) else math.nan
    critical = max(d.critical(level) for d in draws)
    size = detectable(model, observed, critical, power_draws, seed, stop, workers)
    edges = edge_table(observed, draws, order, critical, size)
    p_value = float(edges["p_adjusted"][0])
    edges["target"], edges["source"] = alive[edges["target"]], alive[edges["source"]]
    variance_ratio = np.full(len(deviation), np.nan)
    variance_ratio[alive] = b.residual_variance(observed.b)[0] / a.residual_variance(observed.a)[0]
    return Comparison(
        p_value=p_value,
        statistic=statistic,
        p_of_null=p_of_null,
        p_links=p_links,
        null=max(draws, key=lambda d: d.p_value(statistic)).largest,
        effect_size=abs(float(edges["difference"][0])),
        effect_interval=_interval_of_size(edges["low"][0], edges["high"][0]),
        edges=edges,
        scale=deviation,
        mean_shift=(whole_b.mean(0) - whole_a.mean(0)) / deviation.clip(floor),
        variance_ratio=variance_ratio,
        effective=(effective_frames(parts_a), effective_frames(parts_b)),
        warnings=(
            *own_past_caution(p_value, p_links, level),
            *cautions((a, b), model, deal, made, resamples, silent=len(deviation) - len(alive)),
        ),
        stretch=deal.x.shape[1] if deal else 0,
        order=order,
        resamples=made,
        seed=seed,
        level=level,
        lengths=(a.count, b.count),
        ranges={},
        within={},
    )


def _interval_of_size(low: float, high: float) -> tuple[float, float]:
    """Interval of the absolute value of what lies between low and high."""
    sizes = sorted((abs(float(low)), abs(float(high))))
    return (0.0 if low <= 0 <= high else sizes[0], sizes[1])


def _checked(latents: ArrayLike | Sequence[ArrayLike], order: int, name: str) -> list[Array]:
    """Segments of latents long enough to hold a lag pair."""
    single = isinstance(latents, np.ndarray | Tensor) and latents.ndim == 2
    items: Any = [latents] if single else latents
    parts = [np.asarray(z, dtype=np.float64) for z in items]
    if not parts or any(z.ndim != 2 or z.shape[1] != parts[0].shape[-1] for z in parts):
        raise ValueError(f"{name} has shapes {[z.shape for z in parts]}; needed are (n, K) with the same K.")
    if not all(np.isfinite(z).all() for z in parts):
        raise ValueError(f"{name} has NaN or infinite values.")
    parts = [z for z in parts if len(z) > order]
    pairs, need = sum(len(z) - order for z in parts), _fewest_pairs(order)
    if pairs < need:
        raise ValueError(f"{name} has {pairs} lag pairs; at least {need} are needed to compare VARs of order {order}.")
    return parts


def _least_deviation(parts: list[Array], order: int) -> Array:
    """Least deviation (K,) of the latents as predictors, at each lag, and as targets."""
    shifted = (np.concatenate([z[k : len(z) - order + k] for z in parts]) for k in range(order + 1))
    least: Array = np.stack([z.std(0) for z in shifted]).min(0)
    return least


def _fewest_pairs(order: int) -> int:
    """Lag pairs that a range needs."""
    return 10 * order + 20


def _runs(fit: Fit, stack: Stack, parts: tuple[FrameRange, ...], order: int) -> list[tuple[int, Array]]:
    """First frames and latents of the runs of good frames in these ranges."""
    runs: list[tuple[int, Array]] = []
    for start, end in parts:
        z = fit.encode(stack, (start, end)).astype(np.float64)
        bad = np.flatnonzero(~stack.good_frames(start, end))
        edges = [-1, *bad.tolist(), end - start]
        runs += [(start + first + 1, z[first + 1 : last]) for first, last in itertools.pairwise(edges)]
    kept = [run for run in runs if len(run[1]) > order]
    if not kept:
        raise ValueError(f"The ranges {parts} hold no run of more than {order} good frames.")
    return kept


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
    if shortest < _fewest_pairs(order) or (stop is not None and stop.is_set()):
        return None
    if not np.minimum(*(np.concatenate(half).std(0) for half in halves)).any():
        return None
    stretches = min(stretches, 4)
    return compare_latents(
        *halves, order, HALVES_RESAMPLES, seed, stretches=stretches, workers=workers, power_draws=0
    ).p_value
