"""The lag pairs of one range and their moments, freed of measurement noise where its covariance is known.

Latents are observed with noise, z = s + n. Noise that is white in time adds its covariance N to the covariance at lag 0
and to no other: the Gram matrix of the predictors has N in each of its diagonal blocks, and the cross moments are
unbiased (errors in variables; Loh, Wainwright 2012). What is left after N is subtracted need not be positive
semi-definite, and its eigenvalues are then raised to a small one (Datta, Zou 2017).

Covariates are exogenous regressors of the VAR, without a penalty. They are projected out of predictors and targets, as
the intercept is: all else is then estimated as if they had been in the regression (Frisch, Waugh 1933; Lovell 1963).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from napari_varae.core.comparison.inference.joint import Side
from napari_varae.core.comparison.inference.segment_noise import PairNoise, SegmentNoise

__all__ = ["Moments", "Pool", "Sample", "basis_of", "within", "without"]

CONSTANT = 1e-12
"""Mean square up to which latents of SD 1 do not vary, such as one that a permutation leaves silent in a range."""
LEAST = 0.02
"""Eigenvalue of a corrected Gram matrix, for predictors whose measured mean squares are 1, to which lower ones are
raised."""
STEADIEST = 0.98
"""Largest autocorrelation at lag 1 that a latent may have once its measurement noise is subtracted."""

Array = NDArray[np.float64]


class Moments(NamedTuple):
    """Means over lag pairs as they were measured: of x x' (p K, p K), of y x' (K, p K), and of y y (K,)."""

    gram: Array
    cross: Array
    square: Array


@dataclass(frozen=True, eq=False)
class Sample:
    """Lag pairs of one range: predictors x (n, p K) and targets y (n, K), both centred.

    And the measurement noise of each lag pair, if it is to be accounted for; covariates (n, q), which are projected out
    of both; and their moments where these are known.
    """

    x: Array
    y: Array
    noise_of_pairs: PairNoise | None = None
    covariates: Array | None = None
    known: Moments | None = None

    @classmethod
    def of(
        cls,
        segments: Iterable[Array],
        order: int,
        noise: SegmentNoise | Array | None = None,
        covariates: Iterable[Array] = (),
        units: NDArray[np.int64] | None = None,
    ) -> Sample:
        """Collect the lag pairs of segments (T_s, K), none across a break, and covariates (T_s, q) of these, if any.

        The noise is that of each segment, or one covariance (K, K) of all. With the unit of each lag pair, each unit
        has an intercept of its own.
        """
        pairs = [
            (np.hstack([z[order - lag : len(z) - lag] for lag in range(1, order + 1)]), z[order:]) for z in segments
        ]
        x, y = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        known = [c[order:] for c in covariates]
        parts = [x, y, *([np.concatenate(known)] if known else [])]
        x, y, *w = parts if units is None else (within(values, units) for values in parts)
        if isinstance(noise, np.ndarray):
            noise = SegmentNoise.of([noise], [0] * len(pairs))
        of_pairs = None if noise is None else PairNoise.of_segments(noise, [len(targets) for _, targets in pairs])
        return cls.centred(x, y, of_pairs, *w)

    @classmethod
    def centred(
        cls,
        x: Array,
        y: Array,
        noise: PairNoise | None = None,
        covariates: Array | None = None,
        known: Moments | None = None,
    ) -> Sample:
        """Subtract the means, and with them the intercepts, in place; project out covariates.

        `known` are the moments of the result, if they are.
        """
        basis = None if covariates is None else basis_of(covariates)
        return cls(without(x, basis), without(y, basis), noise, covariates, known)

    @property
    def count(self) -> int:
        """Number of lag pairs n."""
        return len(self.x)

    @property
    def order(self) -> int:
        """Number of lags p."""
        order: int = self.x.shape[1] // self.y.shape[1]
        return order

    @cached_property
    def moments(self) -> Moments:
        """Moments with the noise in them."""
        if self.known is not None:
            return self.known
        gram, cross = self.x.T @ self.x / self.count, self.y.T @ self.x / self.count
        return Moments(gram, cross, np.einsum("ti,ti->i", self.y, self.y) / self.count)

    @cached_property
    def noise(self) -> Array | None:
        """Noise covariance (K, K), of which none is taken for more than leaves the latents stationary.

        The autocorrelation at lag 1 of what is left stays below :data:`STEADIEST` in these lag pairs.
        """
        if self.noise_of_pairs is None:
            return None
        covariance, moments = self.noise_of_pairs.covariance, self.moments
        square = (moments.gram.diagonal()[: len(covariance)] + moments.square) / 2
        most = square - np.abs(moments.cross.diagonal()) / STEADIEST
        shrunk = np.sqrt((most.clip(min=0) / covariance.diagonal().clip(min=1e-300)).clip(max=1))
        noise: Array = covariance * shrunk[:, None] * shrunk
        return noise

    @cached_property
    def size(self) -> Array:
        """Root mean square (p K,) of each predictor, without the noise."""
        size: Array = np.sqrt(self.gram.diagonal()).clip(min=1e-12)
        return size

    @cached_property
    def gram(self) -> Array:
        """Mean of x x' without the noise, shape (p K, p K)."""
        gram = self.moments.gram
        return gram if self.noise is None else _positive(gram, np.kron(np.eye(self.order), self.noise).astype(float))

    @property
    def cross(self) -> Array:
        """Mean of y x', shape (K, p K)."""
        return self.moments.cross

    @cached_property
    def square(self) -> Array:
        """Mean square of each target, without the noise, shape (K,)."""
        square = self.moments.square
        return square if self.noise is None else (square - self.noise.diagonal()).clip(min=LEAST * square)

    @cached_property
    def varies(self) -> NDArray[np.bool_]:
        """Whether target and predictor of each coefficient vary, shape (K, p K)."""
        varies: NDArray[np.bool_] = (self.square > CONSTANT)[:, None] & (self.gram.diagonal() > CONSTANT)
        return varies

    @cached_property
    def noise_of_predictors(self) -> Array:
        """Noise variance of each predictor, shape (p K,)."""
        if self.noise is None:
            return np.zeros(self.x.shape[1])
        return np.tile(self.noise.diagonal(), self.order)

    def side(self, share: float) -> Side:
        """Moments for the joint estimate, when this is such a share of all lag pairs."""
        return Side(self.gram, self.cross, self.square, self.noise_of_predictors, share)

    def residual_variance(self, coefficients: Array) -> Array:
        """Mean squared residual of each target, without the noise, shape (K,)."""
        explained = 2 * coefficients * self.cross - coefficients * (coefficients @ self.gram)
        least = 1e-12 if self.noise is None else np.maximum(LEAST * self.square, 1e-12)
        variance: Array = (self.square - explained.sum(1)).clip(min=least)
        return variance


class Pool:
    """The lag pairs of several samples, one after the other, from which others are made."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.x, self.y = np.concatenate([s.x for s in samples]), np.concatenate([s.y for s in samples])
        known = [s.covariates for s in samples if s.covariates is not None]
        self.covariates = np.concatenate(known) if known else None
        noises = [s.noise_of_pairs for s in samples if s.noise_of_pairs is not None]
        self.noise = PairNoise.joined(noises) if len(noises) == len(samples) else None

    def sample(self, rows: NDArray[np.int64], known: Moments | None = None) -> Sample:
        """Take some lag pairs, each with the noise of its segment, and their moments about the mean if known."""
        noise = None if self.noise is None else self.noise.taken(rows)
        covariates = None if self.covariates is None else self.covariates[rows]
        return Sample.centred(self.x[rows], self.y[rows], noise, covariates, known)


def within(values: Array, units: NDArray[np.int64]) -> Array:
    """Subtract the mean of each unit, of which the rows follow each other."""
    first = np.flatnonzero(np.diff(units, prepend=units[:1] - 1))
    counts = np.diff(first, append=len(units))
    left: Array = values - np.repeat(np.add.reduceat(values, first) / counts[:, None], counts, axis=0)
    return left


def basis_of(covariates: Array) -> Array:
    """Orthonormal basis (n, r) of what covariates (n, q) span beside a constant; without those that are constant."""
    centred = covariates - covariates.mean(0)
    size = np.abs(centred).max(0, initial=0.0)
    centred = centred[:, size > 1e-9 * np.abs(covariates).max(0, initial=0.0)]
    u, values, _ = np.linalg.svd(centred / np.abs(centred).max(0, initial=0.0), full_matrices=False)
    basis: Array = u[:, values > 1e-9 * values.max(initial=0.0)]
    return basis


def without(values: Array, basis: Array | None) -> Array:
    """Subtract the mean, and what an orthonormal basis of mean 0 explains, in place."""
    values -= values.mean(0)
    if basis is not None:
        values -= basis @ (basis.T @ values)
    return values


def _positive(gram: Array, noise: Array) -> Array:
    """Subtract the noise from a Gram matrix, and raise its eigenvalues where the result is not positive definite."""
    size = np.sqrt(gram.diagonal()).clip(min=1e-12)
    scale = size[:, None] * size
    # More noise than was measured, as in a latent that is silent here, is at most all of what was measured.
    share = size / np.sqrt(np.maximum(noise.diagonal(), size**2))
    corrected = gram / scale - noise / scale * share[:, None] * share
    try:
        np.linalg.cholesky(corrected - LEAST * np.eye(len(gram)))
    except np.linalg.LinAlgError:
        low, vectors = eigh(corrected, subset_by_value=(-np.inf, LEAST))
        corrected += (vectors * (LEAST - low)) @ vectors.T
    return np.ascontiguousarray(corrected * scale)
