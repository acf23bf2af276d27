"""What every network offers: images to latents and back, whatever lies between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

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
    linear: ClassVar[bool] = False
    """Whether the gradient of the encoder is the same everywhere."""

    @classmethod
    @abstractmethod
    def tensors(cls, config: FitConfig, image: tuple[int, int]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the state of a network for given settings and an image size (Y, X)."""

    @classmethod
    @abstractmethod
    def from_state(cls, config: FitConfig, image: tuple[int, int], state: dict[str, Tensor]) -> Network:
        """Make a network for given settings with a state, as :meth:`state_dict` gives it."""

    def context(self) -> Any:
        """Compute what the static image gives to the decoder, once per batch; None where nothing."""
        return None

    @abstractmethod
    def encode(self, frames: Tensor) -> Tensor:
        """Latents (B, K) of dynamic frames (B, Y, X)."""

    @abstractmethod
    def decode(self, latents: Tensor, context: Any = None) -> Tensor:
        """Dynamic frames (B, Y, X) from latents (B, K); computes the context itself when there is none."""

    def covariance(self, variance: Tensor) -> Tensor | None:  # noqa: ARG002 - linear networks need it
        """Covariance (K, K) of the latents of images whose pixels are independent, with a variance (Y, X) each.

        None where the encoder is not linear.
        """
        return None

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

    def combine(self, weights: Tensor) -> Tensor:
        """Add up footprints with some weights (R, K), shape (R, Y, X)."""
        combined: Tensor = torch.tensordot(weights, self.footprints(), 1)
        return combined

    @abstractmethod
    def rescale(self, factors: Tensor, order: Tensor) -> None:
        """Divide latent k by `factors` (K,), draw it as much stronger, and put latents into a new `order` (K,)."""

    def attribute(self, rows: Tensor, frames: Tensor, origin: Tensor, signed: bool, steps: int = 1) -> Tensor:
        """Attribute combinations of latents to pixels, summed over frames and combinations.

        Parameters
        ----------
        rows : Tensor, shape (R, K)
            Combinations of latents.
        frames, origin : Tensor, shapes (B, Y, X) and (Y, X)
            Dynamic frames, and where attributions are zero.
        signed : bool
            Whether contributions may cancel.
        steps : int
            As for :meth:`attributions`.

        Returns
        -------
        image : Tensor, shape (Y, X)
        """
        total = torch.zeros_like(origin)
        for part in self.attributions(rows.sum(0, keepdim=True) if signed else rows, frames, origin, steps):
            total += (part if signed else part.abs()).sum(0)
        return total

    def attributions(self, rows: Tensor, frames: Tensor, origin: Tensor, steps: int = 1) -> Iterator[Tensor]:
        """Attribute each of some combinations of latents to pixels: gradient times the distance from an origin.

        Parameters
        ----------
        rows, frames, origin
            As for :meth:`attribute`.
        steps : int
            1: the gradient at the frame. More: integrated gradients by the midpoint rule (Sundararajan, Taly, Yan
            2017), whose sum is the change of the combination.

        Yields
        ------
        attribution : Tensor, shape (B, Y, X)
        """
        distance = frames - origin
        share = (torch.arange(steps, device=frames.device) + 0.5) / steps if steps > 1 else torch.ones(1).to(frames)
        points = (origin + share[:, None, None, None] * distance).flatten(0, 1).requires_grad_()
        z = self.encode(points)
        for row in rows:
            gradient = torch.autograd.grad((z @ row).sum(), points, retain_graph=True)[0]
            yield gradient.view(steps, *frames.shape).mean(0) * distance
