r"""The engine of the comparison: the coefficients of two ranges estimated together, compiled.

For ranges A and B with coefficients :math:`B + D/2` and :math:`B - D/2`, the sum of the squared residuals of each
target, in units of its variance in each range, is minimised with l1 penalties on the common part B and the difference D
by coordinate descent on the predictors in use (Friedman, Hastie, Tibshirani 2010), in turns with the variances (scaled
lasso; Sun, Zhang 2012). The common part is then estimated without its penalty on the predictors found (Belloni,
Chernozhukov 2013): what a link loses to the penalty would be taken for own past, and more of it where the sources are
stronger.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.compute.compiled import compiled

__all__ = ["Array", "Side", "estimate", "refit"]

ROUNDS = 50
"""Estimates of the variances, at most."""
SETTLED = 1e-4
"""Relative change of the variances after which they stay."""
SWEEPS = 2000
"""Sweeps over the predictors in use, at most."""
TOLERANCE = 1e-5
"""Largest step of the last sweep, in standard deviations of the residuals that a predictor then explains."""

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


class Side(NamedTuple):
    """Moments of one range: Gram matrix (P, P), cross moments (K, P), mean square of each target (K,).

    These without measurement noise, the noise variance of each predictor (P,), and the share of the lag pairs that are
    of this range.
    """

    gram: Array
    cross: Array
    square: Array
    noise: Array
    share: float


class Target(NamedTuple):
    """The problem of one target: which one it is, and the weights of its squares in A and in B.

    And for each predictor (P,) the curvature, and the penalties of the common part and of the difference; which
    predictors are its own lags, and the inverse of their curvatures: without a penalty, the lags of a smooth latent
    are too alike for one step after the other.
    """

    of: int
    weight_a: float
    weight_b: float
    curvature: Array
    penalty: Array
    penalty_delta: Array
    own: Indices
    inverse: Array


@compiled
def estimate(
    a: Side, b: Side, common: Array, variance_a: Array, variance_b: Array, levels: tuple[float, float]
) -> tuple[Array, Array, Array, Array, int]:
    """Estimate the common part (K, P), the difference (K, P) and the residual variances in A and B (K,).

    Begins at `common` and the given variances; `levels` are the penalties of the common part, own lags being free, and
    of the difference, for predictors and targets of variance 1. Penalties are still on what is returned. Returned last
    is the number of targets whose estimate had not converged when it was stopped.
    """
    k, p = a.cross.shape
    common, delta = common.copy(), np.zeros((k, p))
    variance_a, variance_b = variance_a.copy(), variance_b.copy()
    penalty, penalty_delta, curvature = np.empty(p), np.empty(p), np.empty(p)
    down_a, down_b = np.empty(p), np.empty(p)
    unsettled = 0
    for i in range(k):
        own = np.arange(i, p, k)
        slope(a, i, common[i] + delta[i] / 2, down_a)
        slope(b, i, common[i] - delta[i] / 2, down_b)
        steady = converged = False
        for _ in range(ROUNDS):
            weight_a, weight_b = a.share / variance_a[i], b.share / variance_b[i]
            for j in range(p):
                of_a, of_b = weight_a * a.gram[j, j], weight_b * b.gram[j, j]
                curvature[j] = of_a + of_b
                penalty[j] = 0 if j % k == i else levels[0] * math.sqrt(of_a + of_b)
                penalty_delta[j] = levels[1] * math.sqrt(of_a * of_b / max(of_a + of_b, 1e-300))
            inverse = np.linalg.inv(weighted(a, b, weight_a, weight_b, own))
            target = Target(i, weight_a, weight_b, curvature, penalty, penalty_delta, own, inverse)
            converged = descend(a, b, target, common[i], delta[i], down_a, down_b)
            before_a, before_b = variance_a[i], variance_b[i]
            variance_a[i] = residual_variance(a, i, common[i] + delta[i] / 2, down_a)
            variance_b[i] = residual_variance(b, i, common[i] - delta[i] / 2, down_b)
            steady = max(abs(variance_a[i] / before_a - 1), abs(variance_b[i] / before_b - 1)) < SETTLED
            if steady:
                break
        unsettled += not (steady and converged)
    return common, delta, variance_a, variance_b, unsettled


@compiled
def descend(a: Side, b: Side, target: Target, x: Array, d: Array, down_a: Array, down_b: Array) -> bool:
    """Minimise over the common part x (P,) and the difference d (P,) of a target, in place, with the slopes in A and B.

    Only predictors in use are swept over; others join when their slope exceeds their penalty. Returned is whether the
    last sweeps converged.
    """
    inside = (x != 0) | (d != 0) | (target.penalty == 0)
    grown, converged = True, False
    while grown:
        converged = settle(a.gram, b.gram, target, np.flatnonzero(inside), x, d, down_a, down_b)
        slope(a, target.of, x + d / 2, down_a)
        slope(b, target.of, x - d / 2, down_b)
        grown = False
        for j in range(len(x)):
            in_a, in_b = target.weight_a * down_a[j], target.weight_b * down_b[j]
            steep = abs(in_a + in_b) > target.penalty[j] or abs(in_a - in_b) > 2 * target.penalty_delta[j]
            if steep and not inside[j]:
                inside[j] = grown = True
    return converged


@compiled
def settle(
    gram_a: Array,
    gram_b: Array,
    target: Target,
    used: Indices,
    x: Array,
    d: Array,
    down_a: Array,
    down_b: Array,
) -> bool:
    """Minimise over own past, then one predictor in use after the other, until none moves; their slopes follow.

    Returned is whether that happened within :data:`SWEEPS`.
    """
    for _ in range(SWEEPS):
        largest = 0.0
        own_slope = target.weight_a * down_a[target.own] + target.weight_b * down_b[target.own]
        for n, j in enumerate(target.own):
            step = 0.0
            for m in range(len(own_slope)):
                step -= target.inverse[n, m] * own_slope[m]
            x[j] += step
            for other in used:
                down_a[other] += step * gram_a[j, other]
                down_b[other] += step * gram_b[j, other]
            largest = max(largest, math.sqrt(target.curvature[j]) * abs(step))
        for j in used:
            h = target.curvature[j]
            if h <= 0:  # does not vary
                continue
            in_a, in_b = target.weight_a * down_a[j], target.weight_b * down_b[j]
            step = 0.0 if target.penalty[j] == 0 else shrunk(h * x[j] - in_a - in_b, target.penalty[j]) / h - x[j]
            if step != 0:
                x[j] += step
                for other in used:
                    down_a[other] += step * gram_a[j, other]
                    down_b[other] += step * gram_b[j, other]
                in_a, in_b = target.weight_a * down_a[j], target.weight_b * down_b[j]
            half = 2 * shrunk(h / 4 * d[j] - (in_a - in_b) / 2, target.penalty_delta[j]) / h - d[j] / 2
            if half != 0:
                d[j] += 2 * half
                for other in used:
                    down_a[other] += half * gram_a[j, other]
                    down_b[other] -= half * gram_b[j, other]
            largest = max(largest, math.sqrt(h) * (abs(step) + abs(half)))
        if largest < TOLERANCE:
            return True
    return False


@compiled
def shrunk(value: float, penalty: float) -> float:
    """Soft threshold."""
    return value - min(max(value, -penalty), penalty)


@compiled
def slope(side: Side, i: int, x: Array, out: Array) -> None:
    """Half the gradient (P,) of the mean squared residual of target i, of which few predictors are in use."""
    out[:] = -side.cross[i]
    for n in range(len(x)):
        if x[n] != 0:
            for j in range(len(x)):
                out[j] += x[n] * side.gram[n, j]


@compiled
def residual_variance(side: Side, i: int, x: Array, down: Array) -> float:
    """Mean squared residual of target i, as it is observed, where the slope is `down`.

    The noise of a target and that of its predictors are part of it: they decide how much an estimate scatters.
    """
    left: float = side.square[i]
    for j in range(len(x)):
        left += x[j] * (down[j] - side.cross[i, j])
    left = max(left, 1e-12) + side.noise[i]
    for j in range(len(x)):
        left += x[j] * x[j] * side.noise[j]
    return left


@compiled
def refit(a: Side, b: Side, common: Array, delta: Array, variance_a: Array, variance_b: Array) -> Array:
    """Estimate the common part (K, P) without a penalty on the predictors that it uses, for a given difference."""
    k, p = common.shape
    found = np.zeros((k, p))
    down_a, down_b = np.empty(p), np.empty(p)
    for i in range(k):
        used = np.flatnonzero(common[i])
        if not len(used):
            continue
        weight_a, weight_b = a.share / variance_a[i], b.share / variance_b[i]
        slope(a, i, delta[i] / 2, down_a)
        slope(b, i, -delta[i] / 2, down_b)
        target = -weight_a * down_a[used] - weight_b * down_b[used]
        found[i, used] = np.linalg.solve(weighted(a, b, weight_a, weight_b, used), target)
    return found


@compiled
def weighted(a: Side, b: Side, weight_a: float, weight_b: float, used: Indices) -> Array:
    """Sum of both Gram matrices of some predictors, with a ridge that only keeps it regular."""
    m = len(used)
    gram, trace = np.empty((m, m)), 0.0
    for row in range(m):
        for column in range(m):
            i, j = used[row], used[column]
            gram[row, column] = weight_a * a.gram[i, j] + weight_b * b.gram[i, j]
        trace += gram[row, row]
    for row in range(m):
        gram[row, row] += 1e-9 * trace / m + 1e-300
    return gram
