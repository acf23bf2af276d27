"""The choice of the l1 penalty, one for all targets of a VAR.

Information criteria sum over the targets i

    n log(rss_i(penalty) / n) + df_i(penalty) (log n + 2 gamma log P),

with gamma = 0 for BIC (Schwarz 1978) and 1/2 for EBIC (Chen, Chen 2008) and df the number of nonzeros (Zou, Hastie,
Tibshirani 2007). Cross-validation is forward chaining: each block of frames is predicted from those before it, never
from later ones, and the largest penalty within one standard error of the best one is taken (Breiman et al. 1984).
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_varae.core.lasso import LassoPath, lasso_path

__all__ = ["candidates", "information_criterion", "one_standard_error", "residual_variance"]


def candidates(path: LassoPath, most: int = 200) -> Tensor:
    """Penalties at which a criterion can have its minimum, decreasing: the knots, thinned to at most `most`.

    Between knots the number of nonzeros is constant and the residual only grows with the penalty.
    """
    knots = path.knots.unique().flip(0)
    if len(knots) <= most:
        return knots
    return knots[torch.linspace(0, len(knots) - 1, most).round().long()]


def residual_variance(path: LassoPath, cross: Tensor, variance: Tensor, penalty: float) -> Tensor:
    """Mean squared residual of each target at a penalty, shape (K,), in (Gram, cross-moment) form.

    The optimality conditions give b' G b = c' b - penalty |b|_1, so that |y - X b|^2 / n = variance - c' b - penalty |b|_1.
    """
    beta = torch.as_tensor(path.at(penalty))
    return variance - (cross * beta).sum(-1) - penalty * beta.abs().sum(-1)


def information_criterion(path: LassoPath, cross: Tensor, variance: Tensor, count: int, gamma: float) -> float:
    """Choose the penalty that minimises BIC (gamma 0) or EBIC (gamma 1/2) summed over the targets.

    Parameters
    ----------
    path : LassoPath
        Solution paths of the K targets.
    cross : Tensor, shape (K, P)
    variance : Tensor, shape (K,)
        Mean square of each target.
    count : int
        Number of observations n.
    gamma : float
        Weight of the extension.

    Returns
    -------
    penalty : float
    """
    price = torch.log(torch.tensor(float(count))) + 2 * gamma * torch.log(torch.tensor(float(cross.shape[-1])))
    alive = variance > 0
    best, chosen = torch.inf, float(path.knots.max())
    for penalty in candidates(path).tolist():
        beta = torch.as_tensor(path.at(penalty))
        df = (beta != 0).sum(-1)
        if bool((df > count / 2).any()):
            break
        rss = residual_variance(path, cross, variance, penalty)[alive].clamp_min(torch.finfo(torch.float64).tiny)
        value = float((count * rss.log()).sum() + price * df.sum())
        if value < best:
            best, chosen = value, penalty
    return chosen


def one_standard_error(penalties: Tensor, errors: Tensor) -> float:
    """Choose the largest penalty whose mean error lies within one standard error of the smallest mean.

    Parameters
    ----------
    penalties : Tensor, shape (L,), decreasing
    errors : Tensor, shape (folds, L)
        Held-out error of each fold.
    """
    mean = errors.mean(0)
    best = int(mean.argmin())
    limit = mean[best] + errors[:, best].std() / len(errors) ** 0.5
    return float(penalties[int((mean <= limit).to(torch.uint8).argmax())])
