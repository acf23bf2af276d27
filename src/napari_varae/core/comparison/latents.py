"""Do two stretches of latents follow the same VAR? A resampling test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_varae.core.comparison.inference.bootstrap import CommonModel
from napari_varae.core.comparison.inference.edges import edge_table
from napari_varae.core.comparison.inference.nulls import Null, Progress, draw, links
from napari_varae.core.comparison.inference.permutation import Deal
from napari_varae.core.comparison.inference.power import detectable
from napari_varae.core.comparison.inference.two_sample import Sample, difference
from napari_varae.core.comparison.notes import cautions, effective_frames, own_past_caution
from napari_varae.core.comparison.result import Comparison
from napari_varae.core.compute.workers import Workers
from napari_varae.core.movie.good_frames import shortage
from napari_varae.errors import StoppedError

__all__ = ["check_settings", "compare_latents", "least_deviation"]

Array = NDArray[np.float64]

SILENT = 1e-9
"""Deviation up to which a latent does not vary, as a share of its largest value."""


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
    coefficients that both ranges share, or among all others. The p-value is the
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
        Called with the answer so far, a :class:`napari_varae.core.comparison.inference.nulls.Running`.
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
    check_settings(order, resamples, seed, level, stretches, power_draws)
    parts_a, parts_b = _checked(za, order, "za"), _checked(zb, order, "zb")
    if parts_a[0].shape[1] != parts_b[0].shape[1]:
        raise ValueError(f"za has {parts_a[0].shape[1]} latents and zb {parts_b[0].shape[1]}.")
    whole_a, whole_b = np.concatenate(parts_a), np.concatenate(parts_b)
    deviation = np.sqrt((whole_a.var(0) + whole_b.var(0)) / 2)
    floor = SILENT * np.abs(np.concatenate([whole_a, whole_b])).max(0)
    alive = np.flatnonzero(np.minimum(least_deviation(parts_a, order), least_deviation(parts_b, order)) > floor)
    if not alive.size:
        raise ValueError("The latents do not vary in these ranges: there are no dynamics to compare.")
    scaled = [
        [torch.from_numpy((z - whole.mean(0))[:, alive] / deviation[alive]) for z in parts]
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
        raise StoppedError(f"Stopped after {made} of {resamples} resamples: too few for an answer.")
    statistic = float(observed.score.max())
    p_of_null = {null.name: d.p_value(statistic) for null, d in zip(nulls, draws, strict=True)}
    among_links = observed.score[0].flatten()[links(observed)]
    p_links = max(d.p_of_links(float(among_links.max())) for d in draws) if len(among_links) else math.nan
    critical = max(d.critical(level) for d in draws)
    size = detectable(model, observed, critical, power_draws, seed, stop, workers)
    edges = edge_table(observed, draws, order, critical, size)
    p_value = float(edges["p_adjusted"][0])
    edges["target"], edges["source"] = alive[edges["target"]], alive[edges["source"]]
    mean_shift, variance_ratio = np.full((2, len(deviation)), np.nan)
    mean_shift[alive] = ((whole_b.mean(0) - whole_a.mean(0)) / deviation)[alive]
    variance_ratio[alive] = b.residual_variance(observed.b)[0] / a.residual_variance(observed.a)[0]
    effective = effective_frames(parts_a), effective_frames(parts_b)
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
        mean_shift=mean_shift,
        variance_ratio=variance_ratio,
        effective=effective,
        warnings=(
            *own_past_caution(p_value, p_links, level),
            *cautions((a, b), model, deal, effective, made, resamples, silent=len(deviation) - len(alive)),
        ),
        stretch=deal.x.shape[1] if deal else 0,
        order=order,
        resamples=made,
        planned=resamples,
        power_draws=power_draws,
        seed=seed,
        level=level,
        lengths=(a.count, b.count),
        ranges={},
        within={},
    )


def check_settings(order: int, resamples: int, seed: int, level: float, stretches: int, power_draws: int) -> None:
    """Refuse settings that make no sense, each in its own words."""
    whole = {"order": order, "resamples": resamples, "seed": seed, "stretches": stretches, "power_draws": power_draws}
    for name, value in whole.items():
        if not isinstance(value, int | np.integer):
            raise ValueError(f"{name}={value!r} is not a whole number.")
    for name, least in (("order", 1), ("resamples", 19), ("seed", 0), ("power_draws", 0)):
        if whole[name] < least:
            raise ValueError(f"{name}={whole[name]} is too small: choose at least {least}.")
    if stretches != 0 and stretches < 4:
        raise ValueError(f"stretches={stretches}: choose at least 4, or 0 to leave that null distribution out.")
    if not 0 < level < 1:
        raise ValueError(f"level={level} does not lie between 0 and 1.")
    if resamples + 1 < (1 - 1e-9) / level:
        raise ValueError(
            f"{resamples} resamples cannot give a p-value as small as {level:g}: choose at least "
            f"{math.ceil((1 - 1e-9) / level) - 1}, or a higher level."
        )


def _interval_of_size(low: float, high: float) -> tuple[float, float]:
    """Interval of the absolute value of what lies between low and high."""
    sizes = sorted((abs(float(low)), abs(float(high))))
    return (0.0 if low <= 0 <= high else sizes[0], sizes[1])


def _checked(latents: ArrayLike | Sequence[ArrayLike], order: int, name: str) -> list[Array]:
    """Segments of latents long enough to hold a lag pair."""
    single = isinstance(latents, np.ndarray | Tensor) and latents.ndim == 2
    items: Any = [latents] if single else latents
    parts = [np.asarray(z, dtype=np.float64, order="C") for z in items]
    if not parts:
        raise ValueError(f"{name} is empty. Give latents of shape (n, K), or several such segments.")
    for i, z in enumerate(parts):
        part = name if single else f"{name}[{i}]"
        if z.ndim != 2 or z.shape[1] != parts[0].shape[-1]:
            raise ValueError(
                f"{part} has shape {z.shape}; needed is (n, K), with the same K in all segments. One range is an "
                "array, several segments are a list of arrays."
            )
        bad = np.flatnonzero(~np.isfinite(z).all(1))
        if len(bad):
            raise ValueError(
                f"{part} has NaN or infinite values in {len(bad)} frames, first in frame {bad[0]}. Leave them out, "
                "as the border between two segments."
            )
    kept = [z for z in parts if len(z) > order]
    if short := shortage(((0, len(z)) for z in kept), order, name):
        raise ValueError(short)
    return kept


def least_deviation(parts: list[Array], order: int) -> Array:
    """Least deviation (K,) of the latents as predictors, at each lag, and as targets."""
    shifted = (np.concatenate([z[k : len(z) - order + k] for z in parts]) for k in range(order + 1))
    least: Array = np.stack([z.std(0) for z in shifted]).min(0)
    return least
