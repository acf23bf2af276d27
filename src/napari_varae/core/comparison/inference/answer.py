"""What the test answers to one question: whether links differ (coupling), or own past does (persistence)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.draws import Draws
from napari_varae.core.comparison.inference.lag_pairs import Array
from napari_varae.core.comparison.inference.statistic import Difference, own_past

__all__ = ["Answer", "answer", "critical_scores"]


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to one question; NaN throughout, with an empty null, where no coefficient belongs to it.

    Attributes
    ----------
    p_value : float
        Chance, under equal coefficients, of a statistic at least as large; the larger one of the null distributions.
    statistic : float
        Largest absolute studentised difference of these coefficients, in units of the size that chance reaches.
    null : array, shape (R,)
        The statistic in each draw, from the null distribution with the larger p-value.
    p_of_null : dict
        The p-value of each null distribution.
    difference : float
        The coefficient in A minus that in B with the largest studentised difference, on latents of SD 1.
    interval : (float, float)
        Its confidence interval at 1 - level, simultaneous over the coefficients of the question.
    coefficient : (int, int, int)
        Its lag, target and source.
    n_differ, n_coefficients : int
        Coefficients that differ at the level (step-down max-T among those of the question), and how many there are.
    detectable : float
        Size of a change that would be found with a chance of 80 %, median over these coefficients; NaN where unknown.
    """

    p_value: float
    statistic: float
    null: Array
    p_of_null: dict[str, float]
    difference: float
    interval: tuple[float, float]
    coefficient: tuple[int, int, int]
    n_differ: int
    n_coefficients: int
    detectable: float

    def __repr__(self) -> str:
        low, high = self.interval
        found = f"largest difference {self.difference:.3g} ({low:.3g} to {high:.3g})"
        return f"Answer(p = {self.p_value:.3g}, {found}, {self.n_differ} of {self.n_coefficients} differ)"


def answer(
    question: str,
    observed: Difference,
    draws: dict[str, Draws],
    critical: float,
    edges: NDArray[Any],
    alive: NDArray[np.int64],
    level: float,
) -> Answer:
    """Answer one question from the draws of each null.

    Parameters
    ----------
    question : str
        "coupling" or "persistence".
    observed : Difference
    draws : dict of str to Draws
        By the name of the null.
    critical : float
        Score at which one of its coefficients is called different.
    edges : structured array
        The table of all coefficients.
    alive : array of int, shape (K,)
        Numbers of the latents that were compared.
    level : float
    """
    scores = observed.scores[question]
    own = edges["target"] == edges["source"]
    rows = edges[own if question == "persistence" else ~own]
    if not len(scores):
        nothing = (math.nan, math.nan)
        return Answer(math.nan, math.nan, np.zeros(0), {}, math.nan, nothing, (0, 0, 0), 0, 0, math.nan)
    statistic = float(scores.max())
    p_of_null = {name: part.questions[question].p_value(statistic) for name, part in draws.items()}
    worst = max(p_of_null, key=lambda name: p_of_null[name])
    mask = own_past(*observed.score.shape)
    mask = mask if question == "persistence" else ~mask
    first = int(scores.argmax())
    gap = float((observed.a - observed.b)[mask][first])
    half = critical * float((observed.bound_apart * observed.error)[mask][first])
    target, column = (int(axis[first]) for axis in np.nonzero(mask))
    return Answer(
        p_of_null[worst],
        statistic,
        draws[worst].questions[question].largest,
        p_of_null,
        gap,
        (gap - half, gap + half),
        (column // len(mask) + 1, int(alive[target]), int(alive[column % len(mask)])),
        int((rows["p_within"] <= level).sum()),
        len(rows),
        float(np.median(rows["detectable"])),
    )


def critical_scores(draws: Sequence[Draws], level: float) -> dict[str, float]:
    """Score at which a coefficient is called different, for each question: the larger one of all nulls."""
    return {name: max(d.questions[name].critical(level) for d in draws) for name in draws[0].questions}
