"""A state of a training: weights and what they achieve on held-out frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.fit.report import EpochReport
from napari_varae.core.settings import FitConfig
from napari_varae.core.var.model import VAR
from napari_varae.errors import TrainingError

__all__ = ["State", "check_finite", "rule"]


@dataclass(frozen=True)
class State:
    """Weights and what they achieve on held-out frames."""

    weights: Any
    latents: NDArray[np.float32]
    var: VAR
    loss: float
    reconstruction_fve: float
    prediction_fve: float
    latent_r2: float

    def report(self, epoch: int, epochs: int, train_loss: float, seconds: float, best: bool) -> EpochReport:
        """Report what an epoch achieved that ended in this state."""
        nonzeros = float(np.count_nonzero(self.var.coefficients) / self.var.latents)
        return EpochReport(
            epoch, epochs, train_loss, self.loss, self.reconstruction_fve, self.prediction_fve, self.latent_r2,
            nonzeros, self.var.penalty, seconds, best,
        )  # fmt: skip


def rule(config: FitConfig) -> Literal["bic", "ebic", "cv"] | float:
    """Give the rule by which the penalty is chosen, as :func:`estimate_var` takes it."""
    return config.penalty if config.sparsity == "fixed" else config.sparsity


def check_finite(loss: Tensor, epoch: int) -> None:
    """Raise TrainingError unless a loss is finite."""
    if not torch.isfinite(loss):
        raise TrainingError(
            f"The loss became {loss.item()} in epoch {epoch}. Nothing is lost but this run: choose a smaller learning "
            "rate."
        )
