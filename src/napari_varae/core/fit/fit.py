"""The fitted thing: an autoencoder with its VAR, applied to movies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.autoencoder.footprints import Autoencoder
from napari_varae.core.autoencoder.static import WHOLE, derivatives, orthonormal
from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.movie.frames import FrameRange, check_range
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.var.model import VAR

if TYPE_CHECKING:
    from napari_varae.core.fit.report import EpochReport

__all__ = ["Fit"]

Images = NDArray[np.float32]

BLOCK_PIXELS = 1 << 24
"""Pixels that are encoded between two looks at whether the latents are still wanted: a fraction of a second."""


@dataclass(frozen=True, eq=False)
class Fit:
    """An autoencoder with an embedded VAR, trained on one movie.

    Attributes
    ----------
    config : FitConfig
        Settings of the training, with what it chose itself filled in.
    network : Autoencoder
        Encoder, static pathway and decoder.
    var : VAR
        The VAR on the latents of the training frames.
    static : array, shape (Y, X)
        Static image s, in the movie's units.
    baseline : array, shape (Y, X)
        What is subtracted before encoding and added after decoding: the static image, or zero without a static skip.
    scale : float
        Deviation of the dynamic part, in the movie's units.
    movie : str
        Fingerprint of the training movie.
    frames : (int, int)
        Half-open range of the training frames.
    history : tuple of EpochReport
        One report per epoch.
    """

    config: FitConfig
    network: Autoencoder
    var: VAR
    static: Images
    baseline: Images
    scale: float
    movie: str
    frames: FrameRange
    history: tuple[EpochReport, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Image size (Y, X) in pixels."""
        return self.network.image

    @property
    def latents(self) -> int:
        """Number of latents K."""
        return self.config.latents

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.network.draw.device

    @cached_property
    def id(self) -> str:
        """Short hash of all weights: the same for the same fit."""
        digest = hashlib.sha256()
        for name, weights in sorted(self.network.state_dict().items()):
            digest.update(name.encode() + weights.cpu().numpy().tobytes())
        digest.update(self.var.coefficients.tobytes() + self.static.tobytes())
        return digest.hexdigest()[:12]

    @cached_property
    def banks(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Filters and footprints, each (K, Y X), on scaled frames."""
        with torch.no_grad():
            return self.network.banks(torch.from_numpy(self.static / self.scale).to(self.device))

    @cached_property
    def footprints(self) -> Images:
        """What one unit of each latent adds to the image, shape (K, Y, X), in the movie's units."""
        images: Images = self.banks[1].cpu().numpy().reshape(self.latents, *self.shape) * np.float32(self.scale)
        return images

    @cached_property
    def places(self) -> NDArray[np.float64]:
        """Centre (y, x) of each footprint in pixels, shape (K, 2): its centroid where it exceeds half its maximum."""
        size = np.abs(self.footprints)
        weight = np.where(size >= size.max((1, 2), keepdims=True) / 2, size, 0) + np.finfo(np.float32).tiny
        total = weight.sum((1, 2), dtype=np.float64)
        axes = (np.arange(self.shape[0])[:, None], np.arange(self.shape[1])[None, :])
        return np.stack([(weight * axis).sum((1, 2), dtype=np.float64) / total for axis in axes], axis=1)

    @cached_property
    def whole_image(self) -> dict[int, str]:
        """Latents that draw a change of the whole image more than anything else, and which change that is.

        More than half of the footprint's squares lie in the span of what such changes of the static image look like.
        """
        images = derivatives(torch.from_numpy(self.static)).flatten(1).numpy().astype(np.float64)
        flat = (
            self.footprints.reshape(self.latents, -1)
            / np.linalg.norm(self.footprints, axis=(1, 2)).clip(1e-30)[:, None]
        )
        basis = orthonormal(torch.from_numpy(images.T)).numpy()
        follows = np.flatnonzero(np.square(flat @ basis).sum(1) > 0.5)
        alike = np.abs(flat @ images.T)
        return {int(k): WHOLE[int(alike[k].argmax())] for k in follows}

    def check(self, stack: Stack) -> None:
        """Raise ValueError unless the movie has the image size of this fit."""
        if stack.shape[1:] != self.shape:
            raise ValueError(
                f"This fit is for images of {self.shape[0]} x {self.shape[1]} pixels; {stack.name!r} has "
                f"{stack.shape[1]} x {stack.shape[2]}. Open the movie it was trained on, or train anew."
            )

    def dynamic(self, stack: Stack, frames: FrameRange | None = None) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield (first frame, scaled dynamic frames (n, Y, X)) in blocks."""
        self.check(stack)
        start, stop = check_range(frames, stack.n_frames)
        size = max(1, min(256, BLOCK_PIXELS // (self.shape[0] * self.shape[1])))
        for first, block in stack.blocks(start, stop, size):
            yield first, torch.from_numpy((block - self.baseline) / np.float32(self.scale)).to(self.device)

    @torch.no_grad()
    def encode(self, stack: Stack, frames: FrameRange | None = None, check: Check = go_on) -> NDArray[np.float32]:
        """Latents of each frame, shape (n, K); over the training frames each has a deviation of 1.

        `check` is called after each block of frames; what it raises ends the work.

        Raises
        ------
        ValueError
            When the image size is another one or the range lies outside the movie.
        StackError
            When frames cannot be read or have NaN or infinite pixels.
        """
        filters = self.banks[0]
        blocks = []
        for _, block in self.dynamic(stack, frames):
            blocks.append(self.network.encode(block, filters).cpu())
            check()
        return torch.cat(blocks).numpy()

    @torch.no_grad()
    def decode(self, latents: ArrayLike) -> Images:
        """Images (n, Y, X) of latents (n, K), in the movie's units."""
        z = torch.as_tensor(np.asarray(latents, dtype=np.float32), device=self.device)
        if z.ndim != 2 or z.shape[1] != self.latents:
            raise ValueError(f"latents has shape {tuple(z.shape)}; this fit needs (n, {self.latents}).")
        dynamic: Images = self.network.decode(z, self.banks[1]).cpu().numpy()
        return dynamic * np.float32(self.scale) + self.baseline

    def reconstruct(self, stack: Stack, frames: FrameRange | None = None) -> Images:
        """Images through encoder and decoder, shape (n, Y, X), in the movie's units; errors as for :meth:`encode`."""
        return self.decode(self.encode(stack, frames))

    def predict(self, stack: Stack, frames: FrameRange | None = None) -> Images:
        """Images one step ahead by the VAR, decoded, shape (n, Y, X), in the movie's units.

        NaN for a frame whose p past frames are not all there and good. Errors as for :meth:`encode`.
        """
        return self.decode(self.predict_latents(stack, frames))

    def predict_latents(self, stack: Stack, frames: FrameRange | None = None) -> NDArray[np.float64]:
        """Latents one step ahead by the VAR, shape (n, K); NaN as for :meth:`predict`."""
        start, stop = check_range(frames, stack.n_frames)
        first = max(start - self.var.order, 0)
        latents = self.encode(stack, (first, stop))
        return self.var.predict(latents, stack.good_frames(first, stop))[start - first :]

    def save(self, path: str | Path) -> Path:
        """Write the fit to a file; see :func:`napari_varae.core.fit.file.save_fit`."""
        from napari_varae.core.fit.file import save_fit

        return save_fit(self, path)
