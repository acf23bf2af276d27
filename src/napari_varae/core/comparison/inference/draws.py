"""What the draws from a null distribution leave behind, and the p-values that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.sample import Array
from napari_varae.core.comparison.inference.statistic import Difference

__all__ = ["TIE", "Counted", "Draws", "Null", "chance", "count", "reached"]

TIE = 1 - 1e-3
"""Share of a score that counts as at least as large: a permutation may come again, estimates are settled to this."""

Counts = NDArray[np.int64]


class Null(Protocol):
    """A distribution in which nothing changes."""

    name: str

    def random(self, count: int, rng: np.random.Generator) -> Sequence[Any]:
        """Draw what is random, `count` times."""

    def difference(self, random: Any) -> Difference:
        """Estimate the difference that comes of one draw."""


class Counted(NamedTuple):
    """Some draws compared with the observed scores: as in :class:`Draws`, but `above` is a sum."""

    largest: Array
    largest_link: Array
    reached: Counts
    above: Counts
    unsettled: int


@dataclass(frozen=True, eq=False)
class Draws:
    """R draws from a null, compared with the observed scores.

    Attributes
    ----------
    largest, largest_link : array, shape (R,)
        The statistic: the largest score, and the largest one among links.
    reached : array, shape (K p K,)
        For each coefficient, draws in which the largest score among it and all coefficients with a lower observed score
        is at least as large as its observed one.
    above : array, shape (K p K,)
        For each coefficient, how many of all scores of a draw are at least as large as its observed one, on average.
    unsettled : int
        Draws in which the estimate of some latent did not converge.
    """

    largest: Array
    largest_link: Array
    reached: Counts
    above: Array
    unsettled: int

    @classmethod
    def of(cls, parts: Sequence[Counted], coefficients: int) -> Draws:
        """Join what was counted; of no draws at all, nothing is known."""
        if not parts:
            nothing = np.zeros(0)
            return cls(nothing, nothing, np.zeros(coefficients, np.int64), np.ones(coefficients), 0)
        largest = np.concatenate([part.largest for part in parts])
        return cls(
            largest,
            np.concatenate([part.largest_link for part in parts]),
            np.sum([part.reached for part in parts], 0),
            (1 + np.sum([part.above for part in parts], 0)) / (1 + len(largest)),
            sum(part.unsettled for part in parts),
        )

    def p_value(self, statistic: float) -> float:
        """Chance of a statistic at least as large."""
        return chance(self.largest, statistic)

    def p_of_links(self, statistic: float) -> float:
        """Chance of a score at least as large among links."""
        return chance(self.largest_link, statistic)

    def critical(self, level: float) -> float:
        """Statistic that p <= `level` takes; infinite when there are too few draws."""
        allowed = int(level * (len(self.largest) + 1) + 1e-9)
        return float(np.sort(self.largest)[-allowed]) if allowed else np.inf


def chance(null: Array, statistic: float) -> float:
    """Share of draws at least as large, the observed one among them."""
    return float((1 + (null >= statistic * TIE).sum()) / (1 + len(null)))


def count(null: Null, random: Sequence[Any], observed: Array, links: NDArray[np.bool_]) -> Counted:
    """Compare draws of a null with the observed scores (K p K,), of which `links` are those between two latents."""
    found = [null.difference(part) for part in random]
    drawn = np.stack([difference.score.ravel() for difference in found])
    above = drawn.size - np.searchsorted(np.sort(drawn, axis=None), observed * TIE)
    return Counted(
        drawn.max(1),
        drawn[:, links].max(1, initial=0),
        reached(drawn, observed),
        above,
        sum(difference.unsettled > 0 for difference in found),
    )


def reached(null: Array, observed: Array) -> Counts:
    """Count for each of M scores the rows of `null` (R, M) that reach it.

    A row does when its largest value among that score and all lower ones is at least as large.

    The counts of step-down max-T (Westfall, Young 1993).
    """
    descending = np.argsort(-observed, kind="stable")
    of_rest = np.maximum.accumulate(null[:, descending[::-1]], axis=1)[:, ::-1]
    counts = np.zeros(len(observed), np.int64)
    counts[descending] = (of_rest >= observed[descending] * TIE).sum(0)
    return counts
