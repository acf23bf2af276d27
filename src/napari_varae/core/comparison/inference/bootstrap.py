"""The null distribution if the latents are a VAR: series drawn from the common model of both ranges.

Each frame's own residuals are multiplied by a random sign for all latents at once (wild bootstrap; Liu 1988, Mammen
1993). That keeps their correlation across latents, their skewness in size and their changing variance.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_varae.core.comparison.inference.two_sample import Difference, Sample, difference, relaxed
from napari_varae.core.var.stability import spectral_radius

__all__ = ["LARGEST_RADIUS", "CommonModel"]

LARGEST_RADIUS = 0.995
"""Spectral radius to which an unstable common model is drawn back: a series that explodes has no null."""


class CommonModel:
    """The common model of both ranges, and scores of series drawn from it.

    Parameters
    ----------
    series : (list of Tensor, list of Tensor)
        Segments (T_s, K) of latents of A and of B.
    samples : (Sample, Sample)
        Their lag pairs.
    observed : Difference
    order : int
    """

    name = "VAR"

    def __init__(
        self, series: list[list[Tensor]], samples: tuple[Sample, Sample], observed: Difference, order: int
    ) -> None:
        self.order, self.segments = order, series
        coefficients = relaxed(*samples, observed)
        self.radius = spectral_radius(coefficients.numpy())
        if self.radius > LARGEST_RADIUS:
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
            lengths = [len(z) - order for z in parts]
            self.residuals.append([r.clone() for r in residual.split(lengths)])  # a view would be packed with the whole
        in_a, in_b = (torch.cat(parts).square().mean(0)[None] for parts in self.residuals)
        self.variances = in_a, in_b

    def deal(self, count: int, rng: np.random.Generator) -> list[list[Tensor]]:
        """Draw the signs (count, T_s - p) of the residuals of each segment of A and of B, `count` times."""
        coin = np.array([-1, 1], dtype=np.int8)
        return [[torch.from_numpy(rng.choice(coin, (count, len(r)))) for r in side] for side in self.residuals]

    def scores(self, dealt: list[list[Tensor]]) -> Tensor:
        """Scores of all coefficients, shape (count, K p K), of series drawn with these signs."""
        a, b = (Sample.of(self.series(side, dealt[side]), self.order) for side in (0, 1))
        return difference(a, b, (self.coefficients, self.variances)).score.flatten(1)

    def series(self, side: int, dealt: list[Tensor], coefficients: Tensor | None = None) -> list[Tensor]:
        """Draw the segments (count, T_s, K) of A (0) or B (1) with these signs, from given coefficients if any."""
        p, drawn = self.order, []
        step = (self.coefficients if coefficients is None else coefficients).mT
        for z, residual, signs in zip(self.segments[side], self.residuals[side], dealt, strict=True):
            series = z.new_empty(len(signs), *z.shape)
            series[:, :p] = z[:p]
            for t in range(p, len(z)):
                past = torch.cat([series[:, t - k] for k in range(1, p + 1)], -1)
                series[:, t] = (past[:, None] @ step)[:, 0] + signs[:, t - p, None] * residual[t - p]
            drawn.append(series)
        return drawn
