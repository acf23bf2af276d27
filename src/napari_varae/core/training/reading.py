"""Latents of a movie in components, by footprints at the start of a training."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.autoencoder.footprints import Footprints
from napari_varae.core.autoencoder.tiled import draw, gram, project
from napari_varae.core.components.compressed import CompressedMovie

__all__ = ["Reading", "unmixing"]

RIDGE = 1e-4
"""Ridge of the filters, as a share of the mean square of the footprints."""
AT_ONCE = 512
"""Frames that are read at a time."""


def unmixing(products: Tensor) -> Tensor:
    """Matrix (K, K) that makes least squares of products with footprints, of which `products` are among each other."""
    ridge = RIDGE * products.diagonal().mean().clamp(min=1e-12) * torch.eye(len(products), dtype=products.dtype)
    return torch.cholesky_inverse(torch.linalg.cholesky(products + ridge)).float()


class Reading(NamedTuple):
    """Footprints in the components of each tile (N, L, M), which latents they are (N, L), and what unmixes them."""

    drawn: Tensor
    members: Tensor
    unmix: Tensor
    latents: int

    @classmethod
    def of(cls, movie: CompressedMovie, footprints: Footprints) -> Reading:
        """Read a movie by least squares on footprints."""
        drawn = torch.bmm(footprints.images, movie.basis)
        unmix = unmixing(gram(drawn, footprints.members, footprints.latents))
        return cls(drawn, footprints.members, unmix, footprints.latents)

    def encode(self, components: Tensor) -> NDArray[np.float32]:
        """Latents (T, K) of components (T, N, M)."""
        z = [project(c.transpose(0, 1), self.drawn, self.members, self.latents) for c in components.split(AT_ONCE)]
        found: NDArray[np.float32] = (torch.cat(z) @ self.unmix).numpy()
        return found

    def draw(self, latents: Tensor) -> Tensor:
        """Components (N, B, M) of latents (B, K)."""
        return draw(latents, self.drawn, self.members)
