"""The null distribution of a comparison: series drawn from the common model of both ranges.

Each frame's own residuals are multiplied by a random sign for all latents at once (wild bootstrap; Liu 1988, Mammen
1993). That keeps their correlation across latents and their changing variance. Everything that looked at the data is
repeated on each series.
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

__all__ = ["EDGE", "CommonModel", "Draws", "Progress", "edge_table", "effect_size"]

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

EDGE = np.dtype(
    [
        ("lag", int), ("target", int), ("source", int), ("a", float), ("b", float), ("difference", float),
        ("student", float), ("p_adjusted", float),
    ]
)  # fmt: skip
"""One row of the table of coefficients."""

LARGEST_RADIUS = 0.995
"""Spectral radius to which an unstable common model is drawn back: a series that explodes has no null."""

_BATCH_PAIRS = 20_000
"""Lag pairs of all resamples that are computed side by side."""


@dataclass
class Draws:
    """Resamples: absolute studentised differences and plain differences, (R, K p K) each."""

    student: Array
    difference: Array


class CommonModel:
    """The common model of both ranges, and series drawn from it."""

    def __init__(
        self, series: list[list[Tensor]], samples: tuple[Sample, Sample], observed: Difference, order: int
    ) -> None:
        self.order, self.series = order, series
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

    def draw(self, resamples: int, rng: np.random.Generator, stop: Event | None, progress: Progress | None) -> Draws:
        """Draw series and compute the whole statistic on each."""
        pairs = sum(len(e) for side in self.residuals for e in side)
        size = max(1, _BATCH_PAIRS // pairs)
        student, plain = [], []
        for first in range(0, resamples, size):
            if stop is not None and stop.is_set():
                break
            count = min(size, resamples - first)
            a, b = (Sample.of(self._series(side, count, rng), self.order) for side in (0, 1))
            found = difference(a, b, (self.coefficients, self.variances))
            student.append(found.student.abs().flatten(1).numpy())
            plain.append((found.a - found.b).flatten(1).numpy())
            if progress is not None:
                progress(first + count, resamples)
        empty = np.empty((0, self.coefficients.numel()))
        return Draws(np.concatenate([*student, empty]), np.concatenate([*plain, empty]))

    def _series(self, side: int, count: int, rng: np.random.Generator) -> list[Tensor]:
        p, drawn = self.order, []
        for z, residual in zip(self.series[side], self.residuals[side], strict=True):
            signs = torch.from_numpy(rng.choice([-1.0, 1.0], (count, len(residual))))
            series = z.new_empty(count, z.shape[1], z.shape[2])
            series[:, :p] = z[:, :p]
            for t in range(p, z.shape[1]):
                past = torch.cat([series[:, t - k] for k in range(1, p + 1)], -1)
                series[:, t] = past @ self.coefficients.T + signs[:, t - p, None] * residual[t - p]
            drawn.append(series)
        return drawn


def _radius(coefficients: Array, order: int) -> float:
    k = len(coefficients)
    companion = np.vstack([coefficients, np.eye(k * (order - 1), k * order)])
    return float(np.abs(np.linalg.eigvals(companion)).max())


def edge_table(observed: Difference, null: Array, order: int) -> NDArray[Any]:
    """Table of all coefficients with p-values adjusted by step-down max-T."""
    k = observed.a.shape[1]
    student = observed.student[0].abs().flatten().numpy()
    descending = np.argsort(-student, kind="stable")
    largest_of_rest = np.maximum.accumulate(null[:, descending[::-1]], axis=1)[:, ::-1]
    p = (1 + (largest_of_rest >= student[descending]).sum(0)) / (len(null) + 1)
    target, column = np.divmod(descending, k * order)
    table = np.zeros(len(descending), dtype=EDGE)
    a, b = observed.a[0].flatten().numpy()[descending], observed.b[0].flatten().numpy()[descending]
    table["lag"], table["target"], table["source"] = column // k + 1, target, column % k
    table["a"], table["b"], table["difference"] = a, b, a - b
    table["student"] = observed.student[0].flatten().numpy()[descending]
    table["p_adjusted"] = np.maximum.accumulate(p)
    return table


def effect_size(values: Array, null: Array, level: float) -> tuple[float, tuple[float, float]]:
    """Noise-corrected size of the difference per target, and its basic bootstrap interval."""
    targets = len(values)
    noise = np.square(null).sum(1)
    squared = float(np.square(values).sum() - noise.mean())
    size = max(squared, 0.0)
    likely = values.ravel() * np.sqrt(size / max(np.square(values).sum(), 1e-300))
    spread = size + 2 * null @ likely + noise - noise.mean()
    low, high = 2 * squared - np.quantile(spread, [1 - level / 2, level / 2])
    root = [float(np.sqrt(max(x, 0.0) / targets)) for x in (size, low, high)]
    return root[0], (min(root[1], root[0]), max(root[2], root[0]))
