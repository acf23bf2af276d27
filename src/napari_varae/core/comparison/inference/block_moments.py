"""Moments of lag pairs that are made of blocks: a sum over these, which are multiplied once and not in each draw."""

from __future__ import annotations

import numpy as np

from napari_varae.core.comparison.inference.lag_pairs import CONSTANT, Array, Moments

__all__ = ["BlockMoments"]


class BlockMoments:
    """Sums of x x', y x', y y, x and y over each of some blocks of lag pairs.

    Parameters
    ----------
    x : sequence of array, each (n_b, p K)
    y : sequence of array, each (n_b, K)
    """

    def __init__(self, x: list[Array], y: list[Array]) -> None:
        self._gram = np.stack([part.T @ part for part in x])
        self._cross = np.stack([target.T @ part for part, target in zip(x, y, strict=True)])
        self._square = np.stack([np.square(part).sum(0) for part in y])
        self._x, self._y = np.stack([part.sum(0) for part in x]), np.stack([part.sum(0) for part in y])
        self._count = np.array([len(part) for part in x])

    @staticmethod
    def size(blocks: int, latents: int, predictors: int) -> int:
        """Bytes that so many blocks take."""
        return 8 * blocks * predictors * (predictors + latents)

    def of(self, taken: Array) -> Moments:
        """Moments of the blocks of which `taken` (B,) is 1, about their common mean."""
        n = float(taken @ self._count)
        of_x, of_y = taken @ self._x / n, taken @ self._y / n
        gram = _sum(taken, self._gram) / n - np.multiply.outer(of_x, of_x)
        cross = _sum(taken, self._cross) / n - np.multiply.outer(of_y, of_x)
        square = taken @ self._square / n - np.square(of_y)
        # What does not vary is left with rounding errors of either sign.
        still, still_target = gram.diagonal() <= CONSTANT, square <= CONSTANT
        gram[still], gram[:, still], cross[:, still], cross[still_target], square[still_target] = 0, 0, 0, 0, 0
        return Moments(gram, cross, square)


def _sum(taken: Array, parts: Array) -> Array:
    """Sum the parts (B, P, Q) of which `taken` is 1."""
    total: Array = (taken @ parts.reshape(len(parts), -1)).reshape(parts.shape[1:])
    return total
