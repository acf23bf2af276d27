"""The response that trials have in common: it moves latents together at fixed times, and is not dynamics."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.movie.frame_set import FrameSet

__all__ = ["FEWEST_TRIALS", "Response", "mean_response"]

Array = NDArray[np.float64]

FEWEST_TRIALS = 4
"""Trials of which a mean response can be subtracted."""
SURE = 5.0
"""Standard errors by which the size of a mean response has to exceed what chance gives."""


class Response(NamedTuple):
    """Mean latents (L, K) of trials of L frames, less that of all frames, and where in its trial each run begins."""

    course: Array
    offsets: list[int]

    def subtracted_from(self, segments: Segments) -> Segments:
        """Latents of each run without it."""
        pairs = zip(self.offsets, segments.latents, strict=True)
        return segments.replaced(z - self.course[at : at + len(z)] for at, z in pairs)

    def strongest(self, segments: Segments) -> int | None:
        """Latent with the strongest response, if it is more than chance.

        The mean of n independent trials varies over time by 1 / n of what they do.
        """
        rest = self.subtracted_from(segments).joined
        trials, share = len(rest) / len(self.course), segments.effective_frames / len(segments)
        by_chance = rest.var(0) / (trials - 1)
        size = np.divide(self.course.var(0), by_chance, out=np.zeros_like(by_chance), where=by_chance > 0)
        if size.max() <= 1 + SURE * np.sqrt(2 / max(1.0, share * len(self.course))):
            return None
        return int(size.argmax())


def mean_response(frames: FrameSet, segments: Segments) -> Response | None:
    """Average latents over trials, the ranges of a frame set; None when these are few or of unequal length.

    Parameters
    ----------
    frames : FrameSet
    segments : Segments
        Latents of runs of good frames within its ranges.
    """
    lengths = {stop - start for start, stop in frames.ranges}
    if len(frames.ranges) < FEWEST_TRIALS or len(lengths) > 1:
        return None
    begins = np.array([start for start, _ in frames.ranges])
    offsets = [int(start - begins[np.searchsorted(begins, start, "right") - 1]) for start in segments.starts]
    total = np.zeros((*lengths, segments.latents[0].shape[1]))
    count = np.zeros((len(total), 1))
    for at, z in zip(offsets, segments.latents, strict=True):
        total[at : at + len(z)] += z
        count[at : at + len(z)] += 1
    course = np.where(count > 0, total / count.clip(1) - total.sum(0) / count.sum(), 0)
    return Response(course, offsets)
