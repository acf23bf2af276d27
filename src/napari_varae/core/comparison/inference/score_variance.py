"""The long-run variance of scores: most of the time of a comparison of many latents, so it is kept cheap.

Residuals are of few predictors and are subtracted one coefficient at a time. Directions and products are in single
precision: the variance is a mean of squares, in which nothing cancels, and differs from one in double precision by a
millionth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.lag_pairs import Array, Sample
from napari_varae.core.compute.compiled import compiled

__all__ = ["score_variance", "unexplained"]

LEAST_SHARE = 0.25
"""Share of their variance that the long-run variance of scores has at least."""
BLOCK = 512
"""Lag pairs whose residuals are in the processor's cache together."""

Single = NDArray[np.float32]
Indices = NDArray[np.int64]


def score_variance(sample: Sample, coefficients: Array, weights: Array) -> Array:
    """Long-run variance (K, p K) of the products of residuals and directions.

    Measurement noise is in the residuals of a frame and of the p frames after it: their products are autocorrelated up
    to lag p, and their mean is not zero (the noise in residual and predictor is the same).

    Parameters
    ----------
    sample : Sample
    coefficients : array, shape (K, p K)
        Of the residuals, of which few are not zero.
    weights : array, shape (p K, p K)
        Directions, of predictors in units of :attr:`Sample.size`; the variance is that in these units.
    """
    n, noise = sample.count, sample.noise_of_pairs
    lags, since = (0, np.zeros(0)) if noise is None else (sample.order, noise.since)
    units = np.sqrt(sample.moments.square).clip(min=1e-12)  # whatever the units, single precision holds the squares
    squares, later, pairs = np.zeros_like(coefficients), np.zeros_like(coefficients), 0
    single, size = weights.astype(np.float32), sample.size.astype(np.float32)[:, None]
    targets, columns = np.nonzero(coefficients)
    values = coefficients[targets, columns] * sample.size[columns]
    for first in range(0, n, BLOCK):
        begin = max(0, first - lags)  # the products with earlier frames
        x = np.array(sample.x[begin : first + BLOCK].T, dtype=np.float32, order="C") / size
        left = np.array(sample.y[begin : first + BLOCK].T, order="C")
        subtract(left, x, targets, columns, values)
        residuals, directions = (left / units[:, None]).astype(np.float32), single @ x
        for lag in range(1, lags + 1):
            skip = max(0, first - begin - lag)
            r, d = residuals[:, skip:], directions[:, skip:]
            unbroken = since[begin + skip + lag : first + BLOCK] >= lag
            later += (r[:, lag:] * r[:, :-lag] * unbroken) @ (d[:, lag:] * d[:, :-lag]).T
            pairs += int(unbroken.sum())
        residuals, directions = residuals[:, first - begin :], directions[:, first - begin :]
        squares += np.square(residuals) @ np.square(directions).T
    if lags:
        moments = sample.moments
        mean = unexplained(moments.cross, moments.gram, coefficients) / sample.size @ weights.T / units[:, None]
        squares -= n * np.square(mean)
        later -= pairs * np.square(mean)
        squares = np.maximum(squares + 2 * later, LEAST_SHARE * squares)
    variance: Array = squares * np.square(units)[:, None] / n
    return variance


def unexplained(cross: Array, gram: Array, coefficients: Array) -> Array:
    """Cross moments (K, p K) of the residuals of coefficients of which few are not zero."""
    left, (targets, columns) = cross.copy(), np.nonzero(coefficients)
    subtract(left, gram, targets, columns, coefficients[targets, columns])
    return left


@compiled
def subtract(left: Array, x: Array | Single, targets: Indices, columns: Indices, values: Array) -> None:
    """Subtract from targets (K, n), in place, predictors (p K, n) times the coefficients that are not zero."""
    for m in range(len(values)):
        target, column, value = targets[m], columns[m], values[m]
        for t in range(left.shape[1]):
            left[target, t] -= value * x[column, t]
