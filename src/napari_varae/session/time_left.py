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


def describe_left(
    history: Sequence[EpochReport], expected: Mapping[str, float] | None, phase: str, began: float, elapsed: float
) -> str:
    """Give the time that a training still needs, in words; empty when nothing is known of it.

    Parameters
    ----------
    history : sequence of EpochReport
        The epochs so far; epoch 0 is the start, at which all preparation lies behind.
    expected : mapping of str to float, or None
        Seconds that each phase was estimated to need, in their order; the last are the epochs.
    phase : str
        The one that runs.
    began, elapsed : float
        Seconds from the beginning of the job to that of the phase, and until now.
    """
    steps = [after.seconds - before.seconds for before, after in pairwise(history) if after.epoch == before.epoch + 1]
    steps = [seconds for seconds in steps if seconds > 0][-RECENT:]  # a training that goes on counts from 0 again
    if steps:
        left = (history[-1].epochs - history[-1].epoch) * sum(steps) / len(steps)
        return f"≤ {format_time(left)} left"
    if not expected:
        return ""
    left = seconds_left(expected, phase if phase or not history else list(expected)[-1], began, elapsed)
    return f"about {format_time(left)} left" if left > 0 else "longer than estimated"


def seconds_left(expected: Mapping[str, float], phase: str, began: float, elapsed: float) -> float:
    """Estimate the time that is left from the pace of the phases before this one; arguments as above."""
    names, seconds = list(expected), list(expected.values())
    at = names.index(phase) if phase in names else 0
    prior = TRUST * sum(seconds)
    pace = (began + prior) / (sum(seconds[:at]) + prior) if at else 1.0
    return max(pace * seconds[at] - (elapsed - began), 0) + pace * sum(seconds[at + 1 :])
