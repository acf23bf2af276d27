"""The null distribution if the latents are a VAR: series drawn from the common model of both ranges.

Each frame's own residuals are multiplied by a random sign for all latents at once (wild bootstrap; Liu 1988, Mammen
1993). That keeps their correlation across latents, their skewness in size and their changing variance.

Where the measurement noise is known, states are drawn and noise is added to them: residuals then hold the noise of the
frame and of those before it, and are made as small as the innovations are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_varae.core.comparison.inference.lag_pairs import Array, Sample, basis_of, within, without
from napari_varae.core.comparison.inference.statistic import Difference, difference, relaxed
from napari_varae.core.compute.compiled import compiled
from napari_varae.core.var.stability import spectral_radius

__all__ = ["LARGEST_RADIUS", "Signs", "WildBootstrap"]

Single = NDArray[np.float32]
Unsigned = NDArray[np.uint32]

LARGEST_RADIUS = 0.995
"""Spectral radius to which an unstable common model is drawn back: a series that explodes has no null."""

LEAST_INNOVATION = 0.05
"""Share of the residual variance that innovations have at least, whatever the noise is thought to be."""


class Signs(NamedTuple):
    """Signs (n,) of the residuals of A and of B, and the seed of the measurement noise of each."""

    a: NDArray[np.int8]
    b: NDArray[np.int8]
    seeds: tuple[int, int]


class Residuals(NamedTuple):
    """What is left of the lag pairs of one range, and what its segments begin with.

    Residuals (n, K) of the lag pairs, the number (S,) of lag pairs in each segment, and the first p frames (S, p, K) of
    each.
    """

    values: Array
    lengths: NDArray[np.int64]
    heads: Array

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether the lag pair before each, from the second on, is of the same segment; shape (n - 1,)."""
        inside = np.ones(len(self.values), dtype=bool)
        inside[np.cumsum(self.lengths)[:-1]] = False
        return inside[1:]


class WildBootstrap:
    """The common model of both ranges, and ranges drawn from it.

    Parameters
    ----------
    segments : (sequence of array, sequence of array)
        Segments (T_s, K) of latents of A and of B.
    samples : (Sample, Sample)
        Their lag pairs.
    observed : Difference
    order : int
    units : (array of int or None, array of int or None)
        The unit of each lag pair of A and of B, where each unit has an intercept of its own.

    Attributes
    ----------
    coefficients : array, shape (K, p K)
        The common coefficients.
    radius : float
        Their spectral radius, before an unstable model is drawn back.
    residuals : (Residuals, Residuals)
    variances : (array, array), shape (K,)
        Residual variances in A and B.
    autocorrelation : float
        Of the residuals of both ranges.
    """

    name = "VAR"

    def __init__(
        self,
        segments: tuple[Sequence[Array], Sequence[Array]],
        samples: tuple[Sample, Sample],
        observed: Difference,
        order: int,
        units: tuple[NDArray[np.int64] | None, NDArray[np.int64] | None] = (None, None),
    ) -> None:
        self.order, self._units = order, units
        coefficients = relaxed(*samples, observed)
        self.radius = spectral_radius(coefficients)
        if self.radius > LARGEST_RADIUS:
            lag = np.repeat(np.arange(1, order + 1), len(coefficients))
            coefficients *= (LARGEST_RADIUS / self.radius) ** lag
        self.coefficients = coefficients
        total = sum(sample.count for sample in samples)
        used = (coefficients != 0).sum(1)
        self._noise = tuple(sample.noise for sample in samples)
        self._noise_of_pairs = tuple(sample.noise_of_pairs for sample in samples)
        found = []
        self._bases = tuple(None if s.covariates is None else basis_of(s.covariates) for s in samples)
        self._drift = tuple(
            np.zeros((0, 0)) if basis is None else _explained(parts, order, coefficients, basis)
            for parts, basis in zip(segments, self._bases, strict=True)
        )
        for sample, parts, basis, unit in zip(samples, segments, self._bases, units, strict=True):
            residual = sample.y - sample.x @ coefficients.T
            intercepts = 1 if unit is None else len(np.unique(unit))
            known = intercepts + (0 if basis is None else basis.shape[1])
            free = (sample.count - used * sample.count / total - known).clip(min=1)
            residual = (residual - residual.mean(0)) * np.sqrt(sample.count / free)
            lengths = np.array([len(z) - order for z in parts])
            found.append(Residuals(residual, lengths, np.stack([z[:order] for z in parts])))
        self.residuals = found[0], found[1]
        in_a, in_b = (np.square(side.values).mean(0) for side in self.residuals)
        self.variances = in_a, in_b
        self.autocorrelation = self._autocorrelation(samples, observed.penalised)
        self.innovations = tuple(self._innovations(side) for side in (0, 1))
        self._mixing = tuple(None if s.noise is None else _root(s.noise) for s in samples)

    def random(self, count: int, rng: np.random.Generator) -> list[Signs]:
        """Draw the signs of all residuals, `count` times."""
        coin = np.array([-1, 1], dtype=np.int8)
        a, b = (
            np.concatenate([rng.choice(coin, (count, n)) for n in side.lengths.tolist()], axis=1)
            for side in self.residuals
        )
        noisy = any(mixing is not None for mixing in self._mixing)
        seeds = rng.integers(2**62, size=(count, 2)).tolist() if noisy else [(0, 0)] * count
        return [Signs(of_a, of_b, (first, last)) for of_a, of_b, (first, last) in zip(a, b, seeds, strict=True)]

    def difference(self, signs: Signs) -> Difference:
        """Estimate the difference between ranges drawn with these signs."""
        a, b = (self.sample(side, signs) for side in (0, 1))
        return difference(a, b, (self.coefficients, self.variances))

    def sample(self, side: int, signs: Signs, coefficients: Array | None = None) -> Sample:
        """Draw the lag pairs of A (0) or B (1) with these signs, from given coefficients (K, p K) if any."""
        coefficients = self.coefficients if coefficients is None else coefficients
        sparse = csr_array(coefficients)
        places = sparse.indptr.astype(np.uint32), sparse.indices.astype(np.uint32)
        residuals = self.residuals[side]._replace(values=self.innovations[side])
        x, y = recursion(*residuals, self._drift[side], signs[side], *places, sparse.data)
        mixing = self._mixing[side]
        if mixing is not None:
            white = np.random.default_rng(signs.seeds[side]).standard_normal(y.shape, dtype=np.float32)
            observe(x, y, white @ mixing, residuals.lengths)
        basis, units = self._bases[side], self._units[side]
        if units is not None:
            x, y = within(x, units), within(y, units)
        return Sample(without(x, basis), without(y, basis), self._noise_of_pairs[side])

    def _autocorrelation(self, samples: tuple[Sample, Sample], fitted: tuple[Array, Array]) -> float:
        """Correlation of the residuals, or of their squares, with those of the frame before; mean over latents.

        Of the coefficients of each range, so that a change is not taken for autocorrelation, and beyond what
        measurement noise gives.
        """
        after, squares_after, size, squares_size = 0.0, 0.0, 0.0, 0.0
        for sample, coefficients, inside in zip(samples, fitted, (r.inside for r in self.residuals), strict=True):
            z = sample.y - sample.x @ coefficients.T
            squares = np.square(z) - np.square(z).mean(0)
            shared = _shared(coefficients, sample)
            after += (z[1:] * z[:-1])[inside].sum(0) - inside.sum() * shared
            squares_after += (squares[1:] * squares[:-1])[inside].sum(0) - 2 * inside.sum() * np.square(shared)
            size, squares_size = size + np.square(z).sum(0), squares_size + np.square(squares).sum(0)
        of_values, of_squares = after / np.maximum(size, 1e-30), squares_after / np.maximum(squares_size, 1e-30)
        return max(float(np.sqrt(np.square(of_values).mean())), float(of_squares.mean()))

    def _innovations(self, side: int) -> Array:
        """Residuals (n, K) of a side without what measurement noise adds to their variance."""
        values, noise = self.residuals[side].values, self._noise[side]
        if noise is None:
            return values
        k = len(noise)
        lags = (self.coefficients[:, first : first + k] for first in range(0, k * self.order, k))
        of_noise = noise.diagonal() + sum(np.einsum("ij,jk,ik->i", a, noise, a) for a in lags)
        share = 1 - of_noise / self.variances[side].clip(min=1e-30)
        return np.ascontiguousarray(values * np.sqrt(share.clip(min=LEAST_INNOVATION)))


def _shared(coefficients: Array, sample: Sample) -> Array:
    """Covariance (K,) of residuals with those of the frame before that comes of measurement noise.

    The noise of a frame is in its own residual, and times -A_k in that of k frames later.
    """
    k, noise = len(coefficients), sample.noise
    if noise is None:
        return np.zeros(k)
    parts = [np.eye(k), *(-coefficients[:, first : first + k] for first in range(0, k * sample.order, k))]
    shared: Array = sum(np.einsum("ij,jk,ik->i", b, noise, a) for a, b in pairwise(parts))
    return shared


def _explained(segments: Sequence[Array], order: int, coefficients: Array, basis: Array) -> Array:
    """Compute what covariates add to each target (n, K), for given coefficients."""
    raw = Sample.of(segments, order)
    explained: Array = basis @ (basis.T @ (raw.y - raw.x @ coefficients.T))
    return explained


def _root(covariance: Array) -> Single:
    """Matrix R with R' R equal to a positive semi-definite covariance; in single precision, as what is random is."""
    values, vectors = np.linalg.eigh(covariance)
    root: Single = (np.sqrt(values.clip(min=0))[:, None] * vectors.T).astype(np.float32)
    return root


@compiled
def observe(x: Array, y: Array, noise: Single, lengths: NDArray[np.int64]) -> None:
    """Add measurement noise (n, K) to targets, and to the predictors that these are later, in place.

    What a segment begins with was observed, and has its noise already.
    """
    k = y.shape[1]
    first = 0
    for segment in range(len(lengths)):
        for t in range(first, first + lengths[segment]):
            for j in range(k):
                y[t, j] += noise[t, j]
            for lag in range(x.shape[1] // k):
                since = t - 1 - lag
                if since >= first:
                    for j in range(k):
                        x[t, lag * k + j] += noise[since, j]
        first += lengths[segment]


@compiled
def recursion(
    residuals: Array,
    lengths: NDArray[np.int64],
    heads: Array,
    drift: Array,
    signs: NDArray[np.int8],
    first: Unsigned,
    columns: Unsigned,
    values: Array,
) -> tuple[Array, Array]:
    """Run a VAR forward through segments: predictors (n, p K) and targets (n, K).

    `drift` (n, K) is added to each target, unless it is empty. The coefficients that are not zero come as in a sparse
    matrix, as `values` (m,) of predictors `columns` (m,): those of target i are from `first[i]` to `first[i + 1]`, of
    `first` (K + 1,).
    """
    n, k = residuals.shape
    order = heads.shape[1]
    x, y = np.empty((n, order * k)), np.empty((n, k))
    t = 0
    for segment in range(len(lengths)):
        for step in range(lengths[segment]):
            known = x[t]
            for lag in range(order):
                since = step - 1 - lag
                past = y[t - 1 - lag] if since >= 0 else heads[segment, order + since]
                for j in range(k):
                    known[lag * k + j] = past[j]
            for i in range(k):
                value = signs[t] * residuals[t, i]
                for m in range(first[i], first[i + 1]):
                    value += values[m] * known[columns[m]]
                y[t, i] = value
            if len(drift):
                for i in range(k):
                    y[t, i] += drift[t, i]
            t += 1
    return x, y
