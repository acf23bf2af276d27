"""What training reports after each epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

__all__ = ["EpochReport"]


@dataclass(frozen=True)
class EpochReport:
    """What one epoch achieved; all but the training loss on held-out frames.

    Attributes
    ----------
    epoch, epochs : int
        This epoch, counted from 1, and the most there can be; 0 is the start.
    train_loss, held_out_loss : float
        Reconstruction error plus weighted prediction error, as a share of the dynamic variance; reconstruction error
        alone in the mode `two_stage`. For the start, both are of held-out frames.
    reconstruction_fve, prediction_fve : float
        Fraction of dynamic variance explained by reconstruction and by one-step prediction.
    latent_r2 : float
        Share of the latents' variance that the VAR predicts.
    nonzeros_per_target : float
        Nonzero VAR coefficients per latent.
    penalty : float
        The l1 penalty (lambda).
    seconds : float
        Time since training began.
    best : bool
        Whether this is the best held-out loss so far.
    """

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid", "allow_inf_nan": False}

    epoch: int
    epochs: int
    train_loss: float
    held_out_loss: float
    reconstruction_fve: float
    prediction_fve: float
    latent_r2: float
    nonzeros_per_target: float
    penalty: float
    seconds: float
    best: bool
