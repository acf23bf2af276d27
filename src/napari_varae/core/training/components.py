"""Principal components turned to places: the steps from which the start is built."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from torch import Tensor

from napari_varae.core.compute.checkpoint import Check, go_on

__all__ = ["ENOUGH", "choose_smoothing", "components", "explained", "localise", "shrink", "varimax"]

Images = NDArray[np.float32]

SMOOTHINGS = (0.0, 0.5, 0.85, 1.2)
"""Widths of the smoothing that are tried, in pixels."""
ENOUGH = 500
"""Frames from which the smoothing is chosen, or twice the number of latents."""


def choose_smoothing(frames: Images, held_out: Images, latents: int, check: Check = go_on) -> float:
    """Choose the smoothing with which components of some frames (n, Y, X) explain other ones best."""
    frames = frames[:: max(1, len(frames) // max(ENOUGH, 2 * latents))]
    judged = torch.from_numpy(held_out).flatten(1)

    def merit(width: float) -> float:
        check()
        return explained(components(frames, latents, width), judged)

    return max(SMOOTHINGS, key=merit)


def explained(images: Tensor, frames: Tensor) -> float:
    """Fraction of the squares of frames (n, P) that lies in the span of some images (P, K)."""
    read = (frames @ images).cpu().double()  # not every device has float64
    inverse = torch.linalg.pinv((images.T @ images).cpu().double(), rtol=1e-5, hermitian=True)
    return float(((read @ inverse) * read).sum() / frames.square().sum().clamp(min=1e-30))


def components(frames: Images, count: int, smoothing: float) -> Tensor:
    """Leading principal components, shape (P, count), of smoothed frames (n, Y, X), P = Y X and count <= n.

    For a few thousand frames at most, since their n x n Gram matrix is decomposed.
    """
    smooth = torch.from_numpy(gaussian_filter(frames, (0, smoothing, smoothing)).reshape(len(frames), -1))
    # Not scipy's eigh: it holds Python's lock for seconds, and the window with it.
    vectors = torch.linalg.eigh((smooth @ smooth.T).double())[1][:, -count:].flip(1)
    basis: Tensor = torch.linalg.qr(smooth.T @ vectors.float())[0]
    return basis


def localise(basis: Tensor, check: Check = go_on) -> Tensor:
    """Turn an orthonormal basis (P, K) to simple structure, the stronger side of each image positive."""
    turned = basis @ varimax(basis, check=check).float()
    strong_side: Tensor = torch.where((turned * turned.abs().square()).sum(0) < 0, -1.0, 1.0)
    return turned * strong_side


def varimax(loadings: Tensor, steps: int = 100, tolerance: float = 1e-6, check: Check = go_on) -> Tensor:
    """Rotation (K, K) that makes the squares within each column of the loadings (P, K) most unequal (Kaiser 1958)."""
    columns = loadings.float()
    rotation = torch.eye(columns.shape[1], dtype=torch.float64)
    criterion = 0.0
    for _ in range(steps):
        check()
        turned = columns @ rotation.float()
        squares = turned.square()
        gradient = columns.T @ (turned * (squares - squares.mean(0)))
        u, values, vh = torch.linalg.svd(gradient.double())
        rotation = u @ vh
        if float(values.sum()) < criterion * (1 + tolerance):
            break
        criterion = float(values.sum())
    return rotation


def shrink(footprints: Images, frames: Images, strength: float = 0.25, size: int = 5) -> Images:
    """Shrink footprints (K, Y, X), in neighbourhoods of `size` pixels, by how far they exceed their standard error.

    The factor is that of James and Stein, max(0, 1 - strength * error^2 / footprint^2), with the error of a regression
    of the frames (n, Y, X) on their K latents. `strength` stays below 1, since smoothing has removed part of the error.
    """
    flat, pixels = (torch.from_numpy(images).flatten(1) for images in (footprints, frames))
    latents = pixels @ flat.T
    residual = torch.zeros(pixels.shape[1])
    for some, z in zip(pixels.split(64), latents.split(64), strict=True):  # the movie may fill half the memory
        residual += (some - z @ flat).square().sum(0) / len(pixels)
    spread = torch.linalg.pinv((latents.T @ latents).double(), hermitian=True).diagonal().float()
    error = (spread[:, None] * residual).numpy()
    window = (0, size, size)
    energy = uniform_filter(footprints**2, window)
    factor = 1 - strength * uniform_filter(error.reshape(footprints.shape), window) / np.maximum(energy, 1e-30)
    shrunk: Images = footprints * factor.clip(0, 1).astype(np.float32)
    return shrunk
