"""Rotation of components to simple structure: each image at one place."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_varae.core.compute.checkpoint import Check, go_on

__all__ = ["localise", "varimax"]


def localise(images: Tensor, check: Check = go_on) -> Tensor:
    """Turn orthonormal images (N, P, K) to simple structure, the stronger side of each image positive."""
    turned = torch.bmm(images, varimax(images, check=check).to(images))
    strong_side = torch.where((turned * turned.abs().square()).sum(1, keepdim=True) < 0, -1.0, 1.0)
    return turned * strong_side


def varimax(loadings: Tensor, steps: int = 100, tolerance: float = 1e-6, check: Check = go_on) -> Tensor:
    """Rotations (N, K, K) that make the squares within each column of loadings (N, P, K) most unequal (Kaiser 1958).

    The rotations of all N problems advance together; those that have settled stay.
    """
    n, _, k = loadings.shape
    columns = loadings.float()
    rotation = torch.eye(k, dtype=torch.float64).repeat(n, 1, 1)
    criterion = torch.zeros(n, dtype=torch.float64)
    moving = torch.arange(n)
    for _ in range(steps):
        check()
        some = columns[moving]
        turned = torch.bmm(some, rotation[moving].to(some))
        squares = turned.square()
        gradient = torch.bmm(some.mT, turned * (squares - squares.mean(1, keepdim=True))).double().cpu()
        rotation[moving], reached = _polar(gradient)
        going = reached >= criterion[moving] * (1 + tolerance)
        criterion[moving] = reached
        moving = moving[going]
        if not len(moving):
            break
    return rotation


def _polar(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Nearest rotation of each matrix (N, K, K), and the sum of its singular values, shape (N,)."""
    squares, vectors = torch.linalg.eigh(torch.bmm(matrices.mT, matrices))
    values = squares.clamp(min=1e-14 * float(squares.max().clamp(min=1e-300))).sqrt()
    rotation = torch.bmm(matrices, torch.bmm(vectors / values[:, None], vectors.mT))
    if float((torch.bmm(rotation.mT, rotation) - torch.eye(rotation.shape[1])).abs().max()) > 1e-6:  # nearly singular
        u, values, vh = torch.linalg.svd(matrices)
        rotation = torch.bmm(u, vh)
    return rotation, values.sum(1)
