"""Training of a network on windows of pixels, with the VAR inside.

A step takes a window of consecutive frames. Its loss is the reconstruction error and the weighted errors of prediction,
the VAR estimated on each half of the window and judged on the other one. In the mode `end_to_end` the gradient runs
through the l1 estimate too, in `stop_gradient` it does not, and `two_stage` has no prediction in its loss.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.autoencoder.convolutional import ConvolutionalNetwork
from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.compute.device import choose_device
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.lasso.estimate import lasso
from napari_varae.core.movie.changed import Began
from napari_varae.core.movie.frames import FrameRange
from napari_varae.core.movie.odd_frames import left_out
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.data import Recording
from napari_varae.core.training.example import Example
from napari_varae.core.training.optimiser import Adam
from napari_varae.core.training.state import State, check_finite, rule
from napari_varae.core.var.estimate import estimate_var
from napari_varae.core.var.lags import Moments, lag_moments, lag_pairs, standardise
from napari_varae.errors import PathError, TrainingError

__all__ = ["EndToEnd", "Numerics"]

LATENTS, WINDOW = 64, 240
"""Latents, and frames of a window, where they are not chosen."""
LARGEST_GRADIENT = 1.0
"""Norm to which the gradient of one step is shortened."""
RATE = 0.4
"""Length of a step of Adam, as a share of the learning rate; the weights have sizes of about 0.1."""
STEPS = 24
"""Least steps of an epoch, since judging its result costs as much as some of them."""
AT_KNOT = 1e-9
"""Distance from a knot, as a share of the largest correlation, at which a derivative is one-sided."""


@dataclass
class Numerics:
    """How often the estimate in the loss came near its numerical limits.

    Attributes
    ----------
    steps, estimates : int
        Gradient steps taken, and l1 estimates in their losses.
    lost : int
        Estimates whose path was not trusted, or too long; that half of the window then has no prediction error.
    at_knot : int
        Estimates with a coefficient at a knot, where the derivative is one-sided.
    capped : int
        Estimates whose penalty would have been above 1.
    floored : int
        Estimates with a latent whose SD was at its floor.
    shortened : int
        Steps whose gradient was shortened.
    """

    steps: int = 0
    estimates: int = 0
    lost: int = 0
    at_knot: int = 0
    capped: int = 0
    floored: int = 0
    shortened: int = 0


class EndToEnd:
    """The network, its data and its optimiser.

    Parameters
    ----------
    stack : Stack
    config : FitConfig
    check : callable, optional
        Asked between batches and pieces of the movie.
    """

    def __init__(self, stack: Stack, config: FitConfig, check: Check = go_on) -> None:
        alone = config.mode == "two_stage"
        if config.latents == "auto":
            config = config.model_copy(update={"latents": LATENTS})
        self.config = config = config.model_copy(update={"window": config.window or WINDOW})
        self.check = check
        self.prediction_weight = 0.0 if alone else config.prediction_weight
        self.latent_weight = 0.0 if alone else config.latent_weight
        self.link_price = 0.0 if alone else config.link_price
        self.random = torch.Generator().manual_seed(config.seed)
        self.device, _ = choose_device(config.device)
        self.began = Began(stack)
        network = ConvolutionalNetwork.build(config, stack.shape[1:], self.random)
        self.data = data = Recording(stack, config, check)
        network.static.copy_(torch.from_numpy(data.normalisation.scaled_static))
        self.network = network.to(self.device)
        self.dynamic_static = torch.from_numpy(data.normalisation.origin).to(self.device)
        self.optimiser = Adam([(list(network.parameters()), RATE * config.learning_rate)])
        self.numerics = Numerics()
        self.penalty, self.n_pairs, self.weights = 0.0, 1, torch.zeros(())

    def windows(self) -> Iterator[FrameRange]:
        """Yield the windows of one epoch, in random order and at random places: some passes of a short movie."""
        taken = 0
        while taken < STEPS:
            runs = self.data.windows(self.config.window or WINDOW, self.random)
            yield from (runs[i] for i in torch.randperm(len(runs), generator=self.random).tolist())
            taken += max(len(runs), 1)

    def step(self, window: FrameRange, epoch: int) -> float:
        """Take one gradient step on a window; return the loss as a share of the variance."""
        return self.descend(self.loss(window, epoch), epoch)

    def descend(self, loss: Tensor, epoch: int) -> float:
        """Take one gradient step down a loss; return it."""
        self.optimiser.clear()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.numerics.shortened += bool(norm > LARGEST_GRADIENT)
        self.numerics.steps += 1
        if not bool(norm.isfinite()):
            raise TrainingError(f"The gradient is not finite in epoch {epoch}. Choose a smaller learning rate.")
        self.optimiser.step()
        return float(loss.detach())

    def loss(self, window: FrameRange, epoch: int = 0, through_estimate: bool | None = None) -> Tensor:
        """Compute the loss of a window.

        Parameters
        ----------
        window : (int, int)
        epoch : int
            Named in errors.
        through_estimate : bool, optional
            Whether the gradient runs through the l1 estimate; as the mode asks when not given.
        """
        frames, good = self.data.read(*window)
        usable = torch.from_numpy(good)
        runs = torch.from_numpy(self.data.runs[window[0] - self.data.start : window[1] - self.data.start])
        d = self.network.reduce(torch.from_numpy(frames).to(self.device))
        z = self.network.encode_reduced(self.hide(d))
        check_finite(z.sum(), epoch)  # before the VAR, which takes no latents that are not finite
        latents, parts, price = [z], [], z.new_zeros(())
        if self.prediction_weight or self.latent_weight or self.link_price:
            if through_estimate is None:
                through_estimate = self.config.mode == "end_to_end"
            for ahead, target_frames, latent_error, links in self._predictions(z, runs, through_estimate):
                latents.append(ahead.flatten(0, 1).to(z))
                parts.append(target_frames.flatten().to(self.device))
                price = price + (self.latent_weight * latent_error + self.link_price * links).to(z) / 2
        drawn = self.network.decode_reduced(torch.cat(latents) if self.prediction_weight else z, self.network.context())
        loss = (drawn[: len(z)] - d)[usable.to(self.device)].square().mean() + price
        if self.prediction_weight:
            for images, target in zip(drawn[len(z) :].split([len(part) for part in parts]), parts, strict=True):
                loss = loss + self.prediction_weight / 2 * (images - d[target]).square().mean()
        check_finite(loss, epoch)
        return loss

    def hide(self, d: Tensor) -> Tensor:
        """Hide a share of the pixels of frames (B, Y, X), that is, leave them as they are in the static image."""
        share = self.config.dropout
        if not share:
            return d
        shown = (torch.rand(d.shape, generator=self.random) >= share).to(self.device)
        rest = self.network.reduce(self.dynamic_static[None])
        return rest + (d - rest) * shown / (1 - share)

    def _predictions(
        self, z: Tensor, runs: Tensor, through_estimate: bool
    ) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Estimate the VAR on each half of a window and predict the other one, 1 to H frames ahead.

        On the CPU: the VAR is small, and not every device has float64.

        Yields
        ------
        ahead : Tensor, shape (H, n, K)
            Predicted latents, in their own units.
        frames : Tensor, shape (H, n)
            The frames of the window that they predict.
        latent_error, links : Tensor, shape ()
            Mean square of the errors of standardised latents; mean size of the links into a latent.
        """
        order, horizon, middle = self.config.order, self.config.horizon, len(z) // 2
        standardised, mean, scale = standardise(z.cpu(), runs)
        halves = slice(0, middle), slice(middle, len(z))
        for estimated, judged in (halves, halves[::-1]):
            frames = lag_pairs(len(z[judged]), order + horizon - 1, runs[judged])
            if len(frames) == 0 or len(lag_pairs(len(z[estimated]), order, runs[estimated])) < 2:
                continue
            beta = self._estimate(lag_moments(standardised[estimated], order, runs[estimated]), scale)
            if beta is None:
                continue
            if not through_estimate:
                beta = beta.detach()
            part = standardised[judged]
            targets = torch.stack([frames - horizon + step for step in range(1, horizon + 1)])
            past = [part[targets[0] - lag] for lag in range(1, order + 1)]
            ahead = []
            for _step in range(horizon):
                ahead.append(torch.cat(past, 1) @ beta.T)
                past = [ahead[-1], *past[:-1]]
            predicted = torch.stack(ahead)
            between = beta.abs().view(len(beta), order, -1) * (1 - torch.eye(len(beta), dtype=beta.dtype))[:, None]
            error = (predicted - part[targets]).square().mean()
            yield predicted * scale + mean, targets + judged.start, error, between.sum((1, 2)).mean()

    def _estimate(self, moments: Moments, scale: Tensor) -> Tensor | None:
        """Estimate coefficients (K, p K) from half a window, or None where the path is not to be trusted.

        An l1 penalty has to grow like 1 / sqrt(n) to keep out as much noise.
        """
        numerics = self.numerics
        penalty = self.penalty * math.sqrt(self.n_pairs / moments.count)
        numerics.estimates += 1
        numerics.capped += penalty > 1
        penalty = min(penalty, 1.0)
        with torch.no_grad():
            numerics.floored += bool((scale <= 1.001e-4 * scale.square().mean().sqrt()).any())
        try:
            beta: Tensor = lasso(moments.gram, moments.cross, penalty, self.weights)
        except PathError:
            numerics.lost += 1
            return None
        with torch.no_grad():
            correlation = (moments.cross - beta @ moments.gram).abs()
            near = (correlation - penalty * self.weights).abs() < AT_KNOT * moments.cross.abs().max()
            numerics.at_knot += bool((near & (beta == 0) & (self.weights > 0)).any())
        return beta

    @torch.no_grad()
    def latents(self) -> NDArray[np.float32]:
        """Latents of all frames of the training range."""
        blocks = (torch.from_numpy(frames).to(self.device) for _, frames in self.data.blocks())
        return torch.cat([self.network.encode(block).cpu() for block in blocks]).numpy()

    @torch.no_grad()
    def assess(self) -> State:
        """Estimate the VAR on the training frames and judge it and the reconstruction on the held-out ones."""
        data, order = self.data, self.config.order
        latents = self.latents()
        if not np.isfinite(latents).all():
            raise TrainingError("The latents are no longer finite. Choose a smaller learning rate.")
        var = estimate_var(latents, order, rule(self.config), data.trained_runs, "links")
        self.penalty, self.n_pairs = var.penalty, var.n_pairs
        self.weights = torch.from_numpy(np.concatenate(list(var.weights), axis=1))
        ahead = var.predict(latents, data.runs)
        judged = data.held_out & np.isfinite(ahead).all(1)
        if not judged.any():
            raise ValueError(
                f"No held-out frame has {order} good frames before it: mark fewer frames as bad, or choose a larger "
                "held-out share or a lower order."
            )
        reconstruction, prediction = self._explained(latents, ahead.astype(np.float32), judged)
        z, z_ahead = var.standardise(latents[judged]), var.standardise(ahead[judged])
        latent_r2 = 1 - float(np.square(z - z_ahead).sum() / max(np.square(z).sum(), 1e-30))
        loss = 1 - reconstruction + self.prediction_weight * (1 - prediction) + self.latent_weight * (1 - latent_r2)
        if not np.isfinite(loss):
            raise TrainingError("The held-out loss is not finite. Choose a smaller learning rate.")
        weights = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        return State(weights, latents, var, loss, reconstruction, prediction, latent_r2)

    @torch.no_grad()
    def _explained(
        self, latents: NDArray[np.float32], ahead: NDArray[np.float32], judged: NDArray[np.bool_]
    ) -> tuple[float, float]:
        """Fraction of the variance of the judged frames that each of two sets of latents explains when decoded."""
        data, errors, context = self.data, np.zeros(3), self.network.context()
        for run in data.held_out_runs:
            for first, frames in data.blocks(*run):
                rows = np.flatnonzero(judged[first - data.start :][: len(frames)]) + first - data.start
                d = torch.from_numpy(frames[rows - (first - data.start)]).to(self.device)
                for i, z in enumerate((latents, ahead)):
                    drawn = self.network.decode(torch.from_numpy(z[rows]).to(self.device), context)
                    errors[i] += float((drawn - d).square().sum(dtype=torch.float32))
                errors[2] += float((d - self.dynamic_static).square().sum(dtype=torch.float32))
        shares = 1 - errors[:2] / max(errors[2], 1e-30)
        return float(shares[0]), float(shares[1])

    @cached_property
    def _shown(self) -> tuple[int, NDArray[np.float32]]:
        """The held-out frame with the strongest signal, and what it holds, scaled."""
        data, strongest, found = self.data, -1.0, None
        rest = self.dynamic_static.cpu().numpy()
        for first, last in data.held_out_runs:
            for begin, frames in data.blocks(first, last):
                power = np.square(frames - rest).mean((1, 2))
                power[~data.held_out[begin - data.start :][: len(frames)]] = -1
                i = int(power.argmax())
                if power[i] > strongest:
                    strongest, found = power[i], (begin + i, frames[i].copy())
        assert found is not None  # a split holds out at least one frame
        return found

    @torch.no_grad()
    def example(self, state: State) -> Example:
        """Draw a held-out frame as a state, whose weights are the present ones, draws it."""
        frame, image = self._shown
        z = torch.from_numpy(state.latents[frame - self.data.start][None]).to(self.device)
        drawn = self.network.decode(z, self.network.context())[0]
        return Example(frame, image, drawn.float().cpu().numpy())

    def finish(self, best: State, history: tuple[EpochReport, ...]) -> Fit:
        """Make the fit: best weights, latents of mean 0 and SD 1 in order of what they draw, VAR on all frames."""
        network, data = self.network, self.data
        network.load_state_dict(best.weights)
        used = best.latents[data.good]
        mean = used.mean(0, dtype=np.float64).astype(np.float32)
        deviation = used.std(0, dtype=np.float64).astype(np.float32).clip(min=1e-8)
        factors = torch.from_numpy(deviation).to(self.device)
        network.centre(torch.from_numpy(mean).to(self.device))
        with torch.no_grad():
            strength = factors * network.footprints().flatten(1).norm(dim=1)
        order = strength.argsort(descending=True, stable=True)
        network.rescale(factors, order)
        latents = ((best.latents - mean) / deviation)[:, order.cpu().numpy()]
        return Fit(
            config=self.config,
            network=copy.deepcopy(network).eval().requires_grad_(False),
            var=estimate_var(latents, self.config.order, rule(self.config), data.runs, "links"),
            normalisation=data.normalisation,
            movie=self.began.fingerprint,
            frames=(data.start, data.stop),
            history=history,
            notes=(*((left_out(data.odd),) if data.odd else ()), *self.began.notes()),
            bad_frames=tuple(sorted(data.stack.bad_frames)),
        )
