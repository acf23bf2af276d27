"""The null distribution if stretches of a recording are alike: those of both ranges dealt anew.

Both ranges are cut into stretches of consecutive frames, and these are dealt to A and B at random. If the dynamics are
the same, one deal is as likely as another, however frames depend on each other within a stretch: a recording is only
approximately a VAR, its rule wanders, and an event that no VAR describes is not as many independent observations as it
has frames. Stretches have to be long against such events. Since the statistic is studentised, means and variances may
differ between ranges that are long (Chung, Romano 2013).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from napari_varae.core.comparison.inference.two_sample import Difference, Sample, difference

__all__ = ["Deal"]


class Deal:
    """The stretches of two ranges, and scores after they were dealt anew.

    Parameters
    ----------
    samples : (Sample, Sample)
        Lag pairs of A and B, R = 1. What is left over after the last whole stretch of each stays where it is, so that
        the ranges as they are, are one of the deals.
    observed : Difference
    stretch : int
        Lag pairs in a stretch.

    Attributes
    ----------
    counts : (int, int)
        Stretches in A and in B.
    """

    name = "stretches"

    def __init__(self, samples: tuple[Sample, Sample], observed: Difference, stretch: int) -> None:
        self.counts = samples[0].count // stretch, samples[1].count // stretch
        whole, rest = zip(*(_cut(s, n * stretch) for s, n in zip(samples, self.counts, strict=True)), strict=True)
        self.x, self.y = (torch.cat(parts).unflatten(0, (-1, stretch)) for parts in zip(*whole, strict=True))
        self.rest = rest
        share = self.counts[0] / sum(self.counts)
        pooled = share * observed.variances[0] + (1 - share) * observed.variances[1]
        self._start = observed.common[0], (pooled, pooled)

    @property
    def ways(self) -> int:
        """Number of deals that may give different statistics: when nothing is left over, a swap gives the same."""
        a, b = self.counts
        same = a == b and not any(len(x) for x, _ in self.rest)
        return math.comb(a + b, a) // (2 if same else 1)

    def deal(self, count: int, rng: np.random.Generator) -> Tensor:
        """Deal the stretches `count` times: their order (count, stretches), those of A first."""
        return torch.from_numpy(rng.permuted(np.tile(np.arange(sum(self.counts)), (count, 1)), axis=1))

    def scores(self, dealt: Tensor) -> Tensor:
        """Scores of all coefficients, shape (count, K p K), of stretches in these orders."""
        a, b = (self._side(part, rest) for part, rest in zip(dealt.split(self.counts, 1), self.rest, strict=True))
        return difference(a, b, self._start).score.flatten(1)

    def _side(self, part: Tensor, rest: tuple[Tensor, Tensor]) -> Sample:
        """Collect the lag pairs of these stretches (R, stretches) and of the rest of a range."""
        x, y = (
            torch.cat([whole[part].flatten(1, 2), left.expand(len(part), *left.shape)], 1)
            for whole, left in zip((self.x, self.y), rest, strict=True)
        )
        return Sample.centred(x, y)


def _cut(sample: Sample, pairs: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Predictors and targets of the first lag pairs, and those of the others."""
    return (sample.x[0, :pairs], sample.y[0, :pairs]), (sample.x[0, pairs:], sample.y[0, pairs:])
