"""All comparisons of a session as one table: those of two frame sets, and the pairs of those of several conditions."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from napari_varae.session.comparisons import Done
from napari_varae.session.conditions import ConditionsDone
from napari_varae.session.ranges import format_ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_varae.core.comparison.result import Comparison

__all__ = ["results_csv"]

QUESTIONS = ("coupling", "persistence")
PAIR = (
    "a", "b", "frames_a", "frames_b", "fit", "verdict", "reason", "p",
    *(f"{kind}_{name}" for kind in QUESTIONS for name in ("p", "difference", "low", "high", "n_differ")),
    "placebo_pairs",
)  # fmt: skip
SEVERAL = ("conditions", *(f"{kind}_{name}" for kind in QUESTIONS for name in ("p_adjusted", "p_over_all")))
"""Columns that are empty for a comparison of two frame sets."""


def results_csv(results: list[Done], several: list[ConditionsDone]) -> str:
    """Write results as CSV, one pair in a row.

    Names and frames of A and B, fit, verdict with its reason, p-values, and the largest difference with its interval. A
    pair that was compared among several conditions has besides: their names, its p-values adjusted for the number of
    pairs, and those over all conditions; its verdict is the adjusted one.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*PAIR, *SEVERAL])
    for done in results:
        writer.writerow([*_pair(done.names, done.comparison), *("" for _ in SEVERAL)])
    for compared in several:
        writer.writerows(_pairs(compared))
    return text.getvalue()


def _pair(names: tuple[str, str], result: Comparison) -> list[object]:
    """Give what every comparison of two has."""
    found: list[object] = []
    for answer in (result.coupling, result.persistence):
        found += [answer.p_value, answer.difference, *answer.interval, answer.n_differ]
    frames = [format_ranges(result.ranges[letter], None) for letter in ("a", "b")]
    return [
        *names, *frames, result.fit, result.verdict, result.judgement.reason, result.p_value, *found,
        len(result.placebo),
    ]  # fmt: skip


def _pairs(compared: ConditionsDone) -> Iterator[list[object]]:
    """Give the pairs of a comparison of several conditions."""
    found = compared.found
    for pair, result in found.pairs.items():
        row = dict(zip(PAIR, _pair(pair, result), strict=True))
        if (verdict := found.verdict(*pair)) != result.verdict:
            row |= {"verdict": verdict, "reason": f"p adjusted for {len(found.pairs)} pairs exceeds the level"}
        p_values = [p for kind in QUESTIONS for p in (found.p_adjusted[kind][pair], found.omnibus.p_values[kind])]
        yield [*row.values(), "; ".join(found.names), *p_values]
