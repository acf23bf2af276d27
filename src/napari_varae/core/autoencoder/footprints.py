r"""The convolutional autoencoder with a static skip.

The static image s is turned into feature images g(s), once per batch. Coarse maps, upsampled and multiplied with these
features, draw the K footprints with which the decoder speaks and the K filters with which the encoder reads:

.. math:: \phi_k = \sum_c \mathrm{up}(P_{kc})\, g_c, \qquad h(z_t, g) = \sum_k z_{tk}\, \phi_k, \qquad
          z_{tk} = \langle \psi_k, d_t \rangle + q_k(d_t), \quad \psi_k = \sum_c \mathrm{up}(Q_{kc})\, g_c

with q a small convolutional network that starts at zero. A latent keeps its place: its footprint. Edges, rings and
neurites come from the static features, so the maps can stay coarse; and since drawing is once per batch and not once
per frame, a step costs two matrix products.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_varae.core.autoencoder.network import Network
from napari_varae.core.autoencoder.static import StaticFeatures, TiledFeatures, grid_shape

if TYPE_CHECKING:
    from napari_varae.core.settings import FitConfig

__all__ = ["Autoencoder"]


def _bilinear(cells: int, step: int) -> Tensor:
    """Matrix (cells * step, cells) of bilinear upsampling along one axis."""
    return F.interpolate(torch.eye(cells)[None], scale_factor=step, mode="linear", align_corners=False)[0].T


class Autoencoder(Network):
    """Encoder f, static pathway g and decoder h, on dynamic frames in units of their own deviation.

    Parameters
    ----------
    image : (int, int)
        Image size (Y, X) in pixels.
    latents : int
        Number of latents K.
    step : int
        Pixels per step of the coarse grid.
    channels : int
        Number of feature images C.
    static_skip : bool
        Whether the feature images come from the static image.
    """

    rows: Tensor
    columns: Tensor

    def __init__(
        self, image: tuple[int, int], latents: int, step: int, channels: int, static_skip: bool = True
    ) -> None:
        super().__init__()
        self.image, self.latents, self.step, self.grid = image, latents, step, grid_shape(image, step)
        self.register_buffer("static", torch.zeros(image), persistent=False)
        self.features = StaticFeatures(channels) if static_skip else TiledFeatures(channels, step)
        h, w = self.grid
        self.register_buffer("rows", _bilinear(h, step)[: image[0]], persistent=False)
        self.register_buffer("columns", _bilinear(w, step)[: image[1]], persistent=False)
        maps = (latents, self.features.channels, h, w)
        self.draw, self.read = nn.Parameter(torch.randn(maps) / math.sqrt(h * w)), nn.Parameter(torch.zeros(maps))
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, channels, 2 * step, stride=step),
            nn.GELU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.GELU(),
        )
        self.gather = nn.Parameter(torch.zeros(latents, channels * h * w))

    def bank(self, maps: Tensor, features: Tensor) -> Tensor:
        """Draw coarse maps (K, C, h, w) with features (C, Y, X) as images, flat, shape (K, Y X)."""
        return ((self.rows @ maps @ self.columns.T) * features).sum(1).flatten(1)

    def bank_transpose(self, images: Tensor, features: Tensor) -> Tensor:
        """Match flat images (K, Y X) with features (C, Y, X) on the coarse grid: the transpose of :meth:`bank`."""
        matched: Tensor = self.rows.T @ (images.view(-1, 1, *self.image) * features) @ self.columns
        return matched

    def banks(self, static: Tensor) -> tuple[Tensor, Tensor]:
        """Draw filters psi and footprints phi, each (K, Y X), for the scaled static image (Y, X). Once per batch."""
        features = self.features(static)
        return self.bank(self.read, features), self.bank(self.draw, features)

    @classmethod
    def tensors(cls, config: FitConfig, image: tuple[int, int]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the state of a network for given settings and an image size (Y, X)."""
        with torch.device("meta"):
            state = cls(image, config.latents, config.grid or 8, config.channels, config.static_skip).state_dict()
        return {name: tuple(value.shape) for name, value in state.items()}

    def context(self) -> Tensor:
        """Draw the footprints, once per batch, shape (K, Y X)."""
        return self.bank(self.draw, self.features(self.static))

    def footprints(self) -> Tensor:
        """Footprints (K, Y, X)."""
        return self.context().view(-1, *self.image)

    def encode(self, frames: Tensor, filters: Tensor | None = None) -> Tensor:
        """Latents (B, K) of scaled dynamic frames (B, Y, X)."""
        if filters is None:
            filters = self.bank(self.read, self.features(self.static))
        y, x = self.image
        (h, w), step = self.grid, self.step
        before = step // 2
        padded = F.pad(frames[:, None], (before, (w + 1) * step - x - before, before, (h + 1) * step - y - before))
        local: Tensor = self.convolutions(padded)
        return frames.flatten(1) @ filters.T + local.flatten(1) @ self.gather.T

    def decode(self, latents: Tensor, context: Tensor | None = None) -> Tensor:
        """Scaled dynamic frames (B, Y, X) from latents (B, K)."""
        return (latents @ (self.context() if context is None else context)).view(-1, *self.image)

    @torch.no_grad()
    def rescale(self, factors: Tensor, order: Tensor) -> None:
        """Divide latent k by `factors` (K,), draw it as much stronger, and put latents into a new `order` (K,)."""
        wide = factors[:, None, None, None]
        self.draw.copy_((self.draw * wide)[order])
        self.read.copy_((self.read / wide)[order])
        self.gather.copy_((self.gather / factors[:, None])[order])
