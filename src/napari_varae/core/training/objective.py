"""The prediction error of a window: the VAR estimated on each half, and judged on the other one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from napari_varae.core.lasso.estimate import lasso
from napari_varae.core.settings import FitConfig
from napari_varae.core.var.lags import flat, lag_moments, lag_pairs
from napari_varae.core.var.model import VAR

__all__ = ["Judged", "cross_predictions", "window_penalty"]

Judged = tuple[Tensor, Tensor, Tensor]
"""Frames of the window, their standardised latents (n, K) and the predicted ones."""


def window_penalty(var: VAR, n_pairs: int) -> float:
    """Penalty for a short window: an l1 penalty has to grow like 1 / sqrt(n) to keep out as much noise."""
    return min(1.0, var.penalty * math.sqrt(var.n_pairs / n_pairs))


def cross_predictions(z: Tensor, runs: Tensor, var: VAR, config: FitConfig) -> Iterator[Judged]:
    """Predict each half of a window of latents (T, K) by the VAR of the other half.

    Judged where it was estimated, a VAR only seems to predict, and the gradient through the estimate means little.
    `runs` (T,) are the numbers of the runs of its frames, negative where bad.
    Penalty and weights are those of `var`, the VAR of the whole recording. Yields standardised latents, with which
    :func:`standardise` of the window is undone by the caller.
    """
    order, middle = config.order, len(z) // 2
    weights = torch.from_numpy(flat(var.weights))
    first, second = slice(0, middle), slice(middle, len(z))
    for estimated, judged in ((first, second), (second, first)):
        frames = lag_pairs(len(z[judged]), order, runs[judged])
        if len(frames) == 0 or len(lag_pairs(len(z[estimated]), order, runs[estimated])) < 2:
            continue
        moments = lag_moments(z[estimated], order, runs[estimated])
        beta = lasso(moments.gram, moments.cross, window_penalty(var, moments.count), weights)
        if config.mode == "stop_gradient":
            beta = beta.detach()
        part = z[judged]
        past = torch.cat([part[frames - lag] for lag in range(1, order + 1)], 1)
        yield frames + judged.start, part[frames], past @ beta.T
