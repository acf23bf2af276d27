"""What every network offers: images to latents and back, whatever lies between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from napari_varae.core.settings import FitConfig

__all__ = ["Network"]


class Network(nn.Module, ABC):
    """Encoder and decoder on dynamic frames d = (x - baseline) / scale.

    Attributes
    ----------
    image : (int, int)
        Image size (Y, X) in pixels.
    latents : int
        Number of latents K.
    static : Tensor, shape (Y, X)
        Static image in units of the scale; a buffer, so that the weights alone make the network.
    """

    image: tuple[int, int]
    latents: int
    static: Tensor

    @classmethod
    @abstractmethod
    def tensors(cls, config: FitConfig, image: tuple[int, int]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the state of a network for given settings and an image size (Y, X)."""

    def context(self) -> Any:
        """Compute what the static image gives to the decoder, once per batch; None where nothing."""
        return None

    @abstractmethod
    def encode(self, frames: Tensor) -> Tensor:
        """Latents (B, K) of dynamic frames (B, Y, X)."""

    @abstractmethod
    def decode(self, latents: Tensor, context: Any = None) -> Tensor:
        """Dynamic frames (B, Y, X) from latents (B, K); computes the context itself when there is none."""

    def footprints(self) -> Tensor:
        """Differentiate the decoded image by each latent at z = 0, shape (K, Y, X)."""
        device, dtype = self.static.device, self.static.dtype
        origin = torch.zeros(self.latents, self.latents, device=device, dtype=dtype)
        context = self.context()
        # Frames are decoded independently: row k of one batch moves along latent k. By differentiating backwards twice,
        # since torch's forward mode imports its compiler.
        along = torch.eye(self.latents, device=device, dtype=dtype)
        images: Tensor = torch.autograd.functional.jvp(lambda z: self.decode(z, context), origin, along)[1]
        return images

    @abstractmethod
    def rescale(self, factors: Tensor, order: Tensor) -> None:
        """Divide latent k by `factors` (K,), draw it as much stronger, and put latents into a new `order` (K,)."""
