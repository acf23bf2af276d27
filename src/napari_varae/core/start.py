"""The spectral start: footprints from a principal component analysis of smoothed frames, turned to localised ones.

Training from such a start takes seconds where a random one takes minutes. Smoothed, because an unsmoothed PCA fits the
noise. The K leading components are rotated by varimax, so that each footprint sits at one place (as in cell sorting by
PCA and spatial ICA; Mukamel, Nimmerjahn, Schnitzer 2009), and where a footprint is no larger than its own standard
error it is shrunk towards zero. The network's maps are then fitted to the footprints by least squares.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from torch import Tensor

from napari_varae.core.network import Autoencoder

__all__ = ["set_footprints", "shrink", "spectral_footprints", "varimax"]

Images = NDArray[np.float32]


def spectral_footprints(frames: Images, latents: int, smoothing: float) -> Images:
    """Localised orthonormal footprints (K, Y, X) of dynamic frames (n, Y, X), K = `latents` <= n.

    Parameters
    ----------
    frames : array, shape (n, Y, X)
        Dynamic frames; no more than a few thousand, since their n x n Gram matrix is decomposed.
    latents : int
        Number of footprints K.
    smoothing : float
        Standard deviation of the spatial smoothing in pixels.
    """
    n, *image = frames.shape
    smooth = torch.from_numpy(gaussian_filter(frames, (0, smoothing, smoothing)).reshape(n, -1))
    # Not scipy's eigh: it holds Python's lock for seconds, and the window with it.
    vectors = torch.linalg.eigh((smooth @ smooth.T).double())[1][:, -latents:].flip(1)
    components = torch.linalg.qr(smooth.T @ vectors.float())[0]
    basis = (components @ varimax(components).float()).numpy()
    basis *= np.where((basis * np.abs(basis) * np.abs(basis)).sum(0) < 0, -1, 1).astype(np.float32)
    return np.ascontiguousarray(basis.T).reshape(-1, *image)


def varimax(loadings: Tensor, steps: int = 100, tolerance: float = 1e-6) -> Tensor:
    """Rotation (K, K) that makes the squares within each column of the loadings (P, K) most unequal (Kaiser 1958)."""
    columns = loadings.float()
    rotation = torch.eye(columns.shape[1], dtype=torch.float64)
    criterion = 0.0
    for _ in range(steps):
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


@torch.no_grad()
def set_footprints(
    network: Autoencoder, footprints: Tensor, static: Tensor, steps: int = 20, ridge: float = 1e-3
) -> None:
    """Set the maps so that the network draws the footprints (K, Y, X) and reads as their least squares would.

    Conjugate gradients on the ridge-regularised normal equations of all K footprints at once.
    """
    features = network.features(static)
    weight = ridge * network.step**2
    residual = network.bank_transpose(footprints.flatten(1), features)
    maps, direction = torch.zeros_like(residual), residual.clone()
    norm = residual.square().sum((1, 2, 3), keepdim=True)
    for _ in range(steps):
        applied = network.bank_transpose(network.bank(direction, features), features) + weight * direction
        length = norm / (direction * applied).sum((1, 2, 3), keepdim=True).clamp(min=1e-30)
        maps += length * direction
        residual -= length * applied
        previous, norm = norm, residual.square().sum((1, 2, 3), keepdim=True)
        direction = residual + norm / previous.clamp(min=1e-30) * direction
    network.draw.copy_(maps)
    drawn = network.bank(maps, features)
    overlap = (drawn @ drawn.T).cpu().double()  # not every device has float64
    overlap += 1e-4 * overlap.diagonal().mean().clamp(min=1e-12) * torch.eye(len(overlap))
    factor = torch.linalg.cholesky(overlap)
    network.read.copy_(torch.cholesky_solve(maps.flatten(1).cpu().double(), factor).view_as(maps))
