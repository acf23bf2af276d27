"""A movie in local components: what all later steps compute on, instead of on pixels.

Each tile of the image has an orthonormal basis B (P, M); a frame of it, less the static image and in units of the
scale, is c = B'd. What lies outside the basis is noise, for the most part. An everyday recording of 512 x 512 x 6000
pixels takes 3.1 GB, and its components 0.1 GB.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_varae.core.components.tiles import Tiles
from napari_varae.core.movie.normalisation import Normalisation

__all__ = ["CompressedMovie"]


@dataclass(frozen=True, eq=False)
class CompressedMovie:
    """The dynamic part of a movie in local components.

    Attributes
    ----------
    tiles : Tiles
        N tiles of P pixels.
    normalisation : Normalisation
        What was subtracted and divided by.
    basis : Tensor, shape (N, P, M)
        Orthonormal images of each tile; the first `n_common` span what changes of the whole image look like there.
    common : Tensor, shape (G, N, M)
        Images of changes of the whole image, orthonormal over all tiles, in the basis.
    traces : Tensor, shape (T, N, M)
        Components of each frame of the movie; zero for bad frames.
    variance : Tensor, shape (N, P)
        Mean square of each pixel of the averaged frames from which the basis was found, without the common part.
    bins : int
        Number of these averaged frames.
    smoothing : float
        Width (SD) of the smoothing with which the basis was found, in pixels.
    odd : tuple of int
        Frames that differ from all others in most of the image: flashes, dark frames. They entered nothing.
    unusual : tuple of int
        Frames that are dark, or shifted by several pixels. They entered all.
    """

    tiles: Tiles
    normalisation: Normalisation
    basis: Tensor
    common: Tensor
    traces: Tensor
    variance: Tensor
    bins: int
    smoothing: float
    odd: tuple[int, ...] = ()
    unusual: tuple[int, ...] = ()

    @property
    def n_common(self) -> int:
        """Number of leading basis images of each tile that changes of the whole image need."""
        return len(self.common)

    @property
    def flat(self) -> Tensor:
        """Traces, shape (T, N M)."""
        return self.traces.flatten(1)

    def expand(self, components: Tensor) -> Tensor:
        """Draw components (B, N, M) as images (B, Y, X) in units of the scale."""
        return self.tiles.join(torch.bmm(components.transpose(0, 1), self.basis.mT))
