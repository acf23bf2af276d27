"""A linear map between latents and tiled images, of which each tile knows only the latents that reach into it."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["draw", "gather", "gram", "project"]


def gather(latents: Tensor, members: Tensor) -> Tensor:
    """Latents (B, K) of each tile, shape (N, B, L), zero where `members` (N, L) is -1."""
    padded = torch.cat([latents, latents.new_zeros(len(latents), 1)], 1)
    return padded[:, members].transpose(0, 1)  # -1 is the last column


def draw(latents: Tensor, images: Tensor, members: Tensor) -> Tensor:
    """Tiles (N, B, P) from latents (B, K), images (N, L, P) and members (N, L)."""
    return torch.bmm(gather(latents, members), images)


def project(tiles: Tensor, images: Tensor, members: Tensor, latents: int) -> Tensor:
    """Products of tiles (N, B, P) with images (N, L, P), summed over tiles, shape (B, K)."""
    products = torch.bmm(images, tiles.mT)  # (N, L, B)
    found = products.new_zeros(latents + 1, tiles.shape[1])
    index = torch.where(members < 0, latents, members).flatten()
    return found.index_add(0, index, products.flatten(0, 1))[:latents].mT


def gram(images: Tensor, members: Tensor, latents: int) -> Tensor:
    """Products (K, K) of the images (N, L, P) of all latents, summed over tiles, in float64."""
    products = torch.bmm(images, images.mT).double()
    index = torch.where(members < 0, latents, members)
    flat = (index[:, :, None] * (latents + 1) + index[:, None, :]).flatten()
    found = products.new_zeros((latents + 1) ** 2).index_add(0, flat, products.flatten())
    return found.view(latents + 1, latents + 1)[:latents, :latents]
