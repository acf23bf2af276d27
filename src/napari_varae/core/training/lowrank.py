"""Leading components of tiled frames, by a randomised range finder, and of several such parts together.

The components are those of smoothed frames; it is the few random images that are smoothed, not the many frames, since
X S (S' X' ...) needs the smoothing S only on the side of the pixels (Halko, Martinsson, Tropp 2011, algorithm 4.4).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

__all__ = ["leading_components", "merge_components", "smoothing_matrix"]

OVERSAMPLING = 8
"""Random images beyond the number of components."""
RANK = 1e-10
"""Share of the largest sum of squares below which a direction is rounding: float32 has seven digits."""
POWER = 2
"""Rounds of the power iteration; the spectrum of noisy movies decays slowly."""
POWER_KNOWN = 1
"""Rounds of the power iteration that starts from components of other frames."""


@lru_cache(maxsize=8)
def smoothing_matrix(edge: int, width: float) -> Tensor:
    """Matrix (edge, edge) that smooths one axis of a tile with a Gaussian of this width in pixels."""
    return torch.from_numpy(gaussian_filter1d(np.eye(edge, dtype=np.float32), width, axis=0, mode="nearest"))


def _smooth(images: Tensor, edge: int, width: float) -> Tensor:
    """Smooth images (N, P, q) of tiles."""
    if not width:
        return images
    n, _, q = images.shape
    matrix = smoothing_matrix(edge, width).to(images)
    once = (matrix @ images.reshape(n, edge, edge * q)).view(n, edge, edge, q)
    return (matrix @ once).reshape(n, edge * edge, q)


def _smooth_transpose(images: Tensor, edge: int, width: float) -> Tensor:
    if not width:
        return images
    n, _, q = images.shape
    matrix = smoothing_matrix(edge, width).to(images).T.contiguous()
    once = (matrix @ images.reshape(n, edge, edge * q)).view(n, edge, edge, q)
    return (matrix @ once).reshape(n, edge * edge, q)


def leading_components(
    frames: Tensor, count: int, edge: int, width: float, random: torch.Generator, known: Tensor | None = None
) -> Tensor:
    """Leading components of smoothed frames, tile by tile.

    Parameters
    ----------
    frames : Tensor, shape (N, B, P)
        Frames of each tile.
    count : int
        Number of components.
    edge : int
        Edge of a tile, P = edge^2.
    width : float
        Width (SD) of the smoothing in pixels.
    random : torch.Generator
    known : Tensor, shape (N, P, m), optional
        Components of other frames of the movie, from which the search begins: it then takes fewer rounds.

    Returns
    -------
    components : Tensor, shape (N, P, count)
        Images times the square root of the sum of squares that they carry, strongest first; zero beyond the rank.
    """
    n, batch, pixels = frames.shape
    size = min(count + OVERSAMPLING, batch, pixels)
    if known is None:
        images, rounds = torch.randn(n, pixels, size, generator=random).to(frames), POWER
    else:
        others = torch.randn(n, pixels, OVERSAMPLING, generator=random).to(frames)
        images, rounds = _unit(torch.cat([known, others], 2)), POWER_KNOWN
    for _ in range(rounds):
        images = _orthonormal(_back(frames, images, edge, width))  # else dim components sink below the rounding
    return _principal(_back(frames, images, edge, width), count)


def _unit(images: Tensor) -> Tensor:
    """Images (N, P, q) of norm one, or zero."""
    size: Tensor = images.norm(dim=1, keepdim=True)
    return images / size.clamp(min=torch.finfo(images.dtype).tiny)


def _back(frames: Tensor, images: Tensor, edge: int, width: float) -> Tensor:
    """Take images (N, P, q) to traces and back: what the frames know of the span of these traces, shape (N, P, q)."""
    basis = _orthonormal(torch.bmm(frames, _smooth(images, edge, width)))
    return _smooth_transpose(torch.bmm(frames.mT, basis), edge, width)


def merge_components(parts: list[Tensor], count: int) -> Tensor:
    """Components (N, P, count) of frames whose parts have the components (N, P, m), as :func:`leading_components`."""
    return parts[0][:, :, :count] if len(parts) == 1 else _principal(torch.cat(parts, 2), count)


def _orthonormal(columns: Tensor) -> Tensor:
    """Orthonormal basis of columns (N, B, q), zero beyond their rank.

    From their products: many small QR decompositions cost more than everything else here.
    """
    values, vectors = torch.linalg.eigh(_products(columns))
    kept = values > RANK * values.amax(1, keepdim=True)
    scale = torch.where(kept, values.clamp(min=torch.finfo(torch.float64).tiny).rsqrt(), 0.0)
    return torch.bmm(columns, (vectors * scale[:, None]).to(columns))


def _principal(images: Tensor, count: int) -> Tensor:
    """Turn images (N, P, q) so that they are orthogonal, and keep the `count` with the largest sum of squares."""
    vectors = torch.linalg.eigh(_products(images))[1].flip(2)[:, :, :count]
    return torch.bmm(images, vectors.to(images))


def _products(images: Tensor) -> Tensor:
    """Products (N, q, q) of images (N, P, q), in float64: what is dim beside something bright is lost otherwise."""
    found = []
    for image in images.cpu():  # tile by tile: in float64 all of them would take twice the memory
        wide = image.double()
        found.append(wide.mT @ wide)
    return torch.stack(found)
