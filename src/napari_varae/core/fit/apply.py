"""A fit applied to a movie, which need not be the one that it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.odd_frames import OddFrames, Watch
from napari_varae.core.movie.stack import Stack

__all__ = ["Applied", "apply_fit"]

BLOCK = 64
"""Frames that are encoded between two reports of progress."""


class Applied(NamedTuple):
    """What a fit finds in a movie.

    Attributes
    ----------
    latents : array, shape (T, K)
    movie : str
        Fingerprint of the movie.
    explained : float or None
        Fraction of the variance around the static image that the reconstruction explains, over good frames. None for
        the movie that the fit was trained on: its history states the fraction for held-out frames.
    odd : OddFrames
        The mean of each frame, and the frames that differ from all others. Of these, bright and dark ones are left out
        of `explained`.
    """

    latents: NDArray[np.float32]
    movie: str
    explained: float | None
    odd: OddFrames


def apply_fit(fit: Fit, stack: Stack, progress: Callable[[int, int], None] | None = None) -> Applied:
    """Find the latents of a movie, and how well they describe one that the fit was not trained on.

    `progress` is called with the number of frames that are encoded, and of all.

    Raises
    ------
    ValueError
        When the image size is another one.
    StackError
        When frames cannot be read or have NaN or infinite pixels.
    """
    fit.check(stack)
    movie = stack.fingerprint()
    foreign = fit.caution(movie) is not None
    latents, errors, watch = [], np.zeros((stack.n_frames, 2)), Watch(fit.static, stack.shifts)
    for first in range(0, stack.n_frames, BLOCK):
        if progress is not None:
            progress(first, stack.n_frames)
        last = min(first + BLOCK, stack.n_frames)
        frames = stack.read(first, last)
        watch.add(frames)
        latents.append(fit.encode_frames(frames))
        if foreign:
            for i, images in enumerate((fit.decode(latents[-1]), fit.static)):
                errors[first:last, i] = np.square(frames - images).sum((1, 2), dtype=np.float64)
    odd = watch.find(stack.good_frames())
    usual = stack.good_frames()
    usual[[frame for frame, kind in odd.kinds.items() if kind != "displaced"]] = False
    unexplained, total = errors[usual].sum(0)
    return Applied(np.concatenate(latents), movie, float(1 - unexplained / total) if total > 0 else None, odd)
