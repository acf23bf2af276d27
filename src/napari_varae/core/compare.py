"""Are the dynamics in two ranges of one recording the same? A resampling test on the latents of one fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_varae.core.bootstrap import CommonModel
from napari_varae.core.comparison import Comparison
from napari_varae.core.edges import edge_table
from napari_varae.core.model import Fit
from napari_varae.core.nulls import Null, Progress, Workers, draw
from napari_varae.core.permutation import Deal
from napari_varae.core.stack import FrameRange, Stack, check_ranges
from napari_varae.core.two_sample import Sample, difference

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
    resamples, seed, level, stretches, stop, progress, workers
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
    segments = {name: _latents(fit, stack, parts, order) for name, parts in ranges.items()}
    warnings = _range_warnings(fit, ranges, order)
    halves = (
        {name: _within(parts, order, seed, stretches, stop, workers) for name, parts in segments.items()}
        if within
        else {}
    )
    found = compare_latents(
        segments["a"], segments["b"], order, resamples, seed, level, stretches, stop, progress, workers
    )
    differ = {name: p for name, p in halves.items() if p is not None}
    warnings += tuple(
        f"The dynamics differ within {name.upper()} too (its halves: p = {p:.2g}): a difference between A and B is no "
        "wonder then, and says little about a condition."
        for name, p in differ.items()
        if p <= level
    )
    return replace(found, warnings=(*warnings, *found.warnings), ranges=ranges, within=differ, fit=fit.id)


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
    alive = np.flatnonzero(np.minimum(whole_a.std(0), whole_b.std(0)) > floor)
    if not alive.size:
        raise ValueError("The latents do not vary in these ranges: there are no dynamics to compare.")
    scaled = [
        [torch.from_numpy(((z - whole.mean(0)) / deviation.clip(floor))[:, alive]) for z in parts]
        for parts, whole in ((parts_a, whole_a), (parts_b, whole_b))
    ]
    a, b = (Sample.of(parts, order) for parts in scaled)
    observed = difference(a, b, iterations=600)
    model = CommonModel(scaled, (a, b), observed, order)
    deal = Deal((a, b), observed, min(a.count, b.count) // stretches) if stretches else None
    nulls: list[Null] = [model, deal] if deal else [model]
    draws = draw(nulls, observed, a.count + b.count, resamples, seed, stop, progress, workers)
    made = len(draws[0].largest)
    if made < 19:
        raise ValueError(f"Stopped after {made} resamples: too few for an answer.")
    statistic = float(observed.score.max())
    p_of_null = {null.name: d.p_value(statistic) for null, d in zip(nulls, draws, strict=True)}
    edges = edge_table(observed, draws, order, level)
    edges["target"], edges["source"] = alive[edges["target"]], alive[edges["source"]]
    variance_ratio = np.full(len(deviation), np.nan)
    variance_ratio[alive] = b.residual_variance(observed.b)[0] / a.residual_variance(observed.a)[0]
    return Comparison(
        p_value=float(edges["p_adjusted"][0]),
        statistic=statistic,
        p_of_null=p_of_null,
        null=max(draws, key=lambda d: d.p_value(statistic)).largest,
        effect_size=abs(float(edges["difference"][0])),
        effect_interval=_interval_of_size(edges["low"][0], edges["high"][0]),
        edges=edges,
        scale=deviation,
        mean_shift=(whole_b.mean(0) - whole_a.mean(0)) / deviation.clip(floor),
        variance_ratio=variance_ratio,
        warnings=_warnings((a, b), model, deal, made, resamples, silent=len(deviation) - len(alive)),
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
    parts = [np.asarray(z, dtype=np.float64) for z in ([latents] if single else latents)]  # type: ignore[union-attr]
    if not parts or any(z.ndim != 2 or z.shape[1] != parts[0].shape[-1] for z in parts):
        raise ValueError(f"{name} has shapes {[z.shape for z in parts]}; needed are (n, K) with the same K.")
    if not all(np.isfinite(z).all() for z in parts):
        raise ValueError(f"{name} has NaN or infinite values.")
    parts = [z for z in parts if len(z) > order]
    pairs, need = sum(len(z) - order for z in parts), _fewest_pairs(order)
    if pairs < need:
        raise ValueError(f"{name} has {pairs} lag pairs; at least {need} are needed to compare VARs of order {order}.")
    return parts


def _fewest_pairs(order: int) -> int:
    """Lag pairs that a range needs."""
    return 10 * order + 20


def _latents(fit: Fit, stack: Stack, parts: tuple[FrameRange, ...], order: int) -> list[Array]:
    """Latents of the runs of good frames in these ranges."""
    runs = []
    for start, end in parts:
        z = fit.encode(stack, (start, end)).astype(np.float64)
        bad = np.flatnonzero(~stack.good_frames(start, end))
        runs += [run[1:] if i else run for i, run in enumerate(np.split(z, bad))]
    kept = [run for run in runs if len(run) > order]
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
    return compare_latents(*halves, order, HALVES_RESAMPLES, seed, stretches=min(stretches, 4), workers=workers).p_value


def _range_warnings(fit: Fit, ranges: dict[str, tuple[FrameRange, ...]], order: int) -> tuple[str, ...]:
    found = []
    gaps = [max(s2 - e1, s1 - e2) for s1, e1 in ranges["a"] for s2, e2 in ranges["b"]]
    if min(gaps) < order:
        found.append(
            f"The ranges touch: leave a gap of at least {order} frame(s), so that no frame predicts across it."
        )
    seen = []
    for parts in ranges.values():
        inside = sum(max(0, min(e, fit.frames[1]) - max(s, fit.frames[0])) for s, e in parts)
        seen.append(inside / sum(e - s for s, e in parts))
    if abs(seen[0] - seen[1]) > 0.1:
        found.append(
            f"{seen[0]:.0%} of A but {seen[1]:.0%} of B was seen in training: the latents may fit one range better. A "
            "placebo comparison tells how much that matters."
        )
    return tuple(found)


def _warnings(
    samples: tuple[Sample, Sample], model: CommonModel, deal: Deal | None, made: int, wanted: int, silent: int
) -> tuple[str, ...]:
    found = []
    predictors = samples[0].x.shape[-1]
    for name, sample in zip("AB", samples, strict=True):
        if sample.count < 2 * predictors:
            found.append(
                f"{name} has {sample.count} lag pairs for {predictors} predictors: only large changes can be found. "
                "Longer ranges or fewer latents help."
            )
    if silent:
        found.append(f"{silent} latent(s) do not vary in one of the ranges and were left out.")
    if model.radius > 0.98:
        found.append(
            f"The dynamics are close to a unit root (spectral radius {model.radius:.3f}): drift may look like dynamics."
        )
    if deal is None:
        found.append("Every frame counts as independent given its past: on a recording p is then far too small.")
    elif (deals := math.comb(sum(deal.counts), deal.counts[0])) < 2 * made:
        found.append(f"There are only {deals} ways to deal {sum(deal.counts)} stretches: p cannot be finer than that.")
    if made < wanted:
        found.append(
            f"Stopped after {made} of {wanted} resamples: a p at which one stops because it is small is too small."
        )
    if made < 199:
        found.append(f"With {made} resamples p cannot be smaller than {1 / (made + 1):.3g}.")
    return tuple(found)
