"""Join images that continue each other across a border of tiles: parts of one cell.

Two parts are one place when the noise-free parts of their traces are the same up to scale. Measurement noise is
independent from frame to frame, so covariances at lag 1 are free of it: their correlation decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from napari_varae.core.components.tiles import Tiles

__all__ = ["Part", "Piece", "join"]

SAME = 0.8
"""Correlation at lag 1 from which two images at a border are one place."""
SAME_WITHIN = 0.9
"""The same within a tile, where varimax has already turned them apart."""
NEAR = 8.0
"""Gap between the two, at most, in pixels."""
STRONG = 0.5
"""Correlation at lag 0 that they must have as well, noise included."""
SLOW = 0.1
"""Lag-1 autocorrelation below which a trace is noise, and joins nothing."""


@dataclass(frozen=True, eq=False)
class Part:
    """Directions of one tile: components (M, k), images (P, k) and scores (k,)."""

    tile: int
    directions: Tensor
    images: Tensor
    scores: Tensor


@dataclass(frozen=True, eq=False)
class Piece:
    """One place: its direction (M,) and image (P,) in each tile that it has a part of, and its score."""

    directions: list[tuple[int, Tensor]]
    images: list[tuple[int, Tensor]]
    score: float

    def centre(self, tiles: Tiles) -> Tensor:
        """Centre of the pixels above half the maximum, in pixels, shape (2,)."""
        most = max(float(image.abs().max()) for _, image in self.images)
        weighed, weight = torch.zeros(2), 0.0
        for tile, image in self.images:
            size = image.abs().view(tiles.edge, tiles.edge)
            bright = (size > most / 2).nonzero()
            part = size[bright[:, 0], bright[:, 1]]
            weighed += part @ (bright + tiles.corners()[tile]).to(part)
            weight += float(part.sum())
        return weighed / max(weight, 1e-30)


def join(parts: list[Part], covariance: Tensor, lagged: Tensor, tiles: Tiles | None) -> list[Piece]:
    """Make places of the Q directions of all tiles; each its own without `tiles`.

    `covariance` and `lagged` are the mean products (Q, Q) of their traces, and with those one frame before.
    """
    origin = [(part, i) for part in parts for i in range(len(part.scores))]
    label = np.arange(len(origin)) if tiles is None else _groups(parts, covariance, lagged, tiles)
    pieces = []
    for members in np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label))[:-1]):
        together = covariance[np.ix_(members, members)]
        weights = torch.linalg.eigh(together)[1][:, -1]
        weights = weights * torch.where(weights[weights.abs().argmax()] < 0, -1.0, 1.0)
        own = torch.stack([origin[i][0].scores[origin[i][1]] for i in members])
        score = weights @ together @ weights + weights.square() @ (own - together.diagonal())
        directions: dict[int, Tensor] = {}
        images: dict[int, Tensor] = {}
        for i, weight in zip(members, weights.float(), strict=True):
            part, column = origin[i]
            directions[part.tile] = directions.get(part.tile, 0) + weight * part.directions[:, column]
            images[part.tile] = images.get(part.tile, 0) + weight * part.images[:, column]
        pieces.append(Piece(list(directions.items()), list(images.items()), float(score)))
    return pieces


def _groups(parts: list[Part], covariance: Tensor, lagged: Tensor, tiles: Tiles) -> NDArray[np.int32]:
    """Give the number of the place that each direction belongs to, shape (Q,)."""
    tile = torch.cat([torch.full((len(part.scores),), part.tile) for part in parts])
    boxes = torch.cat([_boxes(part, tiles) for part in parts])
    lagged = (lagged + lagged.mT) / 2
    own = lagged.diagonal()
    slow = own > SLOW * covariance.diagonal()
    size = own.clamp(min=torch.finfo(torch.float64).tiny).sqrt()
    within = tile[:, None] == tile
    alike = lagged.abs() / size[:, None] / size > torch.where(within, SAME_WITHIN, SAME)
    near = torch.ones(len(tile), len(tile), dtype=torch.bool)
    for first, last in boxes.int().permute(2, 1, 0):  # axis by axis: thousands of directions have millions of pairs
        within_reach = first[:, None] - last < NEAR
        near &= within_reach & within_reach.mT
    # A direction of noise that a little of a cell leaked into has the cell's trace at lag 1, but hardly at lag 0.
    strength = covariance.diagonal().clamp(min=torch.finfo(torch.float64).tiny).sqrt()
    strong = covariance.abs() / strength[:, None] / strength > STRONG
    beside = tiles.adjacent()[tile[:, None], tile]
    label: NDArray[np.int32]
    _, label = connected_components((alike & near & strong & beside & slow & slow[:, None]).numpy(), directed=False)
    return label


def _boxes(part: Part, tiles: Tiles) -> Tensor:
    """First and last (y, x) of each image of a part above half its maximum, in pixels, shape (k, 2, 2)."""
    size = part.images.abs().view(tiles.edge, tiles.edge, -1)
    bright = size >= size.amax((0, 1)) / 2
    ends = []
    for axis in (1, 0):
        filled = bright.any(axis).int()
        ends.append(torch.stack([filled.argmax(0), tiles.edge - 1 - filled.flip(0).argmax(0)]))
    return torch.stack(ends, 2).transpose(0, 1) + tiles.corners()[part.tile]
