r"""The linear network of local footprints.

The static image is carried by the skip: it is subtracted before encoding and added after decoding, and what it looks
like when the whole image brightens or moves has latents of its own. Everything else has a place:

.. math:: h(z_t) = \sum_k z_{tk}\, \phi_k, \qquad z_t = R\, \Psi d_t

with the footprints :math:`\phi_k`, the filters :math:`\psi_k` (rows of :math:`\Psi`) that read the same places, and a
matrix R that separates what overlapping footprints share; without noise, R inverts their products. Footprints are
stored tile by tile, so that the cost of encoding and decoding grows with the area of the image and not with
area times latents. Nothing here convolves; the network that does is
:mod:`napari_varae.core.autoencoder.convolutional`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from napari_varae.core.autoencoder.network import Network
from napari_varae.core.autoencoder.tiled import draw, gram, project
from napari_varae.core.components.tiles import Tiles

if TYPE_CHECKING:
    from napari_varae.core.settings import FitConfig

__all__ = ["FootprintNetwork", "Footprints"]


@dataclass(frozen=True, eq=False)
class Footprints:
    """Images of latents, tile by tile.

    Attributes
    ----------
    images : Tensor, shape (N, L, P)
        Images of the latents that reach into each tile; zero where there are fewer than L.
    members : Tensor of int, shape (N, L)
        Which latents these are; -1 for none.
    latents : int
        Number of latents K.
    """

    images: Tensor
    members: Tensor
    latents: int


class FootprintNetwork(Network):
    """Linear encoder and decoder with local footprints.

    Parameters
    ----------
    static : Tensor, shape (Y, X)
        Static image in units of the scale.
    latents, most : int
        Number of latents K, and of those that reach into one tile L.
    """

    linear = True
    members: Tensor
    drawn: Tensor
    read: Tensor
    unmix: Tensor

    def __init__(self, static: Tensor, latents: int, most: int) -> None:
        super().__init__()
        self.image: tuple[int, int] = (static.shape[0], static.shape[1])
        self.latents, self.tiles = latents, Tiles.of(self.image)
        shape = self.tiles.count, most, self.tiles.pixels
        self.register_buffer("static", static)
        self.register_buffer("members", torch.full(shape[:2], -1))
        self.register_buffer("drawn", torch.zeros(shape))
        self.register_buffer("read", torch.zeros(shape))
        self.register_buffer("unmix", torch.eye(latents))

    @classmethod
    def tensors(cls, config: FitConfig, image: tuple[int, int]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the state; -1 stands for the number of latents that reach into one tile."""
        if config.latents == "auto":
            raise ValueError("the settings name no number of latents")
        tiles = Tiles.of(image)
        shape = tiles.count, -1, tiles.pixels
        return {
            "static": image, "members": shape[:2], "drawn": shape, "read": shape,
            "unmix": (config.latents, config.latents),
        }  # fmt: skip

    @classmethod
    def from_state(cls, _config: FitConfig, _image: tuple[int, int], state: dict[str, Tensor]) -> FootprintNetwork:
        """Make a network of its state, as :meth:`state_dict` gives it."""
        network = cls(state["static"], len(state["unmix"]), state["members"].shape[1])
        network.load_state_dict(state)
        return network

    def encode(self, frames: Tensor) -> Tensor:
        """Latents (B, K) of dynamic frames (B, Y, X)."""
        return project(self.tiles.cut(frames), self.read, self.members, self.latents) @ self.unmix

    def decode(self, latents: Tensor, context: Any = None) -> Tensor:  # noqa: ARG002 - other networks need it
        """Dynamic frames (B, Y, X) from latents (B, K)."""
        return self.tiles.join(draw(latents, self.drawn, self.members))

    @torch.no_grad()
    def covariance(self, variance: Tensor) -> Tensor:
        """Covariance (K, K) of the latents of images whose pixels are independent, with a variance (Y, X) each."""
        spread = self.tiles.cut(variance[None]).sqrt()  # (N, 1, P)
        products = gram(self.read * spread, self.members, self.latents).to(self.unmix.dtype)
        return self.unmix.T @ products @ self.unmix

    def footprints(self) -> Tensor:
        """Draw what one unit of each latent adds to the image, shape (K, Y, X)."""
        return torch.cat([self.decode(unit) for unit in torch.eye(self.latents, device=self.static.device).split(32)])

    def combine(self, weights: Tensor) -> Tensor:
        """Add up footprints with some weights (R, K), shape (R, Y, X)."""
        return self.decode(weights)

    @torch.no_grad()
    def attribute(self, rows: Tensor, frames: Tensor, origin: Tensor, signed: bool, steps: int = 1) -> Tensor:  # noqa: ARG002 - exact in one step
        """Attribute combinations of latents to pixels; the gradient is the same everywhere, so that steps are one."""
        distance = frames - origin
        weights = rows @ self.unmix.T
        if signed:
            gradient = draw(weights.sum(0, keepdim=True), self.read, self.members)
            return self.tiles.join(gradient)[0] * distance.sum(0)
        size = torch.zeros(self.tiles.count, 1, self.tiles.pixels, device=origin.device)
        for some in weights.split(32):
            size += draw(some, self.read, self.members).abs().sum(1, keepdim=True)
        return self.tiles.join(size)[0] * distance.abs().sum(0)

    @torch.no_grad()
    def rescale(self, factors: Tensor, order: Tensor) -> None:
        """Divide latent k by `factors` (K,), draw it as much stronger, and put latents into a new `order` (K,)."""
        there = self.members >= 0
        strength = torch.where(there, factors[self.members.clamp(min=0)], 0.0)
        self.drawn.mul_(strength[:, :, None])
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order), device=order.device)
        self.members.copy_(torch.where(there, place[self.members.clamp(min=0)], -1))
        self.unmix.copy_((self.unmix / factors)[order][:, order])
