"""The p-values of a comparison, from more than one null distribution.

Two things may be true of a recording in which nothing changes: its latents are a VAR, or its blocks are exchangeable.
Each has its null distribution (`bootstrap`, `permutation`), and the larger p-value counts, so that the test holds its
level where either is true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import betaincinv
from torch import Tensor

from napari_varae.core.comparison.inference.two_sample import Difference
from napari_varae.core.compute.workers import Workers, in_order

__all__ = ["TIE", "Draws", "Null", "Progress", "Running", "draw", "links", "reached"]

Array = NDArray[np.float64]

TIE = 1 - 1e-3
"""Share of a score that counts as as large: the same deal may come again, and estimates are settled to this."""
BATCH_PAIRS = 20_000
"""Lag pairs of all resamples that are computed side by side."""


class Running(NamedTuple):
    """The answer so far: draws made, draws wanted, the p-value and its 95 % interval (Clopper, Pearson 1934).

    And the statistic in the draws so far, from the null with the larger p-value, and the observed one.
    """

    made: int
    wanted: int
    p_value: float
    low: float
    high: float
    null: Array
    statistic: float


Progress = Callable[[Running], None]


class Null(Protocol):
    """Where nothing changes."""

    name: str

    def deal(self, count: int, rng: np.random.Generator) -> Any:
        """Draw what is random, `count` times."""

    def scores(self, dealt: Any) -> Tensor:
        """Scores of all coefficients that come of it, shape (count, K p K)."""


@dataclass(frozen=True, eq=False)
class Draws:
    """What R draws from a null leave behind.

    Attributes
    ----------
    largest, largest_link : array, shape (R,)
        The statistic: the largest score, and the largest one but for own past.
    reached : array, shape (K p K,)
        For each coefficient, draws in which the largest score among it and all coefficients with a lower observed score
        is as large as its observed one.
    above : array, shape (K p K,)
        For each coefficient, how many of all scores of a draw are as large as its observed one, on average.
    """

    largest: Array
    largest_link: Array
    reached: NDArray[np.int64]
    above: Array

    def p_value(self, statistic: float) -> float:
        """Chance of a statistic as large."""
        return _chance(self.largest, statistic)

    def p_of_links(self, statistic: float) -> float:
        """Chance of a score as large among links."""
        return _chance(self.largest_link, statistic)

    def critical(self, level: float) -> float:
        """Statistic that p <= `level` takes; infinite when there are too few draws."""
        allowed = int(level * (len(self.largest) + 1) + 1e-9)
        return float(np.sort(self.largest)[-allowed]) if allowed else np.inf


def _chance(null: Array, statistic: float) -> float:
    """Share of draws as large, itself counted."""
    return float((1 + (null >= statistic * TIE).sum()) / (1 + len(null)))


def links(observed: Difference) -> Tensor:
    """Mask (K p K,) of the coefficients that link two latents, which is all but own past."""
    k, p = observed.score.shape[-2:]
    return ~torch.eye(k, dtype=torch.bool).repeat(1, p // k).flatten()


def draw(
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

    What is random is drawn here, so that the answer is the same whoever computes.
    """
    streams = np.random.default_rng(seed).spawn(len(nulls))
    size = max(1, BATCH_PAIRS // pairs)
    scores, between = observed.score[0].flatten(), links(observed)
    sizes = [min(size, resamples - first) for first in range(0, resamples, size)]
    jobs = ([null.deal(count, stream) for null, stream in zip(nulls, streams, strict=True)] for count in sizes)
    found: list[list[_Counted]] = [[] for _ in nulls]
    for batch in in_order(_count, (nulls, scores, between), jobs, workers, stop):
        for parts, part in zip(found, batch, strict=True):
            parts.append(part)
        if progress is not None:
            largest = [np.concatenate([part.largest for part in parts]) for parts in found]
            progress(_running(largest, float(scores.max()), resamples))
    if not found[0]:
        nothing = np.zeros(0)
        return [Draws(nothing, nothing, np.zeros(len(scores), np.int64), np.ones(len(scores))) for _ in nulls]
    return [
        Draws(
            np.concatenate([part.largest for part in parts]),
            np.concatenate([part.largest_link for part in parts]),
            np.sum([part.reached for part in parts], 0),
            (1 + np.sum([part.above for part in parts], 0)) / (1 + sum(len(part.largest) for part in parts)),
        )
        for parts in found
    ]


class _Counted(NamedTuple):
    """What is kept of some draws: as in :class:`Draws`, but `above` is a sum."""

    largest: Array
    largest_link: Array
    reached: NDArray[np.int64]
    above: NDArray[np.int64]


def _count(common: tuple[Sequence[Null], Tensor, Tensor], dealt: Sequence[Any]) -> list[_Counted]:
    """Compare draws of each null with the observed scores."""
    nulls, scores, between = common
    found = []
    for null, part in zip(nulls, dealt, strict=True):
        drawn = null.scores(part)
        above = drawn.numel() - torch.searchsorted(drawn.flatten().sort().values, scores * TIE)
        link = drawn[:, between].amax(1) if between.any() else drawn.new_zeros(len(drawn))
        found.append(_Counted(drawn.amax(1).numpy(), link.numpy(), reached(drawn, scores).numpy(), above.numpy()))
    return found


def _running(largest: list[Array], statistic: float, wanted: int) -> Running:
    """Say what the draws so far give."""
    made, counts = len(largest[0]), [int((values >= statistic * TIE).sum()) for values in largest]
    count = max(counts)
    low = betaincinv(count, made - count + 1, 0.025) if count else 0.0
    high = betaincinv(count + 1, made - count, 0.975) if count < made else 1.0
    null = largest[counts.index(count)]
    return Running(made, wanted, (1 + count) / (1 + made), float(low), float(high), null, statistic)


def reached(null: Tensor, observed: Tensor) -> Tensor:
    """Count for each of M scores the rows of `null` (R, M) whose largest value among it and lower ones is as large.

    The counts of step-down max-T (Westfall, Young 1993).
    """
    descending = observed.argsort(descending=True, stable=True)
    of_rest = null[:, descending].flip(1).cummax(1).values.flip(1)
    counts = torch.zeros_like(descending)
    counts[descending] = (of_rest >= observed[descending] * TIE).sum(0)
    return counts
