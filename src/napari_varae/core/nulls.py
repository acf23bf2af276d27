"""The p-values of a comparison, from more than one null distribution.

Two things may be true of a recording in which nothing changes: its latents are a VAR, or its stretches are alike. Each
has its null distribution (:mod:`napari_varae.core.bootstrap`, :mod:`napari_varae.core.permutation`), and the larger
p-value counts, so that the test holds its level where either is true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri
from torch import Tensor

from napari_varae.core.two_sample import Difference

__all__ = ["EDGE", "Draws", "Null", "Progress", "Running", "draw", "edge_table", "reached"]

Array = NDArray[np.float64]

EDGE = np.dtype(
    [
        ("lag", int), ("target", int), ("source", int), ("a", float), ("b", float), ("difference", float),
        ("low", float), ("high", float), ("student", float), ("p_adjusted", float), ("q_value", float),
        ("detectable", float),
    ]
)  # fmt: skip
"""One row of the table of coefficients."""

BATCH_PAIRS = 20_000
"""Lag pairs of all resamples that are computed side by side."""
POWER = 0.8
"""Chance with which a change of the size `detectable` would be found, were the estimated difference not shrunk."""


class Running(NamedTuple):
    """The answer so far: draws made, draws wanted, the p-value and its 95 % interval (Clopper, Pearson 1934)."""

    made: int
    wanted: int
    p_value: float
    low: float
    high: float


Progress = Callable[[Running], None]


class Null(Protocol):
    """Where nothing changes."""

    name: str

    def scores(self, count: int, rng: np.random.Generator) -> Tensor:
        """Draw the scores of all coefficients `count` times, shape (count, K p K)."""


@dataclass(frozen=True, eq=False)
class Draws:
    """What R draws from a null leave behind.

    Attributes
    ----------
    largest : array, shape (R,)
        The statistic: the largest score.
    reached : array, shape (K p K,)
        For each coefficient, draws in which the largest score among it and all coefficients with a lower observed score
        is as large as its observed one.
    above : array, shape (K p K,)
        For each coefficient, how many of all scores of a draw are as large as its observed one, on average.
    """

    largest: Array
    reached: NDArray[np.int64]
    above: Array

    def p_value(self, statistic: float) -> float:
        """Chance of a statistic as large; the same deal may come again, to rounding."""
        return float((1 + (self.largest >= statistic * (1 - 1e-9)).sum()) / (1 + len(self.largest)))

    def critical(self, level: float) -> float:
        """Statistic that p <= `level` takes; infinite when there are too few draws."""
        allowed = int(level * (len(self.largest) + 1))
        return float(np.sort(self.largest)[-allowed]) if allowed else np.inf


def draw(
    nulls: Sequence[Null],
    observed: Difference,
    pairs: int,
    resamples: int,
    seed: int,
    stop: Event | None = None,
    progress: Progress | None = None,
) -> list[Draws]:
    """Draw from each null, in turns; all have as many draws when stopped, and each its own stream of random numbers."""
    streams = np.random.default_rng(seed).spawn(len(nulls))
    size = max(1, BATCH_PAIRS // pairs)
    scores = observed.score[0].flatten()
    statistic, made = float(scores.max()), 0
    counts, above = ([torch.zeros(len(scores), dtype=torch.int64) for _ in nulls] for _ in range(2))
    largest = [[scores[:0]] for _ in nulls]
    for first in range(0, resamples, size):
        if stop is not None and stop.is_set():
            break
        count = min(size, resamples - first)
        for i, null in enumerate(nulls):
            drawn = null.scores(count, streams[i])
            counts[i] += reached(drawn, scores)
            above[i] += drawn.numel() - torch.searchsorted(drawn.flatten().sort().values, scores * (1 - 1e-9))
            largest[i].append(drawn.amax(1))
        made += count
        if progress is not None:
            progress(_running([torch.cat(values).numpy() for values in largest], statistic, resamples))
    return [
        Draws(torch.cat(values).numpy(), n.numpy(), (1 + total.numpy()) / (1 + made))
        for values, n, total in zip(largest, counts, above, strict=True)
    ]


def _running(largest: list[Array], statistic: float, wanted: int) -> Running:
    """Say what the draws so far give."""
    made = len(largest[0])
    count = max(int((values >= statistic * (1 - 1e-9)).sum()) for values in largest)
    low = betaincinv(count, made - count + 1, 0.025) if count else 0.0
    high = betaincinv(count + 1, made - count, 0.975) if count < made else 1.0
    return Running(made, wanted, (1 + count) / (1 + made), float(low), float(high))


def reached(null: Tensor, observed: Tensor) -> Tensor:
    """Count for each of M scores the rows of `null` (R, M) whose largest value among it and lower ones is as large.

    The counts of step-down max-T (Westfall, Young 1993).
    """
    descending = observed.argsort(descending=True, stable=True)
    of_rest = null[:, descending].flip(1).cummax(1).values.flip(1)
    counts = torch.zeros_like(descending)
    counts[descending] = (of_rest >= observed[descending] * (1 - 1e-9)).sum(0)  # the same deal may come again
    return counts


def edge_table(observed: Difference, draws: Sequence[Draws], order: int, level: float) -> NDArray[Any]:
    """Table of all coefficients, the surest difference first, with simultaneous intervals and adjusted p-values.

    The false discovery rate among the coefficients down to each one is estimated by the number that the null gives
    on average over the number found (Tusher, Tibshirani, Chu 2001; all coefficients taken for equal).
    """
    k = observed.a.shape[1]
    descending = observed.score[0].flatten().argsort(descending=True, stable=True).numpy()
    critical = max(d.critical(level) for d in draws)
    a, b, student, error, bound = (
        x[0].flatten().numpy()[descending]
        for x in (observed.a, observed.b, observed.student, observed.error, observed.bound)
    )
    table = np.zeros(len(descending), dtype=EDGE)
    target, column = np.divmod(descending, k * order)
    table["lag"], table["target"], table["source"] = column // k + 1, target, column % k
    table["a"], table["b"], table["difference"], table["student"] = a, b, a - b, student
    half = critical * bound * error
    table["low"], table["high"] = a - b - half, a - b + half
    p = np.max([(1 + d.reached[descending]) / (1 + len(d.largest)) for d in draws], axis=0)
    table["p_adjusted"] = np.maximum.accumulate(p)
    rate = np.max([d.above[descending] for d in draws], axis=0) / np.arange(1, len(descending) + 1)
    table["q_value"] = np.minimum.accumulate(rate[::-1])[::-1].clip(max=1)
    table["detectable"] = half + ndtri(POWER) * error
    return table
