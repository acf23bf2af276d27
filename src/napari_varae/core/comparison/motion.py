"""Do latents follow the shifts of registration? Motion that is left in the image then looks like activity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.experiment.behaviour import Behaviour
from napari_varae.core.experiment.correlation import correlate_behaviour
from napari_varae.core.movie.frame_set import FrameSet

__all__ = ["following_shifts"]

SHARE = 0.5
"""Correlation from which a quarter of the variance of a latent goes with the shifts."""
CHANCE = 4.0
"""Standard errors beyond which a correlation of independent series lies once in 16 000 pairs: rare among 3 K pairs."""


def following_shifts(
    latents: NDArray[np.float64], shifts: NDArray[np.float64], sides: Sequence[FrameSet]
) -> dict[int, float]:
    """Find latents that follow the shifts of registration in A and B, and their largest correlation with them.

    A latent may follow the shift down, the shift across, or the distance from the median place: light is lost from the
    plane either way. The correlation counts from 0.5 on, and where it is beyond chance for as many independent
    frames as the autocorrelations leave (Bartlett 1935; see :func:`correlate_behaviour`).

    Parameters
    ----------
    latents : array, shape (n, K)
        Latents of the frames of the runs of A, then of B.
    shifts : array, shape (T, 2)
        (y, x) in pixels, of all frames of the movie.
    sides : sequence of FrameSet
        A and B.

    Returns
    -------
    dict of int to float
        By latent, in order; empty when none follows.
    """
    moved = np.concatenate([_around_usual(shifts, side) for side in sides])
    lengths = [sum(stop - start for start, stop in side.runs) for side in sides]
    parts = np.split(latents, np.cumsum(lengths)[:-1])
    centred = np.concatenate([part - part.mean(axis=0) for part in parts])  # means of A and B are not what is tested
    traces = Behaviour(("y", "x", "distance"), np.arange(len(moved), dtype=float), moved, "frames")
    table = correlate_behaviour(centred, traces)
    size = table["r"].abs()
    z = np.arctanh(size.clip(upper=1 - 1e-12)) * np.sqrt((table["independent"] - 3).clip(lower=0))
    table = table[(size >= SHARE) & (z >= CHANCE)]
    largest = table.loc[table["r"].abs().groupby(table["latent"]).idxmax()]
    return {int(k): float(r) for k, r in zip(largest["latent"], largest["r"], strict=True)}


def _around_usual(shifts: NDArray[np.float64], side: FrameSet) -> NDArray[np.float64]:
    """Shifts down and across and the distance from their median, in the runs of a side, each around its mean."""
    moved = np.concatenate([shifts[start:stop] for start, stop in side.runs])
    distance = np.hypot(*(moved - np.median(moved, axis=0)).T)
    both = np.column_stack([moved, distance])
    centred: NDArray[np.float64] = both - both.mean(axis=0)
    return centred
