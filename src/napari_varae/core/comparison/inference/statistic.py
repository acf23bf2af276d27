r"""A studentised difference between the VAR coefficients of two samples of latents.

The coefficients of both ranges are estimated together, :math:`A^{(A)} = B + D/2`, :math:`A^{(B)} = B - D/2`, with an
l1 penalty on the common part B (own lags are free) and on the difference D, and the common part again without a penalty
on the coefficients found. Each range is then freed of the bias that is left by a one-step correction with a
ridge-regularised inverse of its own Gram matrix (van de Geer et al. 2014; Javanmard, Montanari 2014), and the
difference of the corrected coefficients is divided by its heteroscedasticity-robust standard error. Intercepts and
innovation covariances are free in each range.

Coefficients that the common part contains, and own lags, are few and the likeliest to change; all others are many. Each
of the two families gets half of the error budget: a studentised difference counts in units of the size that chance
reaches in its family. The common part and the difference are asymptotically independent, and each resample chooses its
families again.

Three questions are put to the same estimate: whether any coefficient differs, whether links do (coupling), and whether
own past does (persistence). For coupling, the two families are the links in the common part and all others; own past is
one family.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.special import ndtri

from napari_varae.core.comparison.inference.joint import estimate, refit
from napari_varae.core.comparison.inference.lag_pairs import Array, Sample
from napari_varae.core.comparison.inference.score_variance import score_variance, unexplained

__all__ = ["QUESTIONS", "Difference", "Start", "difference", "own_past", "pooled", "relaxed"]

QUESTIONS = ("any", "coupling", "persistence")
"""Whether any coefficient differs, any link, or any latent's own past."""

RIDGE = 3.0
"""Ridge of the correction, times p K / n: the noise of a correlation matrix. It vanishes as ranges get longer."""
SPARING = 0.5
"""Penalty of the difference as a share of the universal one, which lets no chance difference pass."""
BUDGET = 0.05
"""Level at which the bounds of the two families are balanced; the null distribution holds at any level."""

Start = tuple[Array, tuple[Array, Array]]
"""Coefficients (K, p K), and variances (K,) in A and B, at which an estimate begins."""


@dataclass(frozen=True, eq=False)
class Difference:
    """What two samples give for each coefficient, shape (K, p K) unless noted.

    Attributes
    ----------
    a, b : array
        Coefficients of A and B, corrected for the bias of the penalty.
    error : array
        Standard error of their difference.
    common : array
        Their common part, with its penalty.
    known : array of bool
        Whether predictor and target vary in both ranges.
    variances : (array, array), shape (K,)
        Residual variances in A and B.
    unsettled : int
        Targets for which the coordinate descent did not converge.
    penalised : (array, array)
        Coefficients of A and B before that correction: sparse, and their difference with its penalty.
    """

    a: Array
    b: Array
    error: Array
    common: Array
    known: NDArray[np.bool_]
    variances: tuple[Array, Array]
    unsettled: int
    penalised: tuple[Array, Array]

    @cached_property
    def student(self) -> Array:
        """The studentised difference."""
        return (self.a - self.b) / self.error

    @cached_property
    def bound(self) -> Array:
        """Size that chance reaches among the coefficients of the same family."""
        likely = (self.common != 0) | own_past(*self.common.shape)
        few = int(likely.sum())
        return np.where(likely, _bound(few), _bound(likely.size - few))

    @cached_property
    def bound_apart(self) -> Array:
        """The same when coupling and persistence are asked about apart."""
        own = own_past(*self.common.shape)
        common = (self.common != 0) & ~own
        few = int(common.sum())
        of_links = np.where(common, _bound(few), _bound(int((~own).sum()) - few))
        return np.where(own, _bound(int(own.sum())), of_links)

    @cached_property
    def score(self) -> Array:
        """Absolute studentised difference in units of its family's bound; 0 where it is unknown."""
        return self._in_units_of(self.bound)

    @cached_property
    def scores(self) -> dict[str, Array]:
        """Scores (M,) of the coefficients that each of the :data:`QUESTIONS` is about."""
        own, apart = own_past(*self.common.shape), self._in_units_of(self.bound_apart)
        return {"any": self.score.ravel(), "coupling": apart[~own], "persistence": apart[own]}

    def _in_units_of(self, bound: Array) -> Array:
        return np.where(self.known, np.abs(self.student) / bound, 0.0)


def own_past(latents: int, predictors: int) -> NDArray[np.bool_]:
    """Mask (K, p K) of the coefficients of each latent's own past; all others are links."""
    return np.tile(np.eye(latents, dtype=bool), predictors // latents)


def _bound(members: int) -> float:
    """Size that the largest of so many absolute normal deviates exceeds with half the budget, at most (Bonferroni)."""
    return float(ndtri(1 - BUDGET / (4 * max(members, 1))))


def difference(a: Sample, b: Sample, start: Start | None = None) -> Difference:
    """Estimate the difference between two samples; `start` saves time."""
    k, p = a.cross.shape
    n = a.count + b.count
    if start is None:
        start = np.zeros((k, p)), (a.square.clip(min=1e-12), b.square.clip(min=1e-12))
    levels = math.sqrt(2 * math.log(p) / n), SPARING * math.sqrt(2 * math.log(p * k) / n)
    sides = a.side(a.count / n), b.side(b.count / n)
    common, delta, in_a, in_b, unsettled = estimate(*sides, start[0], *start[1], levels)
    refitted = refit(*sides, common, delta, in_a, in_b)
    penalised = refitted + delta / 2, refitted - delta / 2
    (ca, va), (cb, vb) = (_corrected(*side) for side in zip((a, b), penalised, strict=True))
    known = a.varies & b.varies
    return Difference(ca, cb, np.sqrt(va + vb), common, known, (in_a, in_b), int(unsettled), penalised)


def pooled(sample: Sample) -> Start:
    """Estimate what all lag pairs have in common: where estimates begin that must not depend on labels."""
    k, p = sample.cross.shape
    square = sample.square.clip(min=1e-12)
    levels = math.sqrt(2 * math.log(p) / sample.count), SPARING * math.sqrt(2 * math.log(p * k) / sample.count)
    side = sample.side(0.5)
    common, _, variance, _, _ = estimate(side, side, np.zeros((k, p)), square, square, levels)
    return common, (variance, variance)


def _corrected(sample: Sample, coefficients: Array) -> tuple[Array, Array]:
    """Coefficients after a one-step correction of the penalty's bias, and their variances, (K, p K) each."""
    size, p = sample.size, len(sample.size)
    correlation = sample.gram / (size[:, None] * size)
    inverse = _inverse(correlation + RIDGE * p / sample.count * np.eye(p))
    weights = inverse / (inverse * correlation).sum(1).clip(min=1e-12)[:, None]  # both are symmetric
    corrected = coefficients + unexplained(sample.cross, sample.gram, coefficients) / size @ weights.T / size
    return corrected, score_variance(sample, coefficients, weights) / np.square(size) / sample.count


def _inverse(matrix: Array) -> Array:
    """Inverse of a symmetric positive definite matrix (n, n), in a third of the time of a general inverse."""
    lower, failed = dpotrf(matrix, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("The correlation of the predictors is not positive definite.")
    half, _ = dpotri(lower, lower=1)
    inverse: Array = half + np.tril(half, -1).T
    return inverse


def relaxed(a: Sample, b: Sample, observed: Difference) -> Array:
    """Estimate the common coefficients (K, p K) by weighted least squares on their support, if nothing differs."""
    share = a.count / (a.count + b.count)
    common = observed.common
    found: Array = refit(a.side(share), b.side(1 - share), common, np.zeros_like(common), *observed.variances)
    return found
