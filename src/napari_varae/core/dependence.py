"""How long frames depend on each other, as far as a comparison is concerned.

The error of a coefficient is a mean over frames of its scores, residual times direction. If the latents follow a VAR
the scores are uncorrelated. In recordings they are not: an event that the VAR does not describe leaves its mark on tens
of frames. The variance of the mean is then that of sums over blocks, and the inflation, how much larger it is than for
independent frames, grows with the length of the blocks until these are longer than the dependence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

__all__ = ["Dependence", "Scores", "block_length"]

LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Lengths of blocks that are tried."""
FEWEST = 8
"""Blocks that a range needs for a variance."""
ENOUGH = 1.05
"""Blocks are long enough when longer ones inflate the variance by no more than this factor and twice its noise."""


@dataclass(frozen=True)
class Dependence:
    """Lag pairs in a block, what the blocks inflate the variance by, and whether longer ones were needed but too few.

    Attributes
    ----------
    block : int
    inflation : float
        Variance with these blocks over that for independent frames, averaged over the coefficients.
    beyond : bool
        Inflation still grew where the ranges had no more blocks.
    """

    block: int
    inflation: float = 1.0
    beyond: bool = False


@dataclass(frozen=True, eq=False)
class Scores:
    """Residuals (R, n, K) and directions (R, n, p K), whose products are the scores of the coefficients' errors."""

    residuals: Tensor
    directions: Tensor

    def variance(self, block: int) -> Tensor:
        """Variance of the mean score of each coefficient, (R, K, p K), frames being dependent within blocks."""
        n = self.residuals.shape[1]
        if block == 1:
            return self.residuals.square().mT @ self.directions.square() / n**2
        blocks = -(-n // block)
        residuals, directions = (
            F.pad(x, (0, 0, 0, blocks * block - n)).unflatten(1, (blocks, block))
            for x in (self.residuals, self.directions)
        )
        total: Tensor = (residuals.mT @ directions).square().sum(1)
        return total * (blocks / (blocks - 1) / n**2)


def block_length(scores: tuple[Scores, Scores]) -> Dependence:
    """Find the shortest blocks beyond which the variance of both ranges together hardly grows."""
    pairs, latents = [s.residuals.shape[1] for s in scores], scores[0].residuals.shape[2]
    lengths = [length for length in LENGTHS if length == 1 or min(pairs) >= FEWEST * length]
    variances = [scores[0].variance(length) + scores[1].variance(length) for length in lengths]
    inflation = [float((v / variances[0].clamp_min(1e-300)).mean()) for v in variances]
    # A sum of squares of m normal variables has the relative deviation (2 / m)^(1/2).
    allowed = [ENOUGH + 2 * math.sqrt(2 * length / (sum(pairs) * latents)) for length in lengths]
    chosen = next(
        i
        for i, enough in enumerate(inflation)
        if all(x <= enough * factor for x, factor in zip(inflation[i:], allowed[i:], strict=True))
    )
    return Dependence(lengths[chosen], inflation[chosen], beyond=0 < chosen == len(lengths) - 1)
