"""From frames to the dynamic part that a network takes, and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Normalisation"]

Images = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Normalisation:
    """The dynamic part of frames x is d = (x - baseline) / scale.

    Attributes
    ----------
    static : array, shape (Y, X)
        Static image, in the movie's units.
    scale : float
        Root mean square of the dynamic part, in the movie's units.
    skip : bool
        Whether the static image is subtracted; otherwise the network has to carry it.
    """

    static: Images
    scale: float
    skip: bool = True

    @cached_property
    def baseline(self) -> Images:
        """What is subtracted: the static image, or zero without a static skip, shape (Y, X)."""
        return self.static if self.skip else np.zeros_like(self.static)

    @property
    def origin(self) -> Images:
        """Dynamic part of the static image, shape (Y, X)."""
        return self.apply(self.static)

    @property
    def scaled_static(self) -> Images:
        """Static image in units of the scale, shape (Y, X)."""
        return self.static / np.float32(self.scale)

    def apply(self, frames: Images) -> Images:
        """Dynamic part of frames (..., Y, X)."""
        dynamic: Images = (frames - self.baseline) / np.float32(self.scale)
        return dynamic

    def undo(self, dynamic: Images) -> Images:
        """Frames (..., Y, X), in the movie's units, that have this dynamic part."""
        return dynamic * np.float32(self.scale) + self.baseline
