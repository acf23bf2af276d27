r"""The engine of the comparison: the coefficients of two ranges estimated together, compiled.

For ranges A and B with coefficients :math:`B + D/2` and :math:`B - D/2`, the sum of the squared residuals of each
target, in units of its variance in each range, is minimised with l1 penalties on the common part B and the difference D
by accelerated proximal gradient steps (FISTA; Beck, Teboulle 2009). Variances are estimated again every few steps.
Almost all coefficients are zero all the way, so that a step takes little more than its active ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core._compile import compiled

__all__ = ["Array", "Side", "estimate"]

REFRESH = 10
"""Steps between two estimates of the variances."""

Array = NDArray[np.float64]


class Side(NamedTuple):
    """Moments of one range: Gram matrix (P, P), cross moments (K, P), mean square of each target (K,).

    And about the largest eigenvalue of the Gram matrix, and the share of the lag pairs that are of this range.
    """

    gram: Array
    cross: Array
    square: Array
    largest: float
    share: float


@compiled
def product(x: Array, gram: Array, out: Array) -> None:
    """Multiply sparse rows x (K, P) by a symmetric matrix (P, P), four nonzeros at a time."""
    p = x.shape[1]
    index = np.empty(p, np.int64)
    for i in range(len(x)):
        m = 0
        for j in range(p):
            if x[i, j] != 0:
                index[m] = j
                m += 1
        row, whole = out[i], m - m % 4
        row[:] = 0
        for n in range(0, whole, 4):
            a, b, c, d = index[n : n + 4]
            xa, xb, xc, xd = x[i, a], x[i, b], x[i, c], x[i, d]
            ga, gb, gc, gd = gram[a], gram[b], gram[c], gram[d]
            for j in range(p):
                row[j] += xa * ga[j] + xb * gb[j] + xc * gc[j] + xd * gd[j]
        for n in range(whole, m):
            x_one, g_one = x[i, index[n]], gram[index[n]]
            for j in range(p):
                row[j] += x_one * g_one[j]


@compiled
def residual_variance(side: Side, x: Array, explained: Array, variance: Array) -> None:
    """Mean squared residuals of each target (K,) under coefficients x, which `explained` multiplies by the Gram."""
    for i in range(len(x)):
        left = side.square[i]
        for j in range(x.shape[1]):
            left -= x[i, j] * (2 * side.cross[i, j] - explained[i, j])
        variance[i] = max(left, 1e-12)


@compiled
def estimate(
    a: Side, b: Side, common: Array, variance_a: Array, variance_b: Array, levels: tuple[float, float], iterations: int
) -> tuple[Array, Array, Array, Array]:
    """Estimate the common part (K, P), the difference (K, P) and the residual variances in A and B (K,).

    Begins at `common` and the given variances; `levels` are the penalties of the common part, own lags being free, and
    of the difference, for predictors and targets of variance 1.
    """
    k, p = a.cross.shape
    common, delta = common.copy(), np.zeros((k, p))
    variance_a, variance_b = variance_a.copy(), variance_b.copy()
    ahead, ahead_delta, t = common.copy(), delta.copy(), 1.0  # where the next step begins
    in_a, in_b, product_a, product_b = np.empty((k, p)), np.empty((k, p)), np.empty((k, p)), np.empty((k, p))
    shrink, shrink_delta, step = np.empty((k, p)), np.empty((k, p)), np.empty(k)
    for iteration in range(iterations):
        if iteration % REFRESH == 0:
            if iteration and iteration <= iterations - REFRESH:
                in_a[:], in_b[:] = common + delta / 2, common - delta / 2
                product(in_a, a.gram, product_a)
                product(in_b, b.gram, product_b)
                residual_variance(a, in_a, product_a, variance_a)
                residual_variance(b, in_b, product_b, variance_b)
            for i in range(k):
                weight_a, weight_b = a.share / variance_a[i], b.share / variance_b[i]
                step[i] = 1 / (2 * (weight_a * a.largest + weight_b * b.largest))
                for j in range(p):
                    of_a, of_b = weight_a * a.gram[j, j], weight_b * b.gram[j, j]
                    shrink[i, j] = step[i] * levels[0] * math.sqrt(of_a + of_b)
                    shrink_delta[i, j] = 4 * step[i] * levels[1] * math.sqrt(of_a * of_b / (of_a + of_b))
                for j in range(i, p, k):
                    shrink[i, j] = 0
        in_a[:], in_b[:] = ahead + ahead_delta / 2, ahead - ahead_delta / 2
        product(in_a, a.gram, product_a)
        product(in_b, b.gram, product_b)
        t_next = (1 + math.sqrt(1 + 4 * t * t)) / 2
        momentum, t = (t - 1) / t_next, t_next
        for i in range(k):
            factor_a, factor_b = step[i] * a.share / variance_a[i], step[i] * b.share / variance_b[i]
            for j in range(p):
                down_a = factor_a * (product_a[i, j] - a.cross[i, j])
                down_b = factor_b * (product_b[i, j] - b.cross[i, j])
                x = ahead[i, j] - down_a - down_b
                x -= min(max(x, -shrink[i, j]), shrink[i, j])
                d = ahead_delta[i, j] - 2 * (down_a - down_b)  # D enters by halves: its steps are four times as long
                d -= min(max(d, -shrink_delta[i, j]), shrink_delta[i, j])
                ahead[i, j] = x + momentum * (x - common[i, j])
                ahead_delta[i, j] = d + momentum * (d - delta[i, j])
                common[i, j], delta[i, j] = x, d
    return common, delta, variance_a, variance_b
