"""Which fits a session keeps: the one in use, those that are not saved, and the last few."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit

__all__ = ["KEPT", "kept_fits"]

KEPT = 5
"""Fits that are kept although they can be loaded from a file; fits that are not saved are always kept."""


def kept_fits(fits: Sequence[Fit], in_use: Fit | None, saved: Collection[Fit]) -> list[Fit]:
    """Return the fits to keep, in order, and free what the others among them can compute again.

    Work is never lost: only fits that lie in a file are let go, the oldest first.
    """
    excess = max(0, len(fits) - KEPT)
    spare = [fit for fit in fits if fit in saved and fit is not in_use][:excess]
    kept = [fit for fit in fits if fit not in spare]
    for fit in kept:
        if fit is not in_use:
            fit.free()
    return kept
