"""The response that trials have in common: it moves latents together at fixed times, and is no dynamics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.movie.frames import FrameRange

__all__ = ["FEWEST", "Response", "mean_response", "response_caution"]

Array = NDArray[np.float64]

FEWEST = 4
"""Trials whose mean says something of their response."""
SURE = 5.0
"""Standard errors by which the size of a mean response has to exceed what chance gives."""


class Response(NamedTuple):
    """Mean latents (L, K) of trials of L frames, less that of all frames, and where in its trial each run begins."""

    course: Array
    offsets: list[int]

    def taken_from(self, latents: Sequence[Array]) -> list[Array]:
        """Latents of each run without it."""
        return [z - self.course[at : at + len(z)] for at, z in zip(self.offsets, latents, strict=True)]


def mean_response(parts: Sequence[FrameRange], runs: Sequence[FrameRange], latents: Sequence[Array]) -> Response | None:
    """Average latents over trials, the parts of a range; None when these are few or of unequal length.

    Parameters
    ----------
    parts : sequence of (int, int)
        The trials, in order.
    runs : sequence of (int, int)
        Runs of good frames within these.
    latents : sequence of array, shape (T_r, K)
        Of each run.
    """
    lengths = {stop - start for start, stop in parts}
    if len(parts) < FEWEST or len(lengths) > 1:
        return None
    begins = np.array([start for start, _ in parts])
    offsets = [int(start - begins[np.searchsorted(begins, start, "right") - 1]) for start, _ in runs]
    total = np.zeros((*lengths, latents[0].shape[1]))
    count = np.zeros((len(total), 1))
    for at, z in zip(offsets, latents, strict=True):
        total[at : at + len(z)] += z
        count[at : at + len(z)] += 1
    course = np.where(count > 0, total / count.clip(1) - total.sum(0) / count.sum(), 0)
    return Response(course, offsets)


def response_caution(name: str, response: Response | None, latents: Sequence[Array], share: float) -> tuple[str, ...]:
    """Say so when the trials of a range have a response.

    The mean of n independent trials varies over time by 1 / n of what they do. `share` is how many independent frames
    a frame is worth (:func:`napari_varae.core.comparison.notes.effective_frames`).
    """
    if response is None:
        return ()
    rest = np.concatenate(response.taken_from(latents))
    trials = len(rest) / len(response.course)
    by_chance = rest.var(0) / (trials - 1)
    size = np.divide(response.course.var(0), by_chance, out=np.zeros_like(by_chance), where=by_chance > 0)
    if size.max() <= 1 + SURE * np.sqrt(2 / max(1.0, share * len(response.course))):
        return ()
    text = (
        f"{name} consists of trials with a response at a fixed time (latent {int(size.argmax())} most). To this test a "
        "response is a change of dynamics: take it away first (Subtract responses), unless you ask about both."
    )
    return (text,)
