"""The table of coefficients: links from one latent to another, and each latent's own past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.draws import Draws
from napari_varae.core.comparison.inference.statistic import Difference

__all__ = ["EDGE", "edge_table"]

EDGE = np.dtype(
    [
        ("lag", int), ("target", int), ("source", int), ("a", float), ("b", float), ("difference", float),
        ("low", float), ("high", float), ("student", float), ("p_adjusted", float), ("q_value", float),
        ("detectable", float),
    ]
)  # fmt: skip
"""One row of the table of coefficients."""


def edge_table(
    observed: Difference, draws: Sequence[Draws], order: int, critical: float, detectable: float
) -> NDArray[Any]:
    """Table of all coefficients, the largest studentised difference first.

    Intervals are simultaneous and p-values adjusted. `critical` is the score at which a coefficient is called
    different, `detectable` the size that would be found, in half widths of the interval.

    The false discovery rate among the coefficients down to each one is estimated by the number that the null gives
    on average over the number found (Tusher, Tibshirani, Chu 2001; all coefficients taken for equal).
    """
    k = len(observed.a)
    descending = np.argsort(-observed.score.ravel(), kind="stable")
    a, b, student, error, bound = (
        x.ravel()[descending] for x in (observed.a, observed.b, observed.student, observed.error, observed.bound)
    )
    table = np.zeros(len(descending), dtype=EDGE)
    target, column = np.divmod(descending, k * order)
    table["lag"], table["target"], table["source"] = column // k + 1, target, column % k
    table["a"], table["b"], table["difference"], table["student"] = a, b, a - b, student
    half = critical * bound * error
    table["low"], table["high"] = a - b - half, a - b + half
    p = np.max([(1 + d.reached[descending]) / (1 + len(d.largest)) for d in draws], axis=0)
    table["p_adjusted"] = np.maximum.accumulate(p)
    rate = np.max([d.above[descending] for d in draws], axis=0) / np.arange(1, len(descending) + 1)
    table["q_value"] = np.minimum.accumulate(rate[::-1])[::-1].clip(max=1)
    table["detectable"] = np.where(target == column % k, np.nan, detectable * half)
    return table
