"""Training of the footprint network on components: what one step does, and how its state is judged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_varae.core.autoencoder.footprints import FootprintNetwork
from napari_varae.core.autoencoder.tiled import draw, gram, project
from napari_varae.core.components.cache import find, keep
from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.compute.device import choose_device
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.movie.changed import Began
from napari_varae.core.movie.frames import FrameRange
from napari_varae.core.movie.odd_frames import count_frames, left_out, some_of
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.checkpoint import Start
from napari_varae.core.training.compress import Progress, compress, compression_key
from napari_varae.core.training.example import Example
from napari_varae.core.training.objective import cross_predictions
from napari_varae.core.training.optimiser import Adam
from napari_varae.core.training.places import Places
from napari_varae.core.training.reading import unmixing
from napari_varae.core.training.split import Split
from napari_varae.core.training.state import State, check_finite, rule
from napari_varae.core.var.estimate import estimate_var
from napari_varae.core.var.lags import standardise
from napari_varae.errors import TrainingError

__all__ = ["Trainer", "default_window"]

WINDOW, PER_LATENT = 240, 3
"""Frames of a window that is not chosen, and for each latent, if that is more."""


def default_window(latents: int) -> int:
    """Frames of a window that is not chosen."""
    return max(WINDOW, PER_LATENT * latents)


class Trainer:
    """The network in components, its data and its optimiser.

    Footprints have a part in the span of the components, which is trained, and one outside it, which shrinking them
    left and which stays. Filters lie in the span, so that latents of components are latents of the movie.

    Parameters
    ----------
    stack : Stack
    config : FitConfig
    check : callable, optional
        Asked between pieces of work.
    progress : callable, optional
    movie : CompressedMovie, optional
        The movie in components, if it was compressed before; else it is looked for in the cache.
    start : Start, optional
        Where an earlier training was cut short.
    """

    def __init__(
        self, stack: Stack, config: FitConfig, check: Check = go_on, progress: Progress = lambda _phase, _share: None,
        movie: CompressedMovie | None = None, start: Start | None = None,
    ) -> None:  # fmt: skip
        alone = config.mode == "two_stage"
        self.prediction_weight = 0.0 if alone else config.prediction_weight
        self.latent_weight = 0.0 if alone else config.latent_weight
        self.check, self.stack, self.split = check, stack, Split(stack, config)
        self.began = Began(stack)
        self.device, _ = choose_device(config.device)
        self.movie = movie = movie or self._compressed(config, progress)
        self.split.leave_out(movie.odd)
        if start is None:
            progress("finding places", 0.0)
            places = Places(
                movie, self.split.trained_runs, self.split.start, config.order, self.prediction_weight, check
            )
            footprints = places.choose(config.latents)
        else:
            footprints = start.footprints
        self.footprints = footprints
        self.latents, self.members = footprints.latents, footprints.members
        window = config.window or default_window(self.latents)
        self.config = config.model_copy(
            update={"latents": self.latents, "smoothing": movie.smoothing, "window": window}
        )
        drawn = torch.bmm(footprints.images, movie.basis)
        self.outside = footprints.images - torch.bmm(drawn, movie.basis.mT)
        self.outside_gram = gram(self.outside, self.members, self.latents)
        inside = gram(drawn, self.members, self.latents)
        weights = (drawn, drawn, unmixing(inside)) if start is None else start.weights
        self.drawn, self.read, self.unmix = (nn.Parameter(part.clone()) for part in weights)
        self.components = movie.traces[self.split.start : self.split.stop]
        self._hold_out(stack)
        self.random = torch.Generator().manual_seed(config.seed)
        self.optimiser = self._optimiser()

    def _compressed(self, config: FitConfig, progress: Progress) -> CompressedMovie:
        """Compress the movie, or take it from the cache."""
        key = compression_key(self.began.fingerprint, self.split, config)
        found = find(key)
        if found is None:
            found = compress(self.stack, self.split, config, progress, self.check)
            keep(key, found, math.prod(self.stack.shape) * self.stack.dtype.itemsize)
        return found

    def _optimiser(self) -> Adam:
        rate = self.config.learning_rate
        return Adam(
            ([part], rate * float(part.detach().square().mean().sqrt())) for part in (self.drawn, self.read, self.unmix)
        )

    @torch.no_grad()
    def _hold_out(self, stack: Stack) -> None:
        """Read the held-out frames once: their power, and what components cannot know of how footprints match them."""
        split, movie = self.split, self.movie
        frames = np.flatnonzero(split.held_out)
        self.power, self.around = torch.zeros(len(frames)), torch.zeros(len(frames))
        self.matched_outside = torch.zeros(len(frames), self.latents)
        offset = torch.from_numpy(movie.normalisation.origin)
        length = stack.block_length
        for rows in np.array_split(np.arange(len(frames)), max(1, -(-len(frames) // length))):
            self.check()
            first, last = int(frames[rows[0]]), int(frames[rows[-1]]) + 1
            if last - first > 2 * len(rows):  # two runs
                read = np.concatenate(
                    [stack.read(split.start + int(t), split.start + int(t) + 1) for t in frames[rows]]
                )
            else:
                read = stack.read(split.start + first, split.start + last)[frames[rows] - first]
            d = torch.from_numpy(movie.normalisation.apply(read))
            self.power[rows] = d.square().sum((1, 2))
            self.around[rows] = (d - offset).square().sum((1, 2))
            self.matched_outside[rows] = project(movie.tiles.cut(d), self.outside, self.members, self.latents)

    def windows(self) -> Iterator[FrameRange]:
        """Yield the runs of frames of one epoch, in random order and at random places."""
        runs = self.split.windows(self.config.window or WINDOW, self.random)
        yield from (runs[i] for i in torch.randperm(len(runs), generator=self.random).tolist())

    def step(self, window: FrameRange, epoch: int) -> float:
        """Take one gradient step on a run of frames; return the loss as a share of the variance."""
        loss = self.loss(window, epoch)
        self.optimiser.clear()
        loss.backward()
        self.optimiser.step()
        return float(loss.detach()) + (1 + self.prediction_weight) * self._outside_share

    def loss(self, window: FrameRange, epoch: int = 0) -> Tensor:
        """Compute the loss of a run of frames, but for the variance outside the components.

        Raises
        ------
        TrainingError
            When it is not finite.
        """
        part = slice(window[0] - self.split.start, window[1] - self.split.start)
        c = self.components[part].transpose(0, 1)
        runs = torch.from_numpy(self.split.runs[part])
        usable = runs > 0
        pixels = self.split.image[0] * self.split.image[1]

        def error(latents: Tensor, frames: Tensor) -> Tensor:
            drawn = draw(latents, self.drawn, self.members)
            return (drawn - c[:, frames]).square().sum() / (len(frames) * pixels)

        z = project(c, self.read, self.members, self.latents) @ self.unmix
        loss = error(z[usable], usable.nonzero()[:, 0])
        check_finite(loss, epoch)  # before the VAR, which takes no latents that are not finite
        if self.prediction_weight or self.latent_weight:
            standardised, mean, scale = standardise(z, usable)
            for frames, known, ahead in cross_predictions(standardised, runs, self.var, self.config):
                if self.latent_weight:
                    loss = loss + self.latent_weight / 2 * (known - ahead).square().mean().to(z)
                if self.prediction_weight:
                    loss = loss + self.prediction_weight / 2 * error((ahead * scale + mean).to(z), frames)
            check_finite(loss, epoch)
        return loss

    @property
    def _outside_share(self) -> float:
        """Share of the variance that lies outside the components, in held-out frames."""
        inside = self.components[torch.from_numpy(self.split.held_out)].square().sum((1, 2))
        return float((self.power - inside).mean()) / (self.split.image[0] * self.split.image[1])

    @torch.no_grad()
    def encode(self) -> NDArray[np.float32]:
        """Latents of all frames of the training range."""
        z = [project(c.transpose(0, 1), self.read, self.members, self.latents) for c in self.components.split(512)]
        found: NDArray[np.float32] = (torch.cat(z) @ self.unmix).numpy()
        return found

    @torch.no_grad()
    def assess(self) -> State:
        """Estimate the VAR on the training frames and judge it and the reconstruction on the held-out ones."""
        split, order = self.split, self.config.order
        latents = self.encode()
        if not np.isfinite(latents).all():
            raise TrainingError("The latents are no longer finite. Choose a smaller learning rate.")
        self.var = var = estimate_var(latents, order, rule(self.config), split.trained_runs, "links")
        ahead = var.predict(latents, split.runs)
        judged = np.asarray(np.isfinite(ahead[split.held_out]).all(1))
        if not judged.any():
            raise ValueError(
                f"No held-out frame has {order} good frames before it: mark fewer frames as bad, or choose a larger "
                "held-out share or a lower order."
            )
        known, ahead = latents[split.held_out][judged], ahead[split.held_out][judged]
        reconstruction, prediction = self._explained(known, ahead.astype(np.float32), judged)
        z, z_ahead = var.standardise(known), var.standardise(ahead)
        latent_r2 = 1 - float(np.square(z - z_ahead).sum() / max(np.square(z).sum(), 1e-30))
        loss = 1 - reconstruction + self.prediction_weight * (1 - prediction) + self.latent_weight * (1 - latent_r2)
        if not np.isfinite(loss):
            raise TrainingError("The held-out loss is not finite. Choose a smaller learning rate.")
        weights = self.drawn.detach().clone(), self.read.detach().clone(), self.unmix.detach().clone()
        return State(weights, latents, var, loss, reconstruction, prediction, latent_r2)

    def _explained(
        self, latents: NDArray[np.float32], ahead: NDArray[np.float32], judged: NDArray[np.bool_]
    ) -> tuple[float, float]:
        """Fraction of the variance of the judged frames that each of two sets of latents explains when decoded.

        |d - Phi z|^2 = |d|^2 - 2 z' Phi'd + z' Phi'Phi z, of which components know all but the part outside.
        """
        rows = torch.from_numpy(np.flatnonzero(self.split.held_out)[judged])
        seen = torch.from_numpy(judged)
        matched = project(self.components[rows].transpose(0, 1), self.drawn, self.members, self.latents)
        matched = (matched + self.matched_outside[seen]).double()
        products = gram(self.drawn, self.members, self.latents) + self.outside_gram
        total = max(float(self.around[seen].double().sum()), 1e-30)

        def fve(z: NDArray[np.float32]) -> float:
            z_ = torch.from_numpy(z).double()
            error = self.power[seen].double().sum() - 2 * (z_ * matched).sum() + ((z_ @ products) * z_).sum()
            return 1 - float(error) / total

        return fve(latents), fve(ahead)

    @cached_property
    def _shown(self) -> tuple[int, NDArray[np.float32]]:
        """The held-out frame with the strongest signal, and what it holds, scaled."""
        held_out = np.flatnonzero(self.split.held_out)
        strongest = int(self.components[torch.from_numpy(held_out)].square().sum((1, 2)).argmax())
        frame = self.split.start + int(held_out[strongest])
        return frame, self.movie.normalisation.apply(self.stack.read(frame, frame + 1))[0]

    @torch.no_grad()
    def example(self, state: State) -> Example:
        """Draw a held-out frame as a state draws it."""
        (frame, image), (drawn, _read, _unmix) = self._shown, state.weights
        z = torch.from_numpy(state.latents[frame - self.split.start][None])
        tiles = torch.bmm(draw(z, drawn, self.members), self.movie.basis.mT) + draw(z, self.outside, self.members)
        return Example(frame, image, self.movie.tiles.join(tiles)[0].numpy())

    @torch.no_grad()
    def finish(self, best: State, history: tuple[EpochReport, ...]) -> Fit:
        """Make the fit: best weights, latents of SD 1 in order of the variance they carry, VAR on all frames."""
        movie, split = self.movie, self.split
        drawn, read, unmix = best.weights
        network = FootprintNetwork(torch.from_numpy(movie.normalisation.scaled_static), self.latents, drawn.shape[1])
        network.members.copy_(self.members)
        network.drawn.copy_(torch.bmm(drawn, movie.basis.mT) + self.outside)
        network.read.copy_(torch.bmm(read, movie.basis.mT))
        network.unmix.copy_(unmix)
        deviation = best.latents[split.good].std(0, dtype=np.float64).astype(np.float32).clip(min=1e-8)
        factors = torch.from_numpy(deviation)
        norms = (gram(drawn, self.members, self.latents) + self.outside_gram).diagonal().sqrt().float()
        order = (factors * norms).argsort(descending=True, stable=True)
        network.rescale(factors, order)
        latents = (best.latents / deviation)[:, order.numpy()]
        var = estimate_var(latents, self.config.order, rule(self.config), split.runs, "links")
        return Fit(
            config=self.config,
            network=network.to(self.device).eval().requires_grad_(False),
            var=var,
            normalisation=movie.normalisation,
            movie=self.began.fingerprint,
            frames=(split.start, split.stop),
            history=history,
            notes=self._notes(),
            bad_frames=tuple(sorted(self.stack.bad_frames)),
        )

    def _notes(self) -> tuple[str, ...]:
        """Report odd frames that were left out, and that the movie changed since training began."""
        notes = []
        if odd := self.movie.odd:
            notes.append(left_out(odd))
        if unusual := self.movie.unusual:
            notes.append(
                f"{count_frames(unusual)} dark or shifted by several pixels: {some_of(unusual)}. Training used "
                "them. Look at them, and mark them as bad if they are."
            )
        return (*notes, *self.began.notes())
