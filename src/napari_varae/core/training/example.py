"""One held-out frame beside its reconstruction, to look at while training runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Example", "Show"]

Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Example:
    """A held-out frame and how the current state of a training draws it.

    Attributes
    ----------
    frame : int
        Frame of the movie; the held-out one with the strongest signal.
    movie, reconstruction : ndarray, shape (Y, X)
        Change from the static image, in SDs of the movie's dynamics.
    """

    frame: int
    movie: Image
    reconstruction: Image

    @property
    def residual(self) -> Image:
        """What the reconstruction leaves, shape (Y, X)."""
        residual: Image = self.movie - self.reconstruction
        return residual


Show = Callable[[Example], None]
"""Takes an example, in the thread that trains."""
