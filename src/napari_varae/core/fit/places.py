"""Where a footprint lies: its main part, which is what it consists of mostly, and the centre of that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["LEVEL", "main_part", "place"]

LEVEL = 0.5
"""Share of its largest value that a footprint exceeds where it lies."""


def main_part(size: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark the main part of the size of a footprint, shape (Y, X).

    A footprint may lie in several places, each of them connected pixels of at least half of its largest value. The main
    part is the one over which these sum to the most. Nothing is marked where all is zero.
    """
    above: NDArray[np.bool_] = size >= LEVEL * size.max()
    if not size.max() > 0:
        return np.zeros_like(above)
    labels, count = ndimage.label(above)
    if count == 1:
        return above
    sums = ndimage.sum_labels(size, labels, np.arange(1, count + 1))
    main: NDArray[np.bool_] = labels == 1 + int(np.argmax(sums))
    return main


def place(size: NDArray[np.float32]) -> NDArray[np.float64]:
    """Centre (y, x) of the main part of the size of a footprint; that of the image where all is zero.

    The centre of several parts would lie between them, where the footprint is not.
    """
    pixels = np.argwhere(main_part(size))
    if not len(pixels):
        return (np.array(size.shape) - 1) / 2
    centre: NDArray[np.float64] = np.average(pixels, axis=0, weights=size[tuple(pixels.T)].astype(np.float64))
    return centre
