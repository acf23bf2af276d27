"""What changes of a whole image look like, drawn from its static image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["WHOLE", "derivatives", "orthonormal"]

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
    images = torch.stack([torch.ones_like(z), z, dy, dx, laplacian])
    return images / images.square().mean((1, 2), keepdim=True).sqrt().clamp(min=1e-6)


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
