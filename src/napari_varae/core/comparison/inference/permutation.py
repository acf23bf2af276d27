"""The null distribution if blocks of a recording are alike: those of both ranges permuted.

Both ranges are cut into blocks of consecutive frames, and these are assigned to A and B at random. If the dynamics are
the same, one assignment is as likely as another, however frames depend on each other within a block: a recording is
only approximately a VAR, its rule wanders, and an event that no VAR describes is not as many independent observations
as it has frames. Blocks have to be long against such events. Since the statistic is studentised, means and variances
may differ between ranges that are long (Chung, Romano 2013).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.sample import Array, Sample
from napari_varae.core.comparison.inference.statistic import Difference, difference

__all__ = ["BlockPermutation"]

Order = NDArray[np.int64]


class BlockPermutation:
    """The blocks of two ranges, and ranges made of them in another order.

    Parameters
    ----------
    samples : (Sample, Sample)
        Lag pairs of A and B. What remains after the last whole block of each stays where it is, so that the ranges as
        they are, are one of the permutations.
    observed : Difference
    length : int
        Lag pairs in a block.

    Attributes
    ----------
    counts : (int, int)
        Blocks in A and in B.
    """

    name = "blocks"

    def __init__(self, samples: tuple[Sample, Sample], observed: Difference, length: int) -> None:
        self.length = length
        self.counts = samples[0].count // length, samples[1].count // length
        ends = [count * length for count in self.counts]
        self.x = np.concatenate([s.x[:end] for s, end in zip(samples, ends, strict=True)])
        self.y = np.concatenate([s.y[:end] for s, end in zip(samples, ends, strict=True)])
        self.x, self.y = (whole.reshape(-1, length, whole.shape[1]) for whole in (self.x, self.y))
        self.rest = [(s.x[end:], s.y[end:]) for s, end in zip(samples, ends, strict=True)]
        share = self.counts[0] / sum(self.counts)
        pooled = share * observed.variances[0] + (1 - share) * observed.variances[1]
        self._start = observed.common, (pooled, pooled)

    @property
    def ways(self) -> int:
        """Number of permutations that may give different statistics: when nothing remains, a swap gives the same."""
        a, b = self.counts
        same = a == b and not any(len(x) for x, _ in self.rest)
        return math.comb(a + b, a) // (2 if same else 1)

    def random(self, count: int, rng: np.random.Generator) -> list[Order]:
        """Permute the blocks `count` times: their order, those of A first."""
        return list(rng.permuted(np.tile(np.arange(sum(self.counts)), (count, 1)), axis=1))

    def difference(self, order: Order) -> Difference:
        """Estimate the difference between ranges of blocks in this order."""
        a, b = np.split(order, self.counts[:1])
        return difference(self._side(a, *self.rest[0]), self._side(b, *self.rest[1]), self._start)

    def _side(self, blocks: Order, *rest: Array) -> Sample:
        """Collect the lag pairs of these blocks and of the rest of a range."""
        x, y = (
            np.concatenate([whole[blocks].reshape(-1, whole.shape[2]), left])
            for whole, left in zip((self.x, self.y), rest, strict=True)
        )
        return Sample.centred(x, y)
