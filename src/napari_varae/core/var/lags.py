"""What the estimate of a VAR needs to know of latents: their mean and SD, and the moments of their lag pairs.

Only lag pairs inside one unbroken run of good frames count. Which frames are good is a mask, or the number of the run
of each frame (:meth:`.Stack.runs`), negative where it is bad: then no lag pair crosses a break of the recording.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Moments", "by_lag", "flat", "lag_moments", "lag_pairs", "pair_moments", "standardise"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Second moments of n lag pairs with predictors x (P = p K, index (lag - 1) K + source) and targets y (K).

    Attributes
    ----------
    gram : Tensor, shape (P, P)
        Mean of x x'.
    cross : Tensor, shape (K, P)
        Mean of y x'.
    covariance : Tensor, shape (K, K)
        Mean of y y'.
    count : int
        Number of lag pairs n.
    """

    gram: Tensor
    cross: Tensor
    covariance: Tensor
    count: int

    @property
    def variance(self) -> Tensor:
        """Mean square of each target, shape (K,)."""
        return self.covariance.diagonal()


def standardise(latents: Tensor, good: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Give latents mean 0 and SD 1 over the good frames; differentiable.

    The SD has a floor, 1e-4 of the root mean square over latents, so that a dead latent stays dead.

    Parameters
    ----------
    latents : Tensor, shape (T, K)
    good : Tensor of bool, or of numbers of runs, shape (T,), optional

    Returns
    -------
    standardised : Tensor, shape (T, K), float64
    mean, scale : Tensor, shape (K,)
    """
    latents = latents.double()
    used = latents if good is None else latents[good > 0]
    with torch.no_grad():  # a power of two near the largest value, so that no square overflows or vanishes
        unit = torch.ldexp(torch.ones_like(used[:1, :1]), used.abs().amax().frexp().exponent.clamp(-1000, 1000))[0, 0]
    latents, used = latents / unit, used / unit
    mean = used.mean(0)
    variance = (used - mean).square().mean(0)
    with torch.no_grad():  # rounding of the mean is no signal either
        floor = 1e-8 * variance.mean() + (1e-12 * mean.abs().max()).square() + torch.finfo(torch.float64).tiny
    scale = variance.clamp(min=floor).sqrt()
    return (latents - mean) / scale, mean * unit, scale * unit


def lag_pairs(n_frames: int, order: int, good: Tensor | None = None) -> Tensor:
    """Frames t for which t - order to t are all good and of one run, in order."""
    usable = torch.ones(n_frames, dtype=torch.bool) if good is None else good
    if len(usable) <= order:
        return torch.arange(0, device=usable.device)
    frames = usable.unfold(0, order + 1, 1)
    return ((frames > 0).all(1) & (frames == frames[:, :1]).all(1)).nonzero()[:, 0] + order


def lag_moments(latents: Tensor, order: int, good: Tensor | None = None) -> Moments:
    """Collect the second moments of lagged latents; differentiable.

    Parameters
    ----------
    latents : Tensor, shape (T, K)
        Standardised latents.
    order : int
        Order p of the VAR.
    good : Tensor of bool, or of numbers of runs, shape (T,), optional
        Frames to use; a lag pair counts only when all its frames are good and of one run.

    Raises
    ------
    ValueError
        When there is no lag pair.
    """
    return pair_moments(latents, lag_pairs(len(latents), order, good), order)


def pair_moments(latents: Tensor, frames: Tensor, order: int) -> Moments:
    """Collect the second moments of the lag pairs whose targets are these frames, as :func:`lag_moments` does."""
    if len(frames) == 0:
        raise ValueError(f"No run of more than {order} good frames: a VAR of order {order} cannot be estimated.")
    frames = frames.to(latents.device)
    x = torch.cat([latents[frames - lag] for lag in range(1, order + 1)], 1)
    y = latents[frames]
    return Moments(x.mT @ x / len(frames), y.mT @ x / len(frames), y.mT @ y / len(frames), len(frames))


def by_lag(beta: Array, order: int) -> Array:
    """Turn coefficients (K, p K) into (p, K, K) [lag, target, source]."""
    return np.ascontiguousarray(beta.reshape(len(beta), order, len(beta)).transpose(1, 0, 2))


def flat(coefficients: Array) -> Array:
    """Turn coefficients (p, K, K) [lag, target, source] into (K, p K); undoes :func:`by_lag`."""
    return np.concatenate(list(coefficients), axis=1)
