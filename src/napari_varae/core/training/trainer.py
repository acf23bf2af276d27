"""The state of a training: the network, its data and its optimiser, what one step does, and how it is judged."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.autoencoder.footprints import Autoencoder
from napari_varae.core.autoencoder.static import derivatives
from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.compute.device import choose_device
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.lasso.estimate import lasso
from napari_varae.core.movie.frames import FrameRange
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.data import Recording
from napari_varae.core.training.initialise import draw_first, first_footprints, set_footprints
from napari_varae.core.training.optimiser import Adam
from napari_varae.core.var.estimate import estimate_var
from napari_varae.core.var.lags import lag_moments, lag_pairs, standardise
from napari_varae.core.var.model import VAR
from napari_varae.errors import TrainingError

__all__ = ["State", "Trainer"]


@dataclass(frozen=True)
class State:
    """Weights and what they achieve on held-out frames."""

    weights: dict[str, Tensor]
    latents: NDArray[np.float32]
    var: VAR
    loss: float
    reconstruction_fve: float
    prediction_fve: float
    latent_r2: float

    def report(self, epoch: int, epochs: int, train_loss: float, seconds: float, best: bool) -> EpochReport:
        """Say what an epoch achieved that ended in this state."""
        nonzeros = float(np.count_nonzero(self.var.coefficients) / self.var.latents)
        return EpochReport(
            epoch, epochs, train_loss, self.loss, self.reconstruction_fve, self.prediction_fve, self.latent_r2,
            nonzeros, self.var.penalty, seconds, best,
        )  # fmt: skip


class Trainer:
    """The network, its data and its optimiser."""

    def __init__(
        self,
        stack: Stack,
        config: FitConfig,
        check: Check = go_on,
        phase: Callable[[str], object] = str,
    ) -> None:
        alone = config.mode == "two_stage"
        self.prediction_weight = 0.0 if alone else config.prediction_weight
        self.latent_weight = 0.0 if alone else config.latent_weight
        phase("reading the frames")
        self.data = data = Recording(stack, config, check)
        self.device, _ = choose_device(config.device)
        self.static = torch.from_numpy(data.static / data.scale).to(self.device)
        whole = derivatives(self.static.cpu()) if config.static_skip else torch.zeros(0, *data.image)
        phase("finding the first footprints")
        images, smoothing = first_footprints(
            data, whole, config.latents, config.order, config.smoothing, self.prediction_weight
        )
        phase("fitting the network to them")
        footprints = torch.from_numpy(images).to(self.device)
        if config.grid is None:
            self.network = draw_first(partial(self._network, config), data, footprints, self.static)
        else:
            self.network = self._network(config, config.grid)
            set_footprints(self.network, footprints, self.static, check=check)
        self.config = config.model_copy(update={"smoothing": smoothing, "grid": self.network.step})
        self.random = torch.Generator().manual_seed(config.seed)
        self.optimiser = self._optimiser()

    def _network(self, config: FitConfig, step: int) -> Autoencoder:
        """Make an untrained network on a grid of this step."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(config.seed)
            network = Autoencoder(self.data.image, config.latents, step, config.channels, config.static_skip)
        return network.to(self.device)

    def _optimiser(self) -> Adam:
        rate, network = self.config.learning_rate, self.network
        draw, read = (rate * float(maps.detach().square().mean().sqrt()) for maps in (network.draw, network.read))
        return Adam(
            [
                ([network.draw], draw),
                ([network.read], read),
                ([network.gather], 0.02 * read),  # zero at first: has no size of its own
                ([*network.features.parameters(), *network.convolutions.parameters()], 0.1 * rate),
            ]
        )

    def windows(self) -> Iterator[FrameRange]:
        """Yield the runs of frames of one epoch, in random order and at random places."""
        runs = self.data.windows(self.config.window, self.random)
        yield from (runs[i] for i in torch.randperm(len(runs), generator=self.random).tolist())

    def step(self, window: FrameRange, epoch: int) -> float:
        """Take one gradient step on a run of frames; return the loss as a share of the variance."""
        frames, good = self.data.read(*window)
        d, usable = torch.from_numpy(frames).to(self.device), torch.from_numpy(good).to(self.device)
        hidden = self.config.dropout
        shown = d
        if hidden:
            shown = d * (torch.rand(d.shape, generator=self.random) >= hidden).to(self.device) / (1 - hidden)
        filters, footprints = self.network.banks(self.static)
        z = self.network.encode(shown, filters)
        loss = (self.network.decode(z, footprints) - d)[usable].square().mean()
        _check_finite(loss, epoch)  # before the VAR, which takes no latents that are not finite
        if self.prediction_weight or self.latent_weight:
            loss = loss + self._prediction_loss(z, d, usable, footprints)
            _check_finite(loss, epoch)
        self.optimiser.clear()
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def _prediction_loss(self, z: Tensor, d: Tensor, usable: Tensor, footprints: Tensor) -> Tensor:
        """Prediction error, the VAR estimated on each half of the run and judged on the other one.

        Judged where it was estimated, a VAR only seems to predict, and the gradient through the estimate says little.
        The VAR is computed on the CPU: it is small, and not every device has float64.
        """
        order, middle = self.config.order, len(z) // 2
        total = z.new_zeros(())
        usable = usable.cpu()
        standardised, mean, scale = standardise(z.cpu(), usable)
        for estimated, judged in ((slice(0, middle), slice(middle, None)), (slice(middle, None), slice(0, middle))):
            frames = lag_pairs(len(z[judged]), order, usable[judged])
            if len(frames) == 0 or len(lag_pairs(len(z[estimated]), order, usable[estimated])) < 2:
                continue
            moments = lag_moments(standardised[estimated], order, usable[estimated])
            beta = lasso(moments.gram, moments.cross, self._window_penalty(moments.count), self.weights)
            if self.config.mode == "stop_gradient":
                beta = beta.detach()
            part = standardised[judged]
            ahead = torch.cat([part[frames - lag] for lag in range(1, order + 1)], 1) @ beta.T
            if self.latent_weight:
                total = total + self.latent_weight / 2 * (part[frames] - ahead).square().mean().to(z)
            if self.prediction_weight:
                drawn = self.network.decode((ahead * scale + mean).to(z), footprints)
                total = total + self.prediction_weight / 2 * (drawn - d[judged][frames.to(d.device)]).square().mean()
        return total

    def _window_penalty(self, n_pairs: int) -> float:
        """Penalty for a short run: an l1 penalty has to grow like 1 / sqrt(n) to keep out as much noise."""
        return min(1.0, self.penalty * math.sqrt(self.n_pairs / n_pairs))

    @torch.no_grad()
    def latents(self) -> NDArray[np.float32]:
        """Latents of all frames of the training range."""
        filters, _ = self.network.banks(self.static)
        blocks = (torch.from_numpy(frames).to(self.device) for _, frames in self.data.blocks())
        return torch.cat([self.network.encode(block, filters).cpu() for block in blocks]).numpy()

    @torch.no_grad()
    def assess(self) -> State:
        """Estimate the VAR on the training frames and judge it and the reconstruction on the held-out ones."""
        data, order = self.data, self.config.order
        latents = self.latents()
        if not np.isfinite(latents).all():
            raise TrainingError("The latents are no longer finite. Choose a smaller learning rate.")
        var = estimate_var(latents, order, _rule(self.config), data.trained, "links")
        self.penalty, self.n_pairs = var.penalty, var.n_pairs
        self.weights = torch.from_numpy(np.concatenate(list(var.weights), axis=1))
        ahead = var.predict(latents, data.good)
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
        data = self.data
        _, footprints = self.network.banks(self.static)
        static = torch.from_numpy((data.static - data.baseline) / np.float32(data.scale))
        errors = np.zeros(3)
        for run in data.held_out_runs:
            for first, frames in data.blocks(*run):
                rows = np.flatnonzero(judged[first - data.start :][: len(frames)]) + first - data.start
                d = torch.from_numpy(frames[rows - (first - data.start)])
                for i, z in enumerate((latents, ahead)):
                    drawn = self.network.decode(torch.from_numpy(z[rows]).to(self.device), footprints).cpu()
                    errors[i] += float((drawn - d).square().sum(dtype=torch.float64))
                errors[2] += float((d - static).square().sum(dtype=torch.float64))
        shares = 1 - errors[:2] / max(errors[2], 1e-30)
        return float(shares[0]), float(shares[1])

    def finish(self, best: State, history: tuple[EpochReport, ...]) -> Fit:
        """Make the fit: best weights, latents of deviation 1 in order of the variance they carry, VAR on all frames."""
        self.network.load_state_dict(best.weights)
        deviation = best.latents[self.data.good].std(0, dtype=np.float64).astype(np.float32).clip(min=1e-8)
        with torch.no_grad():
            factors = torch.from_numpy(deviation).to(self.device)
            _, footprints = self.network.banks(self.static)
            order = (factors * footprints.norm(dim=1)).argsort(descending=True, stable=True)
            self.network.rescale(factors, order)
        latents = (best.latents / deviation)[:, order.cpu().numpy()]
        var = estimate_var(latents, self.config.order, _rule(self.config), self.data.good, "links")
        return Fit(
            config=self.config,
            network=copy.deepcopy(self.network).eval().requires_grad_(False),
            var=var,
            static=self.data.static,
            baseline=self.data.baseline,
            scale=self.data.scale,
            movie=self.data.stack.fingerprint(),
            frames=(self.data.start, self.data.stop),
            history=history,
        )


def _rule(config: FitConfig) -> Literal["bic", "ebic", "cv"] | float:
    return config.penalty if config.sparsity == "fixed" else config.sparsity


def _check_finite(loss: Tensor, epoch: int) -> None:
    if not torch.isfinite(loss):
        raise TrainingError(
            f"The loss became {loss.item()} in epoch {epoch}. Nothing is lost but this run: choose a smaller learning "
            "rate."
        )
