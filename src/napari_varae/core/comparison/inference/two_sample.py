r"""A studentised difference between the VAR coefficients of two samples of latents, for many resamples at once.

The coefficients of both ranges are estimated together, :math:`A^{(A)} = B + D/2`, :math:`A^{(B)} = B - D/2`, with an
l1 penalty on the common part B (own lags are free) and on the difference D, and the common part again without a penalty
on the coefficients found. Each range is then freed of the bias that is left by a one-step correction with a
ridge-regularised inverse of its own Gram matrix (van de Geer et al. 2014; Javanmard, Montanari 2014), and the
difference of the corrected coefficients is divided by its heteroscedasticity-robust standard error. Intercepts and
innovation covariances are free in each range.

Coefficients that the common part contains, and own lags, are few and the likeliest to change; all others are many. Each
of the two families gets half of the error budget: a studentised difference counts in units of the size that chance
reaches in its family. The common part and the difference are asymptotically independent, and resamples choose their
families anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from napari_varae.core.comparison.inference.joint import Array, Side, estimate, refit

__all__ = ["Difference", "Sample", "difference", "relaxed"]

RIDGE = 3.0
"""Ridge of the correction, times p K / n: the noise of a correlation matrix. It vanishes as ranges get longer."""
SPARING = 0.5
"""Penalty of the difference as a share of the universal one, which lets no chance difference pass."""
CONSTANT = 1e-12
"""Mean square up to which latents of deviation 1 do not vary, as one that is silent on one side of a deal."""
BUDGET = 0.05
"""Level at which the bounds of the two families are balanced; the null distribution holds at any level."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Lag pairs of one range, R resamples side by side: predictors (R, n, p K) and targets (R, n, K), both centred."""

    x: Tensor
    y: Tensor

    @classmethod
    def of(cls, segments: list[Tensor], order: int) -> Sample:
        """Collect the lag pairs of segments (R, T_s, K) or (T_s, K), none across a break."""
        segments = [z if z.ndim == 3 else z[None] for z in segments]
        past = [torch.cat([z[:, order - k : z.shape[1] - k] for k in range(1, order + 1)], -1) for z in segments]
        return cls.centred(torch.cat(past, 1), torch.cat([z[:, order:] for z in segments], 1))

    @classmethod
    def centred(cls, x: Tensor, y: Tensor) -> Sample:
        """Take away the means, and with them the intercepts."""
        return cls(x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True))

    @property
    def count(self) -> int:
        """Number of lag pairs n."""
        return self.x.shape[1]

    @cached_property
    def gram(self) -> Tensor:
        """Mean of x x', shape (R, p K, p K)."""
        return self.x.mT @ self.x / self.count

    @cached_property
    def cross(self) -> Tensor:
        """Mean of y x', shape (R, K, p K)."""
        return self.y.mT @ self.x / self.count

    @cached_property
    def square(self) -> Tensor:
        """Mean square of each target, shape (R, K)."""
        return self.y.square().mean(1)

    @cached_property
    def spread(self) -> Tensor:
        """Mean square of each predictor, shape (R, p K)."""
        return self.gram.diagonal(dim1=-2, dim2=-1)

    @cached_property
    def varies(self) -> Tensor:
        """Whether target and predictor of each coefficient vary, shape (R, K, p K)."""
        return (self.square > CONSTANT)[..., :, None] & (self.spread > CONSTANT)[..., None, :]

    def sides(self, share: float) -> Iterator[Side]:
        """Moments of each resample, when this is such a share of all lag pairs."""
        for gram, cross, square in zip(self.gram, self.cross, self.square, strict=True):
            yield Side(gram.numpy(), cross.numpy(), square.numpy(), share)

    def residual_variance(self, coefficients: Tensor) -> Tensor:
        """Mean squared residual of each target, shape (R, K)."""
        explained = 2 * coefficients * self.cross - coefficients * (coefficients @ self.gram)
        return (self.square - explained.sum(-1)).clamp_min(1e-12)


@dataclass(frozen=True, eq=False)
class Difference:
    """Corrected coefficients of A and B, standard errors of their difference, and the common part, (R, K, p K) each.

    And which are known: predictor and target vary in both ranges.
    """

    a: Tensor
    b: Tensor
    error: Tensor
    common: Tensor
    known: Tensor
    variances: tuple[Tensor, Tensor]

    @cached_property
    def student(self) -> Tensor:
        """The studentised difference, shape (R, K, p K)."""
        return (self.a - self.b) / self.error

    @cached_property
    def bound(self) -> Tensor:
        """Size that chance reaches among the coefficients of the same family, shape (R, K, p K)."""
        likely = (self.common != 0) | ~_penalised(self.common).bool()
        few = likely.sum((1, 2), keepdim=True)
        return torch.where(likely, _bound(few), _bound(likely[0].numel() - few))

    @cached_property
    def score(self) -> Tensor:
        """Absolute studentised difference in units of its family's bound, shape (R, K, p K); 0 where it is unknown."""
        return torch.where(self.known, self.student.abs() / self.bound, 0.0)


def _bound(members: Tensor) -> Tensor:
    """Size that the largest of so many absolute normal deviates exceeds with half the budget, at most (Bonferroni)."""
    bound: Tensor = torch.special.ndtri(1 - BUDGET / (4 * members.clamp_min(1).double()))
    return bound


def _penalised(coefficients: Tensor) -> Tensor:
    """1 where a coefficient (..., K, p K) is penalised, 0 for own lags; shape (K, p K)."""
    k, p = coefficients.shape[-2:]
    return 1 - torch.eye(k, dtype=coefficients.dtype).repeat(1, p // k)


def difference(a: Sample, b: Sample, start: tuple[Tensor, tuple[Tensor, Tensor]] | None = None) -> Difference:
    """Estimate the difference between two samples; `start` (coefficients and variances) saves time."""
    common, delta, refitted, variances = _estimate(a, b, start)
    ca, va = _corrected(a, refitted + delta / 2)
    cb, vb = _corrected(b, refitted - delta / 2)
    return Difference(ca, cb, (va + vb).sqrt(), common, a.varies & b.varies, variances)


def _estimate(
    a: Sample, b: Sample, start: tuple[Tensor, tuple[Tensor, Tensor]] | None
) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Estimate the common part, the difference, the common part freed of its penalty, and the residual variances.

    Shapes (R, K, p K), and (R, K) for the variances in A and in B.
    """
    r, k, p = a.cross.shape
    n = a.count + b.count
    if start is None:
        start = torch.zeros(k, p, dtype=torch.float64), (a.square.clamp_min(1e-12), b.square.clamp_min(1e-12))
    first = start[0].expand(r, k, p), start[1][0].expand(r, k), start[1][1].expand(r, k)
    levels = math.sqrt(2 * math.log(p) / n), SPARING * math.sqrt(2 * math.log(p * k) / n)
    jobs = zip(a.sides(a.count / n), b.sides(b.count / n), *(part.numpy() for part in first), strict=True)

    def one(job: tuple[Side, Side, Array, Array, Array]) -> tuple[Array, ...]:
        common, delta, in_a, in_b = estimate(*job, levels)
        return common, delta, refit(*job[:2], common, delta, in_a, in_b), in_a, in_b

    if min(r, torch.get_num_threads()) == 1:
        found = [one(job) for job in jobs]
    else:
        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            found = list(threads.map(one, jobs))
    common, delta, refitted, in_a, in_b = (torch.from_numpy(np.stack(part)) for part in zip(*found, strict=True))
    return common, delta, refitted, (in_a, in_b)


def _corrected(sample: Sample, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients after a one-step correction of the penalty's bias, and their variances, (R, K, p K) each."""
    size = sample.spread.sqrt().clamp_min(1e-12)
    scale = size[..., :, None] * size[..., None, :]
    p = sample.gram.shape[-1]
    ridge = RIDGE * p / sample.count * torch.eye(p, dtype=scale.dtype)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(sample.gram / scale + ridge)) / scale
    weights = inverse / (inverse @ sample.gram).diagonal(dim1=-2, dim2=-1)[..., None]
    corrected = coefficients + (sample.cross - coefficients @ sample.gram) @ weights.mT
    residuals = sample.y - sample.x @ coefficients.mT
    directions = sample.x @ weights.mT
    return corrected, residuals.square().mT @ directions.square() / sample.count**2


def relaxed(a: Sample, b: Sample, observed: Difference) -> Tensor:
    """Estimate the common coefficients (K, p K) by weighted least squares on their support, if nothing differs."""
    share = a.count / (a.count + b.count)
    (side_a,), (side_b,), common = a.sides(share), b.sides(1 - share), observed.common[0].numpy()
    variances = (variance[0].numpy() for variance in observed.variances)
    return torch.from_numpy(refit(side_a, side_b, common, np.zeros_like(common), *variances))
