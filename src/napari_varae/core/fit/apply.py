"""A fit applied to a movie, which need not be the one that it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.fit.fit import Fit
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
    """

    latents: NDArray[np.float32]
    movie: str
    explained: float | None


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
    foreign, latents, errors = fit.caution(movie) is not None, [], np.zeros(2)
    for first in range(0, stack.n_frames, BLOCK):
        if progress is not None:
            progress(first, stack.n_frames)
        block = first, min(first + BLOCK, stack.n_frames)
        latents.append(fit.encode(stack, block))
        if foreign:
            good = stack.good_frames(*block)
            frames = stack.read(*block)[good]
            for i, images in enumerate((fit.decode(latents[-1][good]), fit.static)):
                errors[i] += np.square(frames - images).sum(dtype=np.float64)
    explained = float(1 - errors[0] / errors[1]) if errors[1] > 0 else None
    return Applied(np.concatenate(latents), movie, explained)
