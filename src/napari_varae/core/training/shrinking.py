"""Shrink footprints where they are no larger than their own standard error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import Tensor

from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.training.joining import Piece

__all__ = ["shrink"]

LEAST = 0.1
"""Share of an image that must remain; a weaker one is kept as it is, since nothing would be left to read it by."""

STRENGTH = 0.5
"""Share of the squared standard error that counts: below 1, since smoothing took a part of it."""
NEIGHBOURHOOD = 9
"""Edge of the neighbourhood in which footprint and error are compared, in pixels."""


def shrink(movie: CompressedMovie, pieces: Sequence[Piece], traces: Sequence[Tensor]) -> list[list[tuple[int, Tensor]]]:
    """Shrink the images of places, in neighbourhoods, by how far they exceed their standard error.

    The factor is that of James and Stein, max(0, 1 - strength * error^2 / footprint^2), with the error of a regression
    of the averaged frames on the traces.

    Parameters
    ----------
    movie : CompressedMovie
    pieces : sequence of Piece
    traces : sequence of Tensor, shape (T,)
        Trace of each place on the frames from which the components were found.

    Returns
    -------
    images : list of list of (tile, Tensor of shape (P,))
    """
    if not pieces:
        return []
    z = torch.stack(list(traces), 1).double()
    size = max(1, round(len(z) / movie.bins))
    z = z[: len(z) // size * size].reshape(-1, size, z.shape[1]).mean(1)
    gram = z.mT @ z
    spread = torch.linalg.pinv(gram, hermitian=True).diagonal().float()
    power = (gram.diagonal() / len(z)).float()
    left = movie.variance.clone()
    for piece, strength in zip(pieces, power, strict=True):
        for tile, image in piece.images:
            left[tile] -= strength * image.square()
    left.clamp_(min=0)
    return [
        [(tile, _shrunk(image, error * left[tile], movie.tiles.edge)) for tile, image in piece.images]
        for piece, error in zip(pieces, spread, strict=True)
    ]


def _shrunk(image: Tensor, error: Tensor, edge: int) -> Tensor:
    """Shrink one image (P,) with the squared standard error (P,)."""
    energy, squared = (uniform_filter(part.view(edge, edge).numpy(), NEIGHBOURHOOD) for part in (image.square(), error))
    factor = (1 - STRENGTH * squared / np.maximum(energy, 1e-30)).clip(0, 1)
    shrunk = image * torch.from_numpy(factor.astype(np.float32)).flatten()
    return shrunk if float(shrunk.norm()) > LEAST * float(image.norm()) else image
