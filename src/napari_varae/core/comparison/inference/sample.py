"""The lag pairs of one range and their moments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.joint import Side

__all__ = ["Sample"]

CONSTANT = 1e-12
"""Mean square up to which latents of SD 1 do not vary, such as one that a permutation leaves silent in a range."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """Lag pairs of one range: predictors x (n, p K) and targets y (n, K), both centred."""

    x: Array
    y: Array

    @classmethod
    def of(cls, segments: Iterable[Array], order: int) -> Sample:
        """Collect the lag pairs of segments (T_s, K), none across a break."""
        pairs = [
            (np.hstack([z[order - lag : len(z) - lag] for lag in range(1, order + 1)]), z[order:]) for z in segments
        ]
        x, y = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        return cls.centred(x, y)

    @classmethod
    def centred(cls, x: Array, y: Array) -> Sample:
        """Subtract the means, and with them the intercepts."""
        return cls(x - x.mean(0), y - y.mean(0))

    @property
    def count(self) -> int:
        """Number of lag pairs n."""
        return len(self.x)

    @cached_property
    def gram(self) -> Array:
        """Mean of x x', shape (p K, p K)."""
        return np.ascontiguousarray(self.x.T @ self.x / self.count)

    @cached_property
    def cross(self) -> Array:
        """Mean of y x', shape (K, p K)."""
        return np.ascontiguousarray(self.y.T @ self.x / self.count)

    @cached_property
    def square(self) -> Array:
        """Mean square of each target, shape (K,)."""
        square: Array = np.einsum("ti,ti->i", self.y, self.y) / self.count
        return square

    @cached_property
    def varies(self) -> NDArray[np.bool_]:
        """Whether target and predictor of each coefficient vary, shape (K, p K)."""
        varies: NDArray[np.bool_] = (self.square > CONSTANT)[:, None] & (self.gram.diagonal() > CONSTANT)
        return varies

    def side(self, share: float) -> Side:
        """Moments for the joint estimate, when this is such a share of all lag pairs."""
        return Side(self.gram, self.cross, self.square, share)

    def residual_variance(self, coefficients: Array) -> Array:
        """Mean squared residual of each target, shape (K,)."""
        explained = 2 * coefficients * self.cross - coefficients * (coefficients @ self.gram)
        variance: Array = (self.square - explained.sum(1)).clip(min=1e-12)
        return variance
