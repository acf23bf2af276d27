"""Do the coefficients of several frame sets differ anywhere? One test over all of them.

The statistic is the largest of the two-sample statistics of all pairs. Its null distribution permutes units among all
frame sets: whole segments where each frame set has six or more, within strata of time where all take turns; else blocks
of consecutive lag pairs. If units are exchangeable, the labelled data are one of the equally likely permutations, and
p = (1 + number of draws at least as large) / (draws + 1) is valid, whatever the statistic is (Phipson, Smyth 2010;
Hemerik, Goeman 2018). The whole statistic is computed again in each draw; each unit takes its measurement noise along.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.design import FEWEST_DRAWS
from napari_varae.core.comparison.inference.draws import TIE
from napari_varae.core.comparison.inference.lag_pairs import Array, Pool, Sample
from napari_varae.core.comparison.inference.permutation import FEWEST_UNITS, strata
from napari_varae.core.comparison.inference.resampling import BATCH_PAIRS
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.statistic import QUESTIONS, Difference, difference, pooled
from napari_varae.core.comparison.inference.units import Units, UnusableRangesError
from napari_varae.core.compute.threads import one_blas_thread
from napari_varae.core.compute.workers import Workers, in_order
from napari_varae.core.settings import ComparisonConfig
from napari_varae.errors import StoppedError

__all__ = ["Exchange", "Omnibus", "omnibus_test"]

Order = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Omnibus:
    """What the test over all frame sets found.

    Attributes
    ----------
    p_values : dict of str to float
        For "any" coefficient, for "coupling" and for "persistence"; NaN where no coefficient belongs to it.
    statistics : dict of str to float
        The largest two-sample statistic of all pairs.
    nulls : dict of str to array, shape (R,)
        The same in each draw.
    largest : dict of str to (int, int)
        The pair of frame sets that it comes from.
    whole_segments : bool
        Whether whole segments were permuted, and not blocks.
    n_units : int
        Segments or blocks that were permuted.
    n_strata : int
        Groups of segments nearby in time within which these were permuted.
    resamples : int
        Draws; fewer than planned when it was stopped.
    """

    p_values: dict[str, float]
    statistics: dict[str, float]
    nulls: dict[str, Array]
    largest: dict[str, tuple[int, int]]
    whole_segments: bool
    n_units: int
    n_strata: int
    resamples: int

    def __repr__(self) -> str:
        p = ", ".join(f"{name} p = {value:.3g}" for name, value in self.p_values.items())
        return f"Omnibus({p}; {self.resamples} resamples)"


class Exchange:
    """Units of several frame sets, and frame sets made of them in another order.

    Parameters
    ----------
    samples : sequence of Sample
        Lag pairs of each frame set.
    units : sequence of array of int
        The unit of each lag pair of each frame set, counted from 0; negative for those that stay where they are.
    groups : list of array of int, optional
        Units that are permuted among each other, those of the first frame set numbered first; all when not given.

    Attributes
    ----------
    count : int
        Number of lag pairs.
    pairs : list of (int, int)
        Pairs of frame sets.
    """

    def __init__(self, samples: Sequence[Sample], units: Sequence[Order], groups: list[Order] | None = None) -> None:
        self._pool = Pool(samples)
        self.counts = [int(part.max(initial=-1)) + 1 for part in units]
        before = np.cumsum([0, *self.counts])
        joined = np.concatenate([np.where(part < 0, -1, part + b) for part, b in zip(units, before, strict=False)])
        origin = np.repeat(np.arange(len(samples)), [s.count for s in samples])
        self.count = len(joined)
        self._rows = [np.flatnonzero(joined == unit) for unit in range(sum(self.counts))]
        self._stay = [np.flatnonzero((joined < 0) & (origin == side)) for side in range(len(samples))]
        self.groups = groups or [np.arange(sum(self.counts))]
        self.pairs = list(itertools.combinations(range(len(samples)), 2))
        self._start = pooled(self._pool.sample(np.arange(self.count)))

    def random(self, count: int, rng: np.random.Generator) -> list[Order]:
        """Permute the units of each group `count` times: which unit is at the place of which."""
        orders = np.tile(np.arange(sum(self.counts)), (count, 1))
        for group in self.groups:
            orders[:, group] = rng.permuted(orders[:, group], axis=1)
        return list(orders)

    def statistics(self, order: Order) -> Array:
        """Largest scores of each pair, by question; shape (3, pairs)."""
        found = self._differences(order)
        return np.array([[part.scores[name].max(initial=-np.inf) for part in found] for name in QUESTIONS])

    def _differences(self, order: Order) -> list[Difference]:
        samples = [self._sample(part, side) for side, part in enumerate(np.split(order, np.cumsum(self.counts)[:-1]))]
        return [difference(samples[a], samples[b], self._start) for a, b in self.pairs]

    def _sample(self, units: Order, side: int) -> Sample:
        """Collect the lag pairs of some units, and those that stay on this side."""
        return self._pool.sample(np.concatenate([*(self._rows[unit] for unit in np.sort(units)), self._stay[side]]))


@one_blas_thread()
def omnibus_test(
    sides: Sequence[Segments],
    order: int,
    config: ComparisonConfig,
    stop: Event | None = None,
    progress: Callable[[int, int], None] | None = None,
    workers: Workers | None = None,
) -> Omnibus:
    """Test whether the segments of several frame sets follow the same VAR.

    Parameters
    ----------
    sides : sequence of Segments
        Latents of each frame set, in any units. Each segment holds a lag pair. Their noise, if known, is accounted for.
    order : int
    config : ComparisonConfig
        Of which resamples, seed and blocks count.
    stop, workers
        As for :func:`napari_varae.core.comparison.latents.compare_latents`.
    progress : callable, optional
        Called with the draws made and planned.

    Raises
    ------
    UnusableRangesError
        When no latent varies, or a frame set is too short for the blocks.
    StoppedError
        When it was stopped before there was an answer.
    """
    units = Units(sides, order)
    whole = min(len(set(side.ranges)) for side in sides) >= FEWEST_UNITS
    samples = [
        Sample.of(
            units.scaled(side, whole), order, units.noise(side), side.covariates,
            side.range_of_pairs(order) if whole else None,
        )
        for side in sides
    ]  # fmt: skip
    exchange = _of_segments(sides, samples, order) if whole else _of_blocks(samples, config.blocks)
    observed = exchange.statistics(np.arange(sum(exchange.counts)))
    draws = _draw(exchange, config, stop, progress, workers)
    made = draws.shape[0]
    if made < FEWEST_DRAWS:
        raise StoppedError(f"Stopped after {made} of {config.resamples} resamples: too few for an answer.")
    largest, nulls = observed.max(1), draws.max(2)
    known = {name: bool(np.isfinite(value)) for name, value in zip(QUESTIONS, largest, strict=True)}
    p = (1 + (nulls >= largest * TIE).sum(0)) / (1 + made)
    return Omnibus(
        p_values={name: float(p[i]) if known[name] else math.nan for i, name in enumerate(QUESTIONS)},
        statistics={name: float(largest[i]) if known[name] else math.nan for i, name in enumerate(QUESTIONS)},
        nulls={name: nulls[:, i] if known[name] else np.zeros(0) for i, name in enumerate(QUESTIONS)},
        largest={name: exchange.pairs[int(observed[i].argmax())] for i, name in enumerate(QUESTIONS)},
        whole_segments=whole,
        n_units=sum(exchange.counts),
        n_strata=len(exchange.groups) if whole else 0,
        resamples=made,
    )


def _of_segments(sides: Sequence[Segments], samples: Sequence[Sample], order: int) -> Exchange:
    """Permute whole segments, within strata of time where their places are known."""
    placed = all(side.placed for side in sides)
    groups = strata(*(side.first_frames for side in sides)) if placed else None
    return Exchange(samples, [side.range_of_pairs(order) for side in sides], groups)


def _of_blocks(samples: Sequence[Sample], blocks: int) -> Exchange:
    """Permute blocks of consecutive lag pairs; what remains after the last one of each frame set stays."""
    shortest = min(s.count for s in samples)
    if not blocks or shortest < blocks:
        raise UnusableRangesError(
            f"The shortest frame set has {shortest} lag pairs, and blocks={blocks}: there is nothing to permute. "
            f"Choose another number of blocks, longer ranges, or {FEWEST_UNITS} segments of each condition."
        )
    length = shortest // blocks
    units = []
    for sample in samples:
        unit = np.arange(sample.count) // length
        units.append(np.where(unit < sample.count // length, unit, -1))
    return Exchange(samples, units)


def _draw(
    exchange: Exchange, config: ComparisonConfig, stop: Event | None, progress: Callable[[int, int], None] | None,
    workers: Workers | None,
) -> Array:  # fmt: skip
    """Compute the statistics (R, 3, pairs) of permutations."""
    rng = np.random.default_rng(config.seed)
    size = max(1, BATCH_PAIRS // exchange.count)
    sizes = [min(size, config.resamples - first) for first in range(0, config.resamples, size)]
    jobs = (exchange.random(some, rng) for some in sizes)
    found: list[Array] = []
    for batch in in_order(_statistics, exchange, jobs, workers, stop):
        found.append(batch)
        if progress is not None:
            progress(sum(map(len, found)), config.resamples)
    return np.concatenate(found) if found else np.zeros((0, len(QUESTIONS), len(exchange.pairs)))


def _statistics(exchange: Exchange, orders: Sequence[Order]) -> Array:
    return np.stack([exchange.statistics(order) for order in orders])
