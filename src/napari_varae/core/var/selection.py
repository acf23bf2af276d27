"""The choice of the l1 penalty, one for all targets of a VAR.

Information criteria sum over the targets i

    n log(rss_i(penalty) / n) + df_i(penalty) (log n + 2 gamma log P),

with gamma = 0 for BIC (Schwarz 1978) and 1/2 for EBIC (Chen, Chen 2008), and df the number of nonzeros (Zou, Hastie,
Tibshirani 2007), those without a penalty included. Cross-validation is forward chaining, each block of frames predicted
from those before it; of the penalties within one standard error of the best one the largest is taken (Breiman,
Friedman, Olshen, Stone 1984).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.lasso.estimate import entry_penalty
from napari_varae.core.lasso.path import LassoPath, lasso_path
from napari_varae.core.var.lags import pair_moments, standardise

__all__ = [
    "PATH_FLOOR", "candidates", "cross_validation", "information_criterion", "one_standard_error", "residual_variance",
    "useful_path",
]  # fmt: skip

PATH_FLOOR = 0.01
"""Share of the largest useful penalty below which no penalty is considered."""
MOST = 64
"""Penalised predictors of a target beyond which a path is of no use: of hundreds of latents it would fill gigabytes."""
COARSE, FINE = 32, 64
"""Knots of each halving of the penalty at which a criterion is compared, and then around the best of them."""
FOLDS = 5
"""Blocks of frames that cross-validation predicts."""

Array = NDArray[np.float64]


def useful_path(gram: Array, cross: Array, weights: Array | None = None) -> LassoPath:
    """Follow the paths of all targets from the largest useful penalty to `PATH_FLOOR` of it or `MOST` predictors."""
    floor = PATH_FLOOR * float(entry_penalty(gram, cross, 1, weights).max())
    return lasso_path(gram, cross, floor, weights, most=MOST)


def candidates(path: LassoPath, high: float = np.inf, most: int = 100) -> Array:
    """Penalties up to `high` at which a criterion can have its minimum, decreasing: the knots, thinned to `most`.

    Between knots the number of nonzeros is constant and the residual grows with the penalty.
    """
    knots = np.unique(path.knots[(path.knots >= path.min_penalty.max()) & (path.knots <= high)])[::-1]
    return knots if len(knots) <= most else knots[np.linspace(0, len(knots) - 1, most).round().astype(int)]


def residual_variance(
    coefficients: Array, cross: Array, variance: Array, penalty: float, weights: Array | float = 1.0
) -> Array:
    """Mean squared residual of each target, shape (K,), from its moments.

    The optimality conditions give b' G b = c' b - penalty sum_j w_j |b_j|, so that the mean square is
    variance - c' b - penalty sum_j w_j |b_j|.
    """
    explained: Array = (cross * coefficients).sum(-1) + penalty * (weights * np.abs(coefficients)).sum(-1)
    return variance - explained


def information_criterion(
    gram: Array, cross: Array, variance: Array, count: int, gamma: float = 0.0, weights: Array | None = None
) -> float:
    """Choose the penalty that minimises BIC or EBIC, summed over the targets.

    The paths are followed from the largest useful penalty down, a halving at a time, until one does not lower the
    criterion: the many coefficients of a small penalty are neither computed nor kept. Of each halving some knots are
    compared, and then more around the best of these. Penalties at which a target has more nonzeros than half the
    observations are not considered: there the residual, and with it the criterion, falls without bound.

    Parameters
    ----------
    gram : array, shape (P, P)
        Gram matrix.
    cross : array, shape (K, P)
        Cross-moments.
    variance : array, shape (K,)
        Mean square of each target.
    count : int
        Number of observations n.
    gamma : float
        0 for BIC, 1/2 for EBIC.
    weights : array, shape (K, P), optional
        Factors of the penalty.

    Returns
    -------
    penalty : float
    """
    weights = np.ones_like(cross) if weights is None else weights
    price = np.log(count) + 2 * gamma * np.log(cross.shape[-1])
    alive = variance > 0

    def criteria(path: LassoPath, penalties: Array) -> Iterator[float]:
        for penalty in penalties:
            beta = path.at(penalty)
            if (np.count_nonzero(beta, axis=-1) > count / 2).any():
                return
            rss = residual_variance(beta[alive], cross[alive], variance[alive], penalty, weights[alive])
            fit = count * np.log(rss.clip(min=1e-12 * variance[alive])).sum()
            yield float(fit + price * np.count_nonzero(beta))

    top = float(entry_penalty(gram, cross, 1, weights).max())
    found, low, better = {top: np.inf}, top, True
    while better and low > PATH_FLOOR * top:
        best, low = min(found.values()), max(low / 2, PATH_FLOOR * top)
        path = lasso_path(gram, cross, low, weights)
        some = candidates(path, min(found), COARSE)
        values = list(criteria(path, some))
        found |= dict(zip(some.tolist(), values, strict=False))
        better = len(values) == len(some) and min(found.values()) < best
    tried = sorted(found)
    place = tried.index(min(found, key=found.__getitem__))
    below, above = tried[max(place - 1, 0)], tried[min(place + 1, len(tried) - 1)]
    path = lasso_path(gram, cross, below, weights)
    some = candidates(path, above, FINE)
    found |= dict(zip(some.tolist(), criteria(path, some), strict=False))
    return min(found, key=found.__getitem__)


def one_standard_error(penalties: Array, errors: Array) -> float:
    """Choose the largest penalty whose mean error lies within one standard error of the smallest mean.

    The standard error is that of the difference, fold by fold: blocks of a recording differ far more from each other
    than neighbouring penalties do.

    Parameters
    ----------
    penalties : array, shape (L,)
        Decreasing.
    errors : array, shape (folds, L)
        Held-out error of each fold at each penalty.
    """
    mean = errors.mean(0)
    best = int(mean.argmin())
    worse = errors - errors[:, [best]]
    return float(penalties[(worse.mean(0) <= worse.std(0, ddof=1) / np.sqrt(len(errors))).argmax()])


def cross_validation(latents: Tensor, frames: Tensor, order: int, top: float, weights: Array | None = None) -> float:
    """Choose a penalty by how well each block of lag pairs is predicted from those before it.

    Every fold is standardised and estimated on its past alone; weights are what they are.

    Parameters
    ----------
    latents : Tensor, shape (T, K)
        In any units.
    frames : Tensor of int, shape (n,)
        Targets of the lag pairs, in order.
    order : int
        Number of lags p.
    top : float
        Largest penalty to consider.
    weights : array, shape (K, p K), optional
        Factors of the penalty.

    Raises
    ------
    ValueError
        When there are too few lag pairs.
    """
    blocks = frames.tensor_split(FOLDS + 1)
    if min(len(block) for block in blocks) < 2:
        raise ValueError(f"{len(frames)} lag pairs are too few for cross-validation; give a penalty or use 'bic'.")
    penalties = top * np.geomspace(1, PATH_FLOOR, 60)
    errors = np.empty((FOLDS, len(penalties)))
    for fold, block in enumerate(blocks[1:]):
        past = torch.cat(blocks[: fold + 1])
        seen = torch.zeros(len(latents), dtype=torch.bool)
        for lag in range(order + 1):
            seen[past - lag] = True
        standardised, _, _ = standardise(latents, seen)
        known, ahead = pair_moments(standardised, past, order), pair_moments(standardised, block, order)
        path = lasso_path(known.gram, known.cross, penalties[-1], weights)
        for column, penalty in enumerate(penalties):
            beta = path.at(penalty)
            errors[fold, column] = float((ahead.variance - ((2 * ahead.cross - beta @ ahead.gram) * beta).sum(1)).sum())
    return one_standard_error(penalties, errors)
