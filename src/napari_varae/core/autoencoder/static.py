"""The static pathway: feature images of the static image, and what changes of the whole image look like."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_varae.core.autoencoder.weights import convolution

__all__ = ["WHOLE", "StaticFeatures", "TiledFeatures", "derivatives", "grid_shape", "orthonormal"]

_DERIVATIVES = 5


def grid_shape(image: tuple[int, int], step: int) -> tuple[int, int]:
    """Rows and columns (h, w) of the coarse grid that covers an image of (Y, X) pixels."""
    return -(-image[0] // step), -(-image[1] // step)


WHOLE = ("offset", "brightness", "vertical motion", "horizontal motion", "focus")
"""What :func:`derivatives` look like."""


def derivatives(static: Tensor) -> Tensor:
    """Images (5, Y, X) of changes of a whole image (Y, X), each with unit mean square.

    The constant, the image, its two derivatives and its Laplacian: what the changes named in :data:`WHOLE` look like.
    """
    z = (static - static.mean()) / static.std().clamp(min=1e-6)
    padded = F.pad(z[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    dy = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    dx = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    laplacian = padded[2:, 1:-1] + padded[:-2, 1:-1] + padded[1:-1, 2:] + padded[1:-1, :-2] - 4 * z
    return _unit(torch.stack([torch.ones_like(z), z, dy, dx, laplacian]))


def _unit(images: Tensor) -> Tensor:
    """Give images (C, Y, X) unit mean square."""
    return images / images.square().mean((1, 2), keepdim=True).sqrt().clamp(min=1e-6)


class StaticFeatures(nn.Module):
    """Static pathway g: feature images (C, Y, X) of the static image (Y, X), each with unit mean square.

    The first five are those of :func:`derivatives`, the others learned convolutions of the image.
    """

    def __init__(self, channels: int, random: torch.Generator | None = None) -> None:
        super().__init__()
        self.channels = channels
        random = random or torch.Generator().manual_seed(0)
        self.learned = nn.Sequential(
            convolution(random, 1, 8, 5, padding=2, padding_mode="replicate"),
            nn.GELU(),
            convolution(random, 8, max(channels - _DERIVATIVES, 1), 3, padding=1, padding_mode="replicate"),
        )

    def forward(self, static: Tensor) -> Tensor:
        """Compute the feature images (C, Y, X) of a static image (Y, X)."""
        fixed = derivatives(static)
        features = torch.cat([fixed, _unit(self.learned(fixed[1][None, None])[0])])
        return features[: self.channels]


class TiledFeatures(nn.Module):
    """Stands in for the static pathway without a skip: one learned pattern per channel, the same at every place."""

    def __init__(self, channels: int, step: int) -> None:
        super().__init__()
        u = (torch.arange(step) + 0.5) * math.pi / step
        waves = sorted(((a, b) for a in range(step) for b in range(step)), key=lambda ab: (sum(ab), ab))[:channels]
        self.patterns = nn.Parameter(torch.stack([torch.outer(torch.cos(a * u), torch.cos(b * u)) for a, b in waves]))

    @property
    def channels(self) -> int:
        """Number of patterns C, at most step^2."""
        return len(self.patterns)

    def forward(self, static: Tensor) -> Tensor:
        """Tile an image of the size of the static one (Y, X) with the patterns, shape (C, Y, X)."""
        h, w = grid_shape((static.shape[0], static.shape[1]), self.patterns.shape[-1])
        return self.patterns.repeat(1, h, w)[:, : static.shape[0], : static.shape[1]]


def orthonormal(images: Tensor) -> Tensor:
    """Orthonormal basis (P, rank) of a few images (P, G), by Gram and Schmidt.

    Each keeps its direction but for those before it; one that these explain is left out.
    """
    basis: list[Tensor] = []
    for image in images.double().T:
        residual = image
        for _reorthogonalise in range(2):
            for known in basis:
                residual = residual - (known @ residual) * known
        if residual.norm() > 1e-5 * images.norm(dim=0).max():
            basis.append(residual / residual.norm())
    return torch.stack(basis, 1).to(images.dtype) if basis else images[:, :0]
