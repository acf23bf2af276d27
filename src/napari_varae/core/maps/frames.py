"""Frames as a network takes them, and their mean distance from the static image, which maps of one movie share."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.autoencoder.network import Network
from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.stack import Stack

__all__ = ["mean_distance", "read_scaled", "scaled"]

Image = NDArray[np.float32]
KEPT = 8
"""Means that are kept for each network: of all frames, of A, of B, with and without sign."""

_means: weakref.WeakKeyDictionary[Network, dict[Any, tuple[weakref.ref[Any], Tensor]]] = weakref.WeakKeyDictionary()


def scaled(fit: Fit, images: Image) -> Tensor:
    """Give images as the network takes them."""
    return torch.from_numpy(fit.normalisation.apply(images)).to(fit.device)


def read_scaled(fit: Fit, stack: Stack, frames: NDArray[np.intp]) -> Tensor:
    """Read some frames as the network takes them, shape (n, Y, X)."""
    return scaled(fit, np.concatenate([stack.read(int(t), int(t) + 1) for t in frames]))


def mean_distance(fit: Fit, stack: Stack, frames: NDArray[np.intp], signed: bool) -> Tensor:
    """Mean over frames of the (absolute, unless `signed`) difference from the static image, shape (1, Y, X).

    All that driver maps of a linear encoder need of the movie. Reading the frames takes far longer than all else, so
    that the last few means are kept: the map of another link, or of another penalty, then comes at once.
    """
    kept = _means.setdefault(fit.network, {})
    key = (stack.shape, frames.tobytes(), signed)
    reference, known = kept.get(key, (None, None))
    if reference is not None and known is not None and reference() is stack.array:
        return known
    origin, total = scaled(fit, fit.static), torch.zeros(fit.shape, device=fit.device)
    for some in np.array_split(frames, -(-len(frames) // max(1, min(64, stack.block_length)))):
        stack.still_wanted()
        distance = read_scaled(fit, stack, some) - origin
        total += (distance if signed else distance.abs()).sum(0)
    mean = (total / len(frames))[None]
    try:
        kept[key] = weakref.ref(stack.array), mean
    except TypeError:  # an array of a kind that cannot be recognised later
        return mean
    while len(kept) > KEPT:
        kept.pop(next(iter(kept)))
    return mean
