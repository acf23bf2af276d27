"""The latents of a movie by one fit, each frame encoded once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.frames import FrameRange, check_range
from napari_varae.core.movie.stack import Stack

__all__ = ["MovieLatents"]

PIECE = 256
"""Frames that are encoded between two checks."""


class MovieLatents:
    """Latents (T, K) of a movie, encoded when they are first asked for.

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie.
    known : array, shape (T, K), optional
        The latents of all frames, where these are there already (:meth:`Fit.encode` of the movie).

    Raises
    ------
    ValueError
        When the image size is another one, or `known` does not fit.
    """

    def __init__(self, fit: Fit, stack: Stack, known: ArrayLike | None = None) -> None:
        fit.check(stack)
        self.fit, self.stack = fit, stack
        shape = stack.n_frames, fit.latents
        if known is None:
            self._latents, self._there = np.zeros(shape, np.float32), np.zeros(stack.n_frames, dtype=bool)
        else:
            self._latents = np.asarray(known)
            self._there = np.ones(stack.n_frames, dtype=bool)
        if self._latents.shape != shape:
            raise ValueError(f"latents has shape {self._latents.shape}; those of this movie by this fit are {shape}.")

    def read(self, frames: FrameRange | None = None, check: Check = go_on) -> NDArray[np.float64]:
        """Return the latents of a range, shape (n, K); `check` is asked between pieces.

        Raises
        ------
        ValueError
            When the range lies outside the movie.
        StackError
            When frames cannot be read.
        """
        start, stop = check_range(frames, self.stack.n_frames)
        for first in range(start, stop, PIECE):
            last = min(first + PIECE, stop)
            check()
            if not self._there[first:last].all():
                self._latents[first:last] = self.fit.encode(self.stack, (first, last))
                self._there[first:last] = True
        return self._latents[start:stop].astype(np.float64)
