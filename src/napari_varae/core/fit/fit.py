"""The fitted thing: an autoencoder with its VAR, applied to movies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.autoencoder.network import Network
from napari_varae.core.autoencoder.static import WHOLE, derivatives, orthonormal
from napari_varae.core.fit.file import Header, VARHeader, write
from napari_varae.core.fit.places import place
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.movie.frames import FrameRange, check_range
from napari_varae.core.movie.normalisation import Normalisation
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.var.model import VAR

__all__ = ["Fit"]

Images = NDArray[np.float32]
OF_NETWORK = ("_context", "footprints", "strengths", "places", "whole_image")
"""What is computed from the network alone, and kept."""
CHANGED = "Penalty of the VAR changed by hand"


@dataclass(frozen=True, eq=False)
class Fit:
    """An autoencoder with an embedded VAR, trained on one movie.

    Attributes
    ----------
    config : FitConfig
        Settings of the training, with what it chose itself filled in.
    network : Network
        Encoder and decoder, with the static image.
    var : VAR
        The VAR on the latents of the training frames.
    normalisation : Normalisation
        What is subtracted and divided by before encoding: static image and scale.
    movie : str
        Fingerprint of the training movie when training began.
    frames : (int, int)
        Half-open range of the training frames.
    history : tuple of EpochReport
        One report per epoch.
    notes : tuple of str
        What a user should know of the training, in words: for instance that the movie changed meanwhile.
    bad_frames : tuple of int or None
        Frames of the movie that were marked as bad when training began; None where an older file does not state them.
    trained_with : FitConfig or None
        Settings of the training, where the penalty was changed after it; `config` then states the present one.
    """

    config: FitConfig
    network: Network
    var: VAR
    normalisation: Normalisation
    movie: str
    frames: FrameRange
    history: tuple[EpochReport, ...] = ()
    notes: tuple[str, ...] = ()
    bad_frames: tuple[int, ...] | None = None
    trained_with: FitConfig | None = None

    def __repr__(self) -> str:
        (y, x), (start, stop) = self.shape, self.frames
        return f"Fit({self.latents} latents, order {self.var.order}, {y} x {x} pixels, frames {start} to {stop})"

    @property
    def static(self) -> Images:
        """Static image s, shape (Y, X), in the movie's units."""
        return self.normalisation.static

    @property
    def scale(self) -> float:
        """SD of the dynamic part, in the movie's units."""
        return self.normalisation.scale

    @property
    def shape(self) -> tuple[int, int]:
        """Image size (Y, X) in pixels."""
        return self.network.image

    @property
    def latents(self) -> int:
        """Number of latents K."""
        return self.network.latents

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.network.static.device

    @cached_property
    def id(self) -> str:
        """Short hash of all weights: the same for the same fit."""
        digest = hashlib.sha256()
        for name, weights in sorted(self.network.state_dict().items()):
            digest.update(name.encode() + weights.cpu().numpy().tobytes())
        digest.update(self.var.coefficients.tobytes() + self.static.tobytes())
        return digest.hexdigest()[:12]

    @cached_property
    def _context(self) -> Any:
        """What the static image gives to the decoder."""
        with torch.no_grad():
            return self.network.context()

    @cached_property
    def footprints(self) -> Images:
        """What one unit of each latent adds to the image, shape (K, Y, X), in the movie's units."""
        with torch.no_grad():
            images: Images = self.network.footprints().cpu().numpy()
        images *= np.float32(self.scale)
        return images

    def combine(self, weights: ArrayLike, at_once: int = 32) -> Iterator[Images]:
        """Add up footprints with some weights (R, K), a few images at a time, in the movie's units.

        All K footprints of a large image would fill the memory.

        Yields
        ------
        images : array, shape (at most `at_once`, Y, X)
        """
        rows = torch.as_tensor(np.asarray(weights, dtype=np.float32), device=self.device)
        for some in rows.split(at_once):
            with torch.no_grad():
                drawn: Images = self.network.combine(some).cpu().numpy()
            yield drawn * np.float32(self.scale)

    @cached_property
    def strengths(self) -> NDArray[np.float32]:
        """Root mean square over the image of each footprint, shape (K,), in the movie's units."""
        return np.concatenate([np.sqrt(np.square(some).mean((1, 2))) for some in self.combine(np.eye(self.latents))])

    @cached_property
    def places(self) -> NDArray[np.float64]:
        """Centre (y, x) of each footprint in pixels, shape (K, 2).

        The centroid of its main part: of the connected pixels of at least half of its maximum, where there are several
        groups of them, the group with the largest sum.
        """
        return np.array([place(np.abs(image)) for some in self.combine(np.eye(self.latents)) for image in some])

    @cached_property
    def whole_image(self) -> dict[int, str]:
        """Latents that draw a change of the whole image more than anything else, and which change that is.

        More than half of the footprint's squares lie in the span of what such changes of the static image look like.
        """
        images = derivatives(torch.from_numpy(self.static)).flatten(1).numpy()
        basis = orthonormal(torch.from_numpy(images.T)).numpy()
        found: dict[int, str] = {}
        k = 0
        for some in self.combine(np.eye(self.latents)):
            for flat in some.reshape(len(some), -1):
                unit = flat / max(float(np.linalg.norm(flat)), 1e-30)
                if np.square(unit @ basis).sum() > 0.5:
                    found[k] = WHOLE[int(np.abs(images @ unit).argmax())]
                k += 1
        return found

    def with_penalty(self, penalty: float) -> Fit:
        """Return this fit with the VAR that another l1 penalty gives, estimated exactly from the same moments.

        The autoencoder stays as it was trained. The settings then state a fixed penalty, and `notes` where the VAR came
        from; of several changes they keep the first and the last.

        Parameters
        ----------
        penalty : float
            From 0 (least squares) to 1 (no links).

        Raises
        ------
        ValueError
            When the penalty is not from 0 to 1.

        Examples
        --------
        >>> import napari_varae as nv
        >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4, seed=0)).stack
        >>> fit = nv.fit(stack, nv.FitConfig(latents=4, epochs=1))
        >>> full = fit.with_penalty(0.0)
        >>> int((full.var.coefficients != 0).sum())  # every link, and own past
        16
        >>> full.id == fit.id
        False
        """
        if not 0 <= penalty <= 1:
            raise ValueError(f"penalty={penalty} must be from 0 to 1.")
        config = self.config.changed(sparsity="fixed", penalty=float(penalty))
        before = [note for note in self.notes if note.startswith(CHANGED)]
        others = [note for note in self.notes if not note.startswith(CHANGED)]
        rule = "" if self.config.sparsity == "fixed" else f", chosen by {self.config.sparsity}"
        note = f"{CHANGED}: {penalty:.4g} instead of {self.var.penalty:.4g}{rule}; the rest is that of fit {self.id}."
        changed = replace(
            self, config=config, var=self.var.at(penalty), notes=(*others, *before[:1], note),
            trained_with=self.trained_with or self.config,
        )  # fmt: skip
        changed.__dict__.update({name: self.__dict__[name] for name in OF_NETWORK if name in self.__dict__})
        return changed

    def check(self, stack: Stack) -> None:
        """Raise ValueError unless the movie has the image size of this fit."""
        if stack.shape[1:] != self.shape:
            raise ValueError(
                f"This fit is for images of {self.shape[0]} x {self.shape[1]} pixels; {stack.name!r} has "
                f"{stack.shape[1]} x {stack.shape[2]}. Open the movie it was trained on, or train again."
            )

    def caution(self, movie: str) -> str | None:
        """Warn when the movie with this fingerprint is not the one that the fit was trained on."""
        if movie == self.movie:
            return None
        return (
            "The fit was trained on another movie: its latents and its VAR may not describe this one. Train on this "
            "movie, or check the reconstruction."
        )

    def free(self) -> None:
        """Free the memory of what can be computed again from the weights."""
        for name in ("_context", "footprints"):
            self.__dict__.pop(name, None)

    def dynamic(self, stack: Stack, frames: FrameRange | None = None) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield (first frame, scaled dynamic frames (n, Y, X)) in blocks."""
        self.check(stack)
        start, stop = check_range(frames, stack.n_frames)
        for first, block in stack.blocks(start, stop):
            yield first, torch.from_numpy(self.normalisation.apply(block)).to(self.device)

    @torch.no_grad()
    def encode(self, stack: Stack, frames: FrameRange | None = None) -> NDArray[np.float32]:
        """Latents of each frame, shape (n, K); over the training frames each has an SD of 1.

        Raises
        ------
        ValueError
            When the image size is another one or the range lies outside the movie.
        StackError
            When frames cannot be read or have NaN or infinite pixels.
        """
        blocks = [self.network.encode(block).cpu() for _, block in self.dynamic(stack, frames)]
        return torch.cat(blocks).numpy()

    @torch.no_grad()
    def encode_frames(self, frames: Images) -> NDArray[np.float32]:
        """Latents (n, K) of frames (n, Y, X) that were read from a movie of this image size."""
        dynamic = torch.from_numpy(self.normalisation.apply(frames)).to(self.device)
        latents: NDArray[np.float32] = self.network.encode(dynamic).cpu().numpy()
        return latents

    @torch.no_grad()
    def decode(self, latents: ArrayLike) -> Images:
        """Images (n, Y, X) of latents (n, K), in the movie's units."""
        z = torch.as_tensor(np.asarray(latents, dtype=np.float32), device=self.device)
        if z.ndim != 2 or z.shape[1] != self.latents:
            raise ValueError(f"latents has shape {tuple(z.shape)}; this fit needs (n, {self.latents}).")
        dynamic: Images = self.network.decode(z, self._context).cpu().numpy()
        return self.normalisation.undo(dynamic)

    def reconstruct(self, stack: Stack, frames: FrameRange | None = None) -> Images:
        """Images through encoder and decoder, shape (n, Y, X), in the movie's units; errors as for :meth:`encode`."""
        return self.decode(self.encode(stack, frames))

    def predict(self, stack: Stack, frames: FrameRange | None = None) -> Images:
        """Images one step ahead by the VAR, decoded, shape (n, Y, X), in the movie's units.

        NaN for a frame whose p past frames are not all there and good, or lie before a break. Errors as for
        :meth:`encode`.
        """
        return self.decode(self.predict_latents(stack, frames))

    def predict_latents(self, stack: Stack, frames: FrameRange | None = None) -> NDArray[np.float64]:
        """Latents one step ahead by the VAR, shape (n, K); NaN as for :meth:`predict`."""
        start, stop = check_range(frames, stack.n_frames)
        first = max(start - self.var.order, 0)
        latents = self.encode(stack, (first, stop))
        return self.var.predict(latents, stack.runs(first, stop))[start - first :]

    def save(self, path: str | Path) -> Path:
        """Write the fit to a file; an existing one is replaced only once the new one is whole.

        Parameters
        ----------
        path : path

        Returns
        -------
        path : Path
            Where it was written: with `.varae` appended, unless it is there already.

        Raises
        ------
        FitFileError
            When the file cannot be written.
        """
        var = self.var
        header = Header(
            config=self.config,
            image=self.shape,
            scale=self.scale,
            movie=self.movie,
            frames=self.frames,
            var=VARHeader(penalty=var.penalty, order=var.order, n_pairs=var.n_pairs),
            history=self.history,
            notes=self.notes,
            bad_frames=self.bad_frames,
            trained_with=self.trained_with,
            versions={name: version(name) for name in ("napari-varae", "torch", "numpy", "safetensors")},
        )
        tensors = {f"network.{name}": weights.cpu().numpy() for name, weights in self.network.state_dict().items()}
        tensors |= {f"var.{name}": getattr(var, name) for name in VAR.shapes(self.latents, var.order)}
        return write(path, header, tensors | {"static": self.static})
