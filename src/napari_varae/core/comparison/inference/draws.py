"""What the draws from a null distribution leave behind, and the p-values that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.lag_pairs import Array
from napari_varae.core.comparison.inference.statistic import Difference

__all__ = ["TIE", "Counted", "Draws", "Null", "Question", "Ranked", "Scores", "count", "p_value", "reached"]

TIE = 1 - 1e-3
"""Share of a score that counts as at least as large: a permutation may come again, estimates are settled to this."""

Counts = NDArray[np.int64]
Scores = dict[str, Array]
"""Scores (M,) of the coefficients that each question is about."""


class Null(Protocol):
    """A distribution in which nothing changes."""

    name: str

    def random(self, count: int, rng: np.random.Generator) -> Sequence[Any]:
        """Draw what is random, `count` times."""

    def difference(self, random: Any) -> Difference:
        """Estimate the difference that comes of one draw."""


class Question(NamedTuple):
    """R draws from a null, of the coefficients (M,) that one question is about.

    Attributes
    ----------
    largest : array, shape (R,)
        The statistic: the largest score.
    reached : array, shape (M,)
        For each coefficient, draws in which the largest score among it and all coefficients with a lower observed score
        is at least as large as its observed one.
    """

    largest: Array
    reached: Counts

    def p_value(self, statistic: float) -> float:
        """Chance of a statistic at least as large."""
        return p_value(self.largest, statistic)

    def critical(self, level: float) -> float:
        """Statistic that p <= `level` takes; infinite when there are too few draws."""
        allowed = int(level * (len(self.largest) + 1) + 1e-9)
        return float(np.sort(self.largest)[-allowed]) if allowed else np.inf


class Ranked(NamedTuple):
    """Observed scores (M,) of a question, and the same in units of a tie in ascending order, with their places."""

    scores: Array
    ascending: Array
    places: Counts

    @classmethod
    def of(cls, scores: Array) -> Ranked:
        """Sort them once for all draws; of equal ones the first comes last."""
        places = np.argsort(-scores, kind="stable")[::-1]
        return cls(scores, scores[places] * TIE, places)


class Counted(NamedTuple):
    """Some draws compared with the observed scores: as in :class:`Draws`, but `above` is a sum."""

    questions: dict[str, Question]
    above: Counts
    unsettled: int


@dataclass(frozen=True, eq=False)
class Draws:
    """R draws from a null, compared with the observed scores.

    Attributes
    ----------
    questions : dict of str to Question
        The same draws for each of the :data:`napari_varae.core.comparison.inference.statistic.QUESTIONS`.
    above : array, shape (K p K,)
        For each coefficient, how many of all scores of a draw are at least as large as its observed one, on average.
    unsettled : int
        Draws in which the estimate of some latent did not converge.
    """

    questions: dict[str, Question]
    above: Array
    unsettled: int

    @classmethod
    def of(cls, parts: Sequence[Counted], observed: Scores) -> Draws:
        """Join what was counted; of no draws at all, nothing is known."""
        if not parts:
            unknown = {name: Question(np.zeros(0), np.zeros(len(x), np.int64)) for name, x in observed.items()}
            return cls(unknown, np.ones(len(observed["any"])), 0)
        questions = {}
        for name in observed:
            some = [part.questions[name] for part in parts]
            questions[name] = Question(
                np.concatenate([part.largest for part in some]), np.sum([part.reached for part in some], 0)
            )
        made = len(questions["any"].largest)
        above = (1 + np.sum([part.above for part in parts], 0)) / (1 + made)
        return cls(questions, above, sum(part.unsettled for part in parts))

    @property
    def made(self) -> int:
        """Number of draws."""
        return len(self.questions["any"].largest)


def p_value(null: Array, statistic: float) -> float:
    """Chance, by the draws `null` (R,), of a statistic at least as large."""
    return float((1 + (null >= statistic * TIE).sum()) / (1 + len(null)))


def count(null: Null, random: Sequence[Any], observed: Mapping[str, Ranked]) -> Counted:
    """Compare draws of a null with the observed scores."""
    found = [null.difference(part) for part in random]
    drawn = {name: np.stack([difference.scores[name] for difference in found]) for name in observed}
    questions = {
        name: Question(scores.max(1, initial=0), reached(scores, observed[name])) for name, scores in drawn.items()
    }
    every, ranked = drawn["any"], observed["any"]
    above = np.empty(len(ranked.places), np.int64)
    above[ranked.places] = every.size - np.searchsorted(np.sort(every, axis=None), ranked.ascending)
    return Counted(questions, above, sum(difference.unsettled > 0 for difference in found))


def reached(null: Array, observed: Ranked) -> Counts:
    """Count for each of M scores the rows of `null` (R, M) that reach it.

    A row does when its largest value among that score and all lower ones is at least as large.

    The counts of step-down max-T (Westfall, Young 1993).
    """
    counts = np.zeros(len(observed.places), np.int64)
    for row in null:
        counts += np.maximum.accumulate(row[observed.places]) >= observed.ascending
    found = np.empty_like(counts)
    found[observed.places] = counts
    return found
