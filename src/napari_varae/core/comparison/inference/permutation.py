"""The null distribution if blocks of a recording are alike: those of both ranges permuted.

Both ranges are cut into blocks of consecutive frames, and these are assigned to A and B at random. If the dynamics are
the same, one assignment is as likely as another, however frames depend on each other within a block: a recording is
only approximately a VAR, its rule wanders, and an event that no VAR describes is not as many independent observations
as it has frames. Blocks have to be long against such events. Since the statistic is studentised, means and variances
may differ between ranges that are long (Chung, Romano 2013).

Where each frame set has six or more segments, such as trials, these are permuted whole, and each has an intercept of
its own, since levels drift. That is exact if segments are exchangeable, whatever happens within one. Where A and B take
turns, segments are permuted only among those nearby in time (strata), so that slow drift is the same in all
permutations; it is then exact as well if conditions were assigned to segments at random, however these drift. To be
exact, the statistic has to be the same function of segments and labels for the labels as they are and for all others:
measurement noise is that of each segment, and all estimates begin at that of all segments together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.block_moments import BlockMoments
from napari_varae.core.comparison.inference.lag_pairs import Moments, Pool, Sample
from napari_varae.core.comparison.inference.statistic import Difference, Start, difference, pooled

__all__ = ["FEWEST_UNITS", "BlockPermutation", "SegmentPermutation", "n_ways", "strata"]

FEWEST_UNITS = 6
"""Segments of each frame set from which on these are permuted whole."""
IN_STRATUM = 2
"""Segments for each frame set that a stratum holds, or more."""
FEWEST_WAYS = 100
"""Permutations within strata below which strata are made larger."""
MOST_BYTES = 2**28
"""Memory for the moments of blocks; where these take more, they are computed in each draw."""

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
    blocks : array of int, shape (blocks, length)
        Their lag pairs, those of A numbered first.
    rest : (array of int, array of int)
        Lag pairs of A and of B that are in no block.
    """

    name = "blocks"

    def __init__(self, samples: tuple[Sample, Sample], observed: Difference, length: int) -> None:
        self.length = length
        self.counts = samples[0].count // length, samples[1].count // length
        self._pool, of_a = Pool(samples), samples[0].count
        sides = np.split(np.arange(of_a + samples[1].count), [of_a])
        ends = [count * length for count in self.counts]
        self.rest = tuple(rows[end:] for rows, end in zip(sides, ends, strict=True))
        within = np.concatenate([rows[:end] for rows, end in zip(sides, ends, strict=True)])
        self.blocks = within.reshape(sum(self.counts), length)
        self._start = _of_both(observed, self.counts)

    @property
    def ways(self) -> int:
        """Number of permutations that may give different statistics: when nothing remains, a swap gives the same."""
        a, b = self.counts
        same = a == b and not any(map(len, self.rest))
        return math.comb(a + b, a) // (2 if same else 1)

    def random(self, count: int, rng: np.random.Generator) -> list[Order]:
        """Permute the blocks `count` times: their order, those of A first."""
        return list(rng.permuted(np.tile(np.arange(sum(self.counts)), (count, 1)), axis=1))

    def difference(self, order: Order) -> Difference:
        """Estimate the difference between ranges of blocks in this order."""
        a, b = (self._sample(blocks, side) for side, blocks in enumerate(np.split(order, self.counts[:1])))
        return difference(a, b, self._start)

    def _sample(self, blocks: Order, side: int) -> Sample:
        """Collect the lag pairs of these blocks and of the rest of a range."""
        rows = np.concatenate([self.blocks[blocks].ravel(), self.rest[side]])
        return self._pool.sample(rows, self._moments_of(blocks, side))

    def _moments_of(self, blocks: Order, side: int) -> Moments | None:
        """Moments of these blocks and of the rest of a range; None where they are not known beforehand."""
        if self._moments is None:
            return None
        taken = np.zeros(len(self.blocks) + 2)
        taken[blocks] = 1
        taken[len(self.blocks) + side] = 1
        return self._moments.of(taken)

    @cached_property
    def _moments(self) -> BlockMoments | None:
        """Moments of each block and of the rest of both ranges; None where covariates are projected out."""
        x, y = self._pool.x, self._pool.y
        parts = [*self.blocks, *self.rest]
        if self._pool.covariates is not None or BlockMoments.size(len(parts), y.shape[1], x.shape[1]) > MOST_BYTES:
            return None
        return BlockMoments([x[rows] for rows in parts], [y[rows] for rows in parts])

    def __getstate__(self) -> dict[str, object]:
        """Leave out what each process computes for itself sooner than it reads it."""
        return {name: value for name, value in vars(self).items() if name != "_moments"}


class SegmentPermutation:
    """The segments of two frame sets, and frame sets made of them in another order.

    Parameters
    ----------
    samples : (Sample, Sample)
        Lag pairs of A and B.
    units : (array of int, array of int)
        For each lag pair of A and of B, the segment that it belongs to.
    starts : (sequence of int, sequence of int), optional
        First frame of each segment; permuted without strata when not known.

    Attributes
    ----------
    counts : (int, int)
        Segments in A and in B.
    strata : list of array of int
        Segments that are permuted among each other, those of A numbered first.
    observed : Difference
        That of the segments as they are.
    """

    name = "segments"
    length = 0

    def __init__(
        self,
        samples: tuple[Sample, Sample],
        units: tuple[Order, Order],
        starts: tuple[Sequence[int], Sequence[int]] | None = None,
    ) -> None:
        self.counts = len(np.unique(units[0])), len(np.unique(units[1]))
        self._pool = Pool(samples)
        joined = np.concatenate([units[0], units[1] + self.counts[0]])
        self._rows = [np.flatnonzero(joined == unit) for unit in range(sum(self.counts))]
        self.strata = strata(*starts) if starts else [np.arange(sum(self.counts))]
        self._start = pooled(self._pool.sample(np.arange(len(joined))))
        self.observed = self.difference(np.arange(sum(self.counts)))

    @property
    def ways(self) -> int:
        """Number of permutations that may give different statistics: when sizes are equal, a swap gives the same."""
        of_a = [int((part < self.counts[0]).sum()) for part in self.strata]
        ways = n_ways(np.array([[a, len(part) - a] for part, a in zip(self.strata, of_a, strict=True)]))
        swap = all(len(part) == 2 * a for part, a in zip(self.strata, of_a, strict=True))
        return ways // 2 if swap else ways

    def random(self, count: int, rng: np.random.Generator) -> list[Order]:
        """Permute the segments of each stratum `count` times: which segment is at the place of which."""
        orders = np.tile(np.arange(sum(self.counts)), (count, 1))
        for part in self.strata:
            orders[:, part] = rng.permuted(orders[:, part], axis=1)
        return list(orders)

    def difference(self, order: Order) -> Difference:
        """Estimate the difference between frame sets of segments in this order."""
        sides = np.split(order, self.counts[:1])
        a, b = (self._pool.sample(np.concatenate([self._rows[unit] for unit in np.sort(side)])) for side in sides)
        return difference(a, b, self._start)


def strata(*starts: Sequence[int]) -> list[Order]:
    """Group segments that follow each other in time.

    Groups are cut by place alone, so that within a group all assignments to the frame sets were equally likely if these
    were assigned at random, also where the recording drifts. Their size doubles from two segments for each frame set
    until half of all segments lie in groups that hold each frame set, and there are :data:`FEWEST_WAYS` permutations.

    Parameters
    ----------
    *starts : sequence of int
        First frames of the segments of each frame set.

    Returns
    -------
    strata : list of array
        Numbers of the segments, those of the first frame set first. A single one when the sets do not take turns.
    """
    side = np.repeat(np.arange(len(starts)), [len(part) for part in starts])
    order, size = np.argsort(np.concatenate(starts), kind="stable"), IN_STRATUM * len(starts)
    while len(order) // size > 1:
        groups = np.array_split(order, len(order) // size)
        counts = np.array([np.bincount(side[group], minlength=len(starts)) for group in groups])
        mixed = counts[(counts > 0).all(1)].sum()
        if 2 * mixed >= len(order) and n_ways(counts) >= FEWEST_WAYS:
            return [np.sort(group) for group in groups]
        size *= 2
    return [np.arange(len(order))]


def n_ways(counts: NDArray[np.int64]) -> int:
    """Count the ways to assign the segments of each group; `counts` (G, S) are those of each frame set in it."""
    return math.prod(math.comb(sum(row[: i + 1]), row[i]) for row in counts.tolist() for i in range(len(row)))


def _of_both(observed: Difference, counts: tuple[int, int]) -> Start:
    """Estimate at which those of permuted ranges begin."""
    share = counts[0] / sum(counts)
    variance = share * observed.variances[0] + (1 - share) * observed.variances[1]
    return observed.common, (variance, variance)
