"""How long a job will still take: from what was measured before it began, then from its own pace and its epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_varae.session.ranges import format_time

if TYPE_CHECKING:
    from napari_varae.core.fit.report import EpochReport

__all__ = ["describe_left", "seconds_left"]

RECENT = 5
"""Epochs whose mean duration counts: the first ones may be slower."""
TRUST = 0.25
"""Share of the estimate that a pace must have been measured for to count as much as the estimate."""


def describe_left(history: Sequence[EpochReport], expected: Mapping[str, float] | None, spent: dict[str, float]) -> str:
    """Give the time that a training still needs, in words; empty when nothing is known of it.

    Parameters
    ----------
    history : sequence of EpochReport
        The epochs so far; epoch 0 is the start, at which all preparation lies behind.
    expected : mapping of str to float, or None
        Seconds that each phase was estimated to need, in their order; the last are the epochs.
    spent : dict of str to float
        Seconds spent in each phase so far, the present one last.
    """
    steps = [after.seconds - before.seconds for before, after in pairwise(history) if after.epoch == before.epoch + 1]
    steps = [seconds for seconds in steps if seconds > 0][-RECENT:]  # a training that goes on counts from 0 again
    if steps:
        left = (history[-1].epochs - history[-1].epoch) * sum(steps) / len(steps)
        return f"≤ {format_time(left)} left"
    if not expected:
        return ""
    left = seconds_left(expected, spent)
    return f"about {format_time(left)} left" if left > 0 else "longer than estimated"


def seconds_left(expected: Mapping[str, float], spent: dict[str, float]) -> float:
    """Estimate the time that is left from the pace of the phases that have ended; arguments as above.

    Phases that are skipped, since the compressed movie is in the cache, count for no pace. A phase without an estimate
    belongs to the epochs, once another one has ended.
    """
    names, present = list(expected), next(reversed(spent), "")
    ended = [name for name in spent if name in expected and name != present]
    at = names.index(present) if present in expected else len(names) - 1 if ended else 0
    prior = TRUST * sum(expected.values())
    pace = (sum(spent[name] for name in ended) + prior) / (sum(expected[name] for name in ended) + prior)
    now = spent[present] if ended or present in expected else 0.0
    return max(pace * expected[names[at]] - now, 0) + pace * sum(expected[name] for name in names[at + 1 :])
