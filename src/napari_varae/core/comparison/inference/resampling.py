"""Draws from more than one null distribution, in turns.

Two things may be true of a recording in which nothing changes: its latents are a VAR, or its blocks are exchangeable.
Each has its null distribution (`bootstrap`, `permutation`), and the larger p-value counts, so that the test holds its
level where either is true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaincinv

from napari_varae.core.comparison.inference.draws import TIE, Counted, Draws, Null, Ranked, count
from napari_varae.core.comparison.inference.lag_pairs import Array
from napari_varae.core.comparison.inference.statistic import Difference
from napari_varae.core.compute.workers import Workers, in_order

__all__ = ["BATCH_PAIRS", "Progress", "Running", "resample"]

BATCH_PAIRS = 20_000
"""Lag pairs of all draws that make one job."""


class Running(NamedTuple):
    """The answer so far: draws made, draws planned, the p-value and its 95 % interval (Clopper, Pearson 1934).

    And the statistic in the draws so far, from the null with the larger p-value, and the observed one. All of coupling,
    or of own past when there is a single latent.
    """

    made: int
    planned: int
    p_value: float
    low: float
    high: float
    null: Array
    statistic: float


Progress = Callable[[Running], None]


def resample(
    nulls: Sequence[Null],
    observed: Difference,
    pairs: int,
    resamples: int,
    seed: int,
    stop: Event | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> list[Draws]:
    """Draw from each null, in turns; all have as many draws when stopped, and each its own stream of random numbers.

    What is random is drawn here, so that the answer is the same whoever computes. `pairs` are the lag pairs of one
    draw.
    """
    streams = np.random.default_rng(seed).spawn(len(nulls))
    size = max(1, BATCH_PAIRS // pairs)
    scores = observed.scores
    ranked = {name: Ranked.of(values) for name, values in scores.items()}
    asked = "coupling" if len(scores["coupling"]) else "any"
    sizes = [min(size, resamples - first) for first in range(0, resamples, size)]
    jobs = ([null.random(some, stream) for null, stream in zip(nulls, streams, strict=True)] for some in sizes)
    found: list[list[Counted]] = [[] for _ in nulls]
    for batch in in_order(_count, (nulls, ranked), jobs, workers, stop):
        for parts, part in zip(found, batch, strict=True):
            parts.append(part)
        if progress is not None:
            largest = [np.concatenate([part.questions[asked].largest for part in parts]) for parts in found]
            progress(_running(largest, float(scores[asked].max()), resamples))
    return [Draws.of(parts, scores) for parts in found]


def _count(common: tuple[Sequence[Null], dict[str, Ranked]], random: Sequence[Any]) -> list[Counted]:
    """Compare draws of each null with the observed scores."""
    nulls, ranked = common
    return [count(null, part, ranked) for null, part in zip(nulls, random, strict=True)]


def _running(largest: list[Array], statistic: float, planned: int) -> Running:
    """Return what the draws so far give."""
    made, counts = len(largest[0]), [int((values >= statistic * TIE).sum()) for values in largest]
    most = max(counts)
    low = betaincinv(most, made - most + 1, 0.025) if most else 0.0
    high = betaincinv(most + 1, made - most, 0.975) if most < made else 1.0
    null = largest[counts.index(most)]
    return Running(made, planned, (1 + most) / (1 + made), float(low), float(high), null, statistic)
