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
from torch import Tensor

from napari_varae.core.autoencoder.footprints import Autoencoder
from napari_varae.core.autoencoder.static import orthonormal
from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.training.components import ENOUGH, choose_smoothing, components, explained, localise, shrink
from napari_varae.core.training.data import Recording
from napari_varae.core.var.estimate import estimate_var

__all__ = ["draw_first", "first_footprints", "set_footprints"]  # fmt: skip
CANDIDATES = 2
"""Candidates for each latent, when prediction has a say in which are kept."""
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
