"""An image cut into square tiles, so that work on it is local and its cost grows with area."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Tiles"]

EDGE = 64
"""Edge of a tile in pixels: several cells wide, and small enough that few components describe it."""
SINGLE = 128
"""Images up to this edge are one tile."""


@dataclass(frozen=True)
class Tiles:
    """A grid of square tiles over an image; what sticks out is filled with zeros.

    Attributes
    ----------
    image : (int, int)
        Image size (Y, X) in pixels.
    edge : int
        Edge of a tile in pixels.
    """

    image: tuple[int, int]
    edge: int

    @classmethod
    def of(cls, image: tuple[int, int]) -> Tiles:
        """Choose tiles for an image of (Y, X) pixels."""
        return cls(image, max(image) if max(image) <= SINGLE else EDGE)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return -(-self.image[0] // self.edge), -(-self.image[1] // self.edge)

    @property
    def count(self) -> int:
        """Number of tiles N."""
        return self.grid[0] * self.grid[1]

    @property
    def pixels(self) -> int:
        """Number of pixels P of a tile."""
        return self.edge**2

    def cut(self, images: Tensor, out: Tensor | None = None) -> Tensor:
        """Cut images (B, Y, X) into tiles (N, B, P), which `out` takes in when it is given."""
        h, w = self.grid
        beyond = (w * self.edge - self.image[1], h * self.edge - self.image[0])
        if any(beyond):
            images = F.pad(images, (0, beyond[0], 0, beyond[1]))
        parts = images.reshape(len(images), h, self.edge, w, self.edge).permute(1, 3, 0, 2, 4)
        if out is None:
            return parts.reshape(self.count, len(images), self.pixels)
        for i in range(self.count):
            tile = parts[i // w, i % w]
            out[i].view(tile.shape).copy_(tile)
        return out

    def join(self, tiles: Tensor) -> Tensor:
        """Undo :meth:`cut`: images (B, Y, X) from tiles (N, B, P)."""
        (h, w), batch = self.grid, tiles.shape[1]
        images = tiles.reshape(h, w, batch, self.edge, self.edge).permute(2, 0, 3, 1, 4)
        return images.reshape(batch, h * self.edge, w * self.edge)[:, : self.image[0], : self.image[1]]

    def corners(self) -> Tensor:
        """First pixel (y, x) of each tile, shape (N, 2)."""
        h, w = self.grid
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        return torch.stack([rows.flatten(), columns.flatten()], 1) * self.edge

    def adjacent(self) -> Tensor:
        """Whether two tiles share a border or a corner, or are the same, shape (N, N)."""
        places = self.corners() // self.edge
        return ((places[:, None] - places[None]).abs() <= 1).all(2)
