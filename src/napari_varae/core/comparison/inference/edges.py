"""The table of coefficients: links from one latent to another, and each latent's own past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.draws import Draws
from napari_varae.core.comparison.inference.lag_pairs import Array
from napari_varae.core.comparison.inference.statistic import Difference, own_past

__all__ = ["EDGE", "edge_table"]

EDGE = np.dtype(
    [
        ("lag", int), ("target", int), ("source", int), ("a", float), ("b", float), ("difference", float),
        ("low", float), ("high", float), ("student", float), ("p_adjusted", float), ("p_within", float),
        ("q_value", float), ("detectable", float),
    ]
)  # fmt: skip
"""One row of the table of coefficients."""


def edge_table(
    observed: Difference, draws: Sequence[Draws], order: int, critical: dict[str, float], detectable: Array
) -> NDArray[Any]:
    """Table of all coefficients, the largest studentised difference first.

    P-values are adjusted over all coefficients; `p_within` is adjusted, and intervals are simultaneous, over those of
    the same question, all links or all own past. `critical` are the scores at which one is called different,
    `detectable` (K, p K) is the size of a change that would be found.

    The false discovery rate among the coefficients down to each one is estimated by the number that the null gives
    on average over the number found (Tusher, Tibshirani, Chu 2001; all coefficients taken for equal).
    """
    k = len(observed.a)
    descending = np.argsort(-observed.score.ravel(), kind="stable")
    within = np.empty(observed.score.shape)
    own = own_past(k, k * order)
    half = observed.bound_apart * observed.error
    for name, mask in (("coupling", ~own), ("persistence", own)):
        within[mask] = _step_down(name, observed, draws)
        half[mask] *= critical[name]
    a, b, student, half, within, detectable = (
        x.ravel()[descending] for x in (observed.a, observed.b, observed.student, half, within, detectable)
    )
    table = np.zeros(len(descending), dtype=EDGE)
    target, column = np.divmod(descending, k * order)
    table["lag"], table["target"], table["source"] = column // k + 1, target, column % k
    table["a"], table["b"], table["difference"], table["student"] = a, b, a - b, student
    table["low"], table["high"] = a - b - half, a - b + half
    table["p_adjusted"] = _step_down("any", observed, draws)[descending]
    table["p_within"] = within
    rate = np.max([d.above[descending] for d in draws], axis=0) / np.arange(1, len(descending) + 1)
    table["q_value"] = np.minimum.accumulate(rate[::-1])[::-1].clip(max=1)
    table["detectable"] = detectable
    return table


def _step_down(question: str, observed: Difference, draws: Sequence[Draws]) -> Array:
    """P-values (M,) by step-down max-T over the coefficients that a question is about; the larger of all nulls."""
    descending = np.argsort(-observed.scores[question], kind="stable")
    p = np.max([(1 + d.questions[question].reached[descending]) / (1 + d.made) for d in draws], axis=0)
    adjusted = np.empty(len(descending))
    adjusted[descending] = np.maximum.accumulate(p)
    return adjusted
