"""How long a job will still take: from what was measured before it began, then from its own epochs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_varae.session.ranges import format_time

if TYPE_CHECKING:
    from napari_varae.core.fit.report import EpochReport

__all__ = ["describe_left"]

RECENT = 5
"""Epochs whose mean duration counts: the first ones may be slower."""


def describe_left(history: Sequence[EpochReport], expected: float | None, elapsed: float) -> str:
    """Give the time that a training still needs, in words; empty when nothing is known of it.

    Parameters
    ----------
    history : sequence of EpochReport
        The epochs so far; epoch 0 is the start, at which all preparation lies behind.
    expected : float or None
        Seconds that it was estimated to need, all in all.
    elapsed : float
        Seconds since it began.
    """
    steps = [after.seconds - before.seconds for before, after in pairwise(history) if after.epoch == before.epoch + 1]
    steps = [seconds for seconds in steps if seconds > 0][-RECENT:]  # a training that goes on counts from 0 again
    if steps:
        left = (history[-1].epochs - history[-1].epoch) * sum(steps) / len(steps)
        return f"≤ {format_time(left)} left"
    if expected is None:
        return ""
    return f"about {format_time(expected - elapsed)} left" if elapsed < expected else "longer than estimated"
