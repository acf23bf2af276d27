"""The spectral start: the K images that serve reconstruction and prediction best, each at one place.

Training from such a start takes seconds where a random one takes minutes.

1. What the static image alone can draw, the same everywhere (brighter, dimmer, displaced, blurred), is taken out of
   the frames: left in, bleaching and motion would be spread over all cells.
2. Of the rest, the leading principal components of smoothed frames are candidates, turned to simple structure by
   varimax (as in cell sorting by PCA and spatial ICA; Mukamel, Nimmerjahn, Schnitzer 2009). Smoothed, because an
   unsmoothed PCA fits the noise.
3. A VAR with l1 penalty is estimated on all candidates. With S the mean products of the candidates' traces and R those
   of their prediction, the K directions of largest S + w R are kept, w the weight of prediction in the loss: a place
   that flickers as strongly as a cell, but by no rule, gives way to the cell. Without weight this is a PCA.
4. Varimax once more. Where a footprint is no larger than its own standard error it is shrunk towards zero, and
   the network's maps are fitted to the footprints by least squares.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from torch import Tensor

from napari_varae.core.network import Autoencoder
from napari_varae.core.recording import Recording
from napari_varae.core.var import estimate_var
from napari_varae.core.wanted import Check, go_on

__all__ = [
    "choose_smoothing", "components", "draw_first", "explained", "first_footprints", "localise", "orthonormal",
    "set_footprints", "shrink", "varimax",
]  # fmt: skip

CANDIDATES = 2
"""Candidates for each latent, when prediction has a say in which are kept."""
SMOOTHINGS = (0.0, 0.5, 0.85, 1.2)
"""Widths of the smoothing that are tried, in pixels."""
ENOUGH = 500
"""Frames from which the smoothing is chosen, or twice the number of latents."""
GRIDS = (8, 4, 2)
"""Steps of the coarse grid that are tried, in pixels."""
COARSE = 0.993
"""Share of what single pixels explain of held-out frames that a coarse grid must explain."""
FRAMES = 2000
"""Frames from which components are computed, or twice the number of candidates; a longer movie is averaged to these."""

Images = NDArray[np.float32]


def first_footprints(
    data: Recording, whole: Tensor, latents: int, order: int, smoothing: float | None, prediction_weight: float
) -> tuple[Images, float]:
    """Footprints (K, Y, X) to start from, K = `latents`, those of the whole image first; and the smoothing.

    Parameters
    ----------
    data : Recording
    whole : Tensor, shape (G, Y, X)
        Images of changes of the whole image, or none.
    latents, order, smoothing, prediction_weight
        As in :class:`FitConfig`; without a smoothing it is chosen.
    """
    most = min(int(data.trained.sum()) - 1, data.image[0] * data.image[1])
    count = min(CANDIDATES * latents if prediction_weight else latents, most)
    common = orthonormal(whole.flatten(1).T)
    frames = _apart(data.summary_frames(max(FRAMES, 2 * count)), common)
    if smoothing is None:
        held_out = _apart(data.held_out_frames(max(ENOUGH, 2 * latents)), common)
        smoothing = choose_smoothing(frames, held_out, latents, data.check)
    candidates = localise(components(frames, count, smoothing), data.check)
    basis = torch.cat([common, candidates], 1)
    score, g = _score(data, basis, order, prediction_weight), common.shape[1]
    values, vectors = torch.linalg.eigh(score[g:, g:])
    best = torch.cat([score.diagonal()[:g], values]).argsort(descending=True)[:latents]
    kept, directions = best[best < g].sort().values, best[best >= g] - g
    footprints = localise(candidates @ vectors[:, directions].float(), data.check)
    images = [part.T.reshape(-1, *data.image).numpy() for part in (common[:, kept], footprints)]
    return np.concatenate([images[0], shrink(images[1], frames)]), smoothing


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


def orthonormal(images: Tensor) -> Tensor:
    """Orthonormal basis (P, rank) of a few images (P, G), by Gram and Schmidt.

    Each keeps its direction but for those before it; one that these explain is left out.
    """
    basis: list[Tensor] = []
    for image in images.double().T:
        left = image
        for known in 2 * basis:
            left = left - (known @ left) * known
        if left.norm() > 1e-5 * images.norm(dim=0).max():
            basis.append(left / left.norm())
    return torch.stack(basis, 1).to(images.dtype) if basis else images[:, :0]


def _apart(frames: Images, common: Tensor) -> Images:
    """Take images (P, G) of changes of the whole out of frames (n, Y, X), in place."""
    for few in torch.from_numpy(frames).flatten(1).split(64):
        few.sub_((few @ common) @ common.T)
    return frames


def _score(data: Recording, basis: Tensor, order: int, prediction_weight: float) -> Tensor:
    """Mean products of the traces of some images (P, K), plus the weighted ones of their prediction, shape (K, K).

    Not covariances: without a static skip there is a mean to draw as well.
    """
    z = torch.cat([torch.from_numpy(block).flatten(1) @ basis for _, block in data.blocks()]).double().numpy()
    score = z[data.trained].T @ z[data.trained] / data.trained.sum()
    if prediction_weight:
        penalty = math.sqrt(2 * math.log(z.shape[1] * order + 1) / data.trained.sum())
        ahead = estimate_var(z, order, min(penalty, 1.0), data.trained, "links").predict(z, data.trained)
        ahead = ahead[np.isfinite(ahead).all(1)]
        score = score + prediction_weight * (ahead.T @ ahead) / len(ahead)
    return torch.from_numpy(score)


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


@torch.no_grad()
def set_footprints(
    network: Autoencoder,
    footprints: Tensor,
    static: Tensor,
    steps: int = 40,
    ridge: float = 1e-3,
    check: Check = go_on,
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
        check()
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


def draw_first(make: Callable[[int], Autoencoder], data: Recording, footprints: Tensor, static: Tensor) -> Autoencoder:
    """Make a network that draws the footprints (K, Y, X), on the coarsest grid that serves.

    Parameters
    ----------
    make : callable
        Makes an untrained network for a step of the grid in pixels.
    data : Recording
    footprints : Tensor, shape (K, Y, X)
    static : Tensor, shape (Y, X)
        Scaled static image.
    """
    baseline = torch.from_numpy(data.static - data.baseline).flatten() / data.scale
    frames = (torch.from_numpy(data.held_out_frames(ENOUGH)).flatten(1) - baseline).to(static.device)
    enough = COARSE * explained(footprints.flatten(1).T, frames)
    for step in GRIDS:
        network = make(step)
        set_footprints(network, footprints, static, check=data.check)
        if step == GRIDS[-1] or explained(network.banks(static)[1].detach().T, frames) >= enough:
            break
    return network
