"""The null distribution of a comparison: series drawn from the common model of both ranges.

Each frame's own residuals are multiplied by a random sign for all latents at once (wild bootstrap; Liu 1988, Mammen
1993). That keeps their correlation across latents and their changing variance; where frames depend on each other,
those of a block share their sign (Shao 2010), which keeps that as well. Everything that looked at the data is repeated
on each series, but for the choice of the block length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.two_sample import Difference, Sample, difference, relaxed

__all__ = ["EDGE", "CommonModel", "Draws", "Progress", "edge_table", "reached"]

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

EDGE = np.dtype(
    [
        ("lag", int), ("target", int), ("source", int), ("a", float), ("b", float), ("difference", float),
        ("low", float), ("high", float), ("student", float), ("p_adjusted", float),
    ]
)  # fmt: skip
"""One row of the table of coefficients."""

LARGEST_RADIUS = 0.995
"""Spectral radius to which an unstable common model is drawn back: a series that explodes has no null."""

_BATCH_PAIRS = 20_000
"""Lag pairs of all resamples that are computed side by side."""


@dataclass(frozen=True, eq=False)
class Draws:
    """What R resamples leave behind.

    Attributes
    ----------
    largest : array, shape (R,)
        The statistic: the largest score.
    reached : array, shape (K p K,)
        For each coefficient, resamples in which the largest score among it and all coefficients with a lower observed
        score is as large as its observed one.
    """

    largest: Array
    reached: NDArray[np.int64]


class CommonModel:
    """The common model of both ranges, and series drawn from it."""

    def __init__(
        self, series: list[list[Tensor]], samples: tuple[Sample, Sample], observed: Difference, order: int
    ) -> None:
        self.order, self.series, self.block = order, series, observed.dependence.block
        coefficients = relaxed(*samples, observed.common[0], observed.variances)
        self.radius = _radius(coefficients.numpy(), order)
        if self.radius > LARGEST_RADIUS:  # a series that explodes can be drawn from no model
            for k in range(order):
                block = slice(k * len(coefficients), (k + 1) * len(coefficients))
                coefficients[:, block] *= (LARGEST_RADIUS / self.radius) ** (k + 1)
        self.coefficients = coefficients
        total = sum(sample.count for sample in samples)
        used = (coefficients != 0).sum(1)
        self.residuals: list[list[Tensor]] = []
        for sample, parts in zip(samples, series, strict=True):
            residual = sample.y[0] - sample.x[0] @ coefficients.T
            free = (sample.count - used * sample.count / total - 1).clamp_min(1)
            residual = (residual - residual.mean(0)) * (sample.count / free).sqrt()
            self.residuals.append(list(residual.split([z.shape[1] - order for z in parts])))
        in_a, in_b = (torch.cat(parts).square().mean(0)[None] for parts in self.residuals)
        self.variances = in_a, in_b

    def draw(
        self,
        observed: Difference,
        resamples: int,
        rng: np.random.Generator,
        stop: Event | None = None,
        progress: Progress | None = None,
    ) -> Draws:
        """Draw series and compute the whole statistic on each."""
        size = max(1, _BATCH_PAIRS // sum(len(e) for side in self.residuals for e in side))
        scores = observed.score[0].flatten()
        counts, largest = torch.zeros(len(scores), dtype=torch.int64), [scores[:0]]
        for first in range(0, resamples, size):
            if stop is not None and stop.is_set():
                break
            count = min(size, resamples - first)
            a, b = (Sample.of(self._series(side, count, rng), self.order) for side in (0, 1))
            drawn = difference(a, b, (self.coefficients, self.variances), block=self.block).score.flatten(1)
            counts += reached(drawn, scores)
            largest.append(drawn.amax(1))
            if progress is not None:
                progress(first + count, resamples)
        return Draws(torch.cat(largest).numpy(), counts.numpy())

    def _series(self, side: int, count: int, rng: np.random.Generator) -> list[Tensor]:
        p, drawn = self.order, []
        lengths = [len(residual) for residual in self.residuals[side]]
        signs = torch.from_numpy(rng.choice([-1.0, 1.0], (count, -(-sum(lengths) // self.block))))
        of_parts = signs.repeat_interleave(self.block, 1)[:, : sum(lengths)].split(lengths, 1)
        for z, residual, sign in zip(self.series[side], self.residuals[side], of_parts, strict=True):
            series = z.new_empty(count, z.shape[1], z.shape[2])
            series[:, :p] = z[:, :p]
            for t in range(p, z.shape[1]):
                past = torch.cat([series[:, t - k] for k in range(1, p + 1)], -1)
                series[:, t] = past @ self.coefficients.T + sign[:, t - p, None] * residual[t - p]
            drawn.append(series)
        return drawn


def _radius(coefficients: Array, order: int) -> float:
    k = len(coefficients)
    companion = np.vstack([coefficients, np.eye(k * (order - 1), k * order)])
    return float(np.abs(np.linalg.eigvals(companion)).max())


def reached(null: Tensor, observed: Tensor) -> Tensor:
    """Count for each of M scores the rows of `null` (R, M) whose largest value among it and lower ones is as large.

    The counts of step-down max-T (Westfall, Young 1993).
    """
    descending = observed.argsort(descending=True, stable=True)
    of_rest = null[:, descending].flip(1).cummax(1).values.flip(1)
    counts = torch.zeros_like(descending)
    counts[descending] = (of_rest >= observed[descending]).sum(0)
    return counts


def edge_table(observed: Difference, draws: Draws, order: int, level: float) -> NDArray[Any]:
    """Table of all coefficients, the surest difference first, with simultaneous intervals and adjusted p-values."""
    k, resamples = observed.a.shape[1], len(draws.largest)
    descending = observed.score[0].flatten().argsort(descending=True, stable=True).numpy()
    allowed = int(level * (resamples + 1))  # resamples that may reach a score of p <= level, and the score itself
    critical = np.sort(draws.largest)[-allowed] if allowed else np.inf
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
    table["p_adjusted"] = np.maximum.accumulate((1 + draws.reached[descending]) / (resamples + 1))
    return table
