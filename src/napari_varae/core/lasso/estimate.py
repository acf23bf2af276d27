"""The l1 estimate in (Gram, cross-moment) form: its whole solution path, and its gradient.

For each target i with cross-moments c_i the estimate is

    beta_i(penalty) = argmin_b  b' G b / 2 - c_i' b + penalty sum_j w_j |b_j|,

which for G = X'X/n and c_i = X'y_i/n is the lasso of y_i on X. All targets share G. Between knots beta_i is linear in
the penalty, so the knots hold the whole path (least angle regression with the lasso modification; Efron, Hastie,
Johnstone, Tibshirani 2004). `lasso_path` follows it for each target; `lasso` follows it to one penalty, and can be
differentiated:

    beta_A = G_AA^-1 (c_A - penalty t_A),  t = sign(beta) w,   and with v_A = G_AA^-1 g_A for an upstream gradient g
    dL/dc = v,   dL/dG = -sym(v beta'),   dL/dpenalty = -t' v.

At a knot, where the path has a kink, this is a one-sided derivative. `entry_penalty` finds, differentiably too, the
knot at which the n-th predictor enters. There is no second derivative.

Everything is computed in float64. Of two equal predictors the first is taken, and nothing is singular.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from napari_varae.core.compute.threads import one_thread
from napari_varae.core.lasso.lars import differentiate
from napari_varae.core.lasso.problem import Problem

__all__ = ["entry_penalty", "lasso"]


@one_thread()
def lasso(gram: Any, cross: Any, penalty: Any, weights: Any = None, max_steps: int | None = None) -> Any:
    """Compute the l1 estimate at one penalty, differentiably.

    Parameters
    ----------
    gram : Tensor or array, shape (..., P, P)
        G = X'X/n, symmetric and positive semi-definite.
    cross : Tensor or array, shape (..., K, P)
        Cross-moments c_i = X'y_i/n of the K targets, with the same leading dimensions.
    penalty : float, Tensor or array, shape () or (K,) or (..., K)
        The l1 penalty (lambda) >= 0 of each target. A tensor may carry a gradient.
    weights : Tensor or array, shape (P,) or (..., K, P), optional
        Factors w >= 0 of the penalty of each coefficient; 0 leaves it unpenalised. All 1 when not given.
    max_steps : int, optional
        Most events (a predictor enters or leaves) that a path may have; 16 P + 64 when not given.

    Returns
    -------
    coefficients : Tensor or array, shape (..., K, P)
        beta, with the dtype and device of `cross`; numpy when `cross` is not a tensor.

    Raises
    ------
    ValueError
        When shapes do not fit, a number is not finite, or a penalty or weight is negative.
    PathError
        When a path has more than `max_steps` events, or does not meet the optimality conditions at its end.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((300, 8))  # n observations of P predictors
    >>> y = x[:, [3]] - 0.5 * x[:, [7]] + 0.1 * rng.standard_normal((300, 1))  # of K targets
    >>> gram, cross = x.T @ x / 300, y.T @ x / 300
    >>> beta = nv.lasso(gram, cross, 0.1)
    >>> np.flatnonzero(beta[0])
    array([3, 7])

    With tensors, the estimate is differentiable:

    >>> import torch
    >>> penalty = torch.tensor(0.1, requires_grad=True)
    >>> size = nv.lasso(torch.tensor(gram), torch.tensor(cross), penalty).abs().sum()
    >>> size.backward()
    >>> bool(penalty.grad < 0)  # a larger penalty, a smaller estimate
    True
    """
    problem = Problem(gram, cross, weights, max_steps)
    level = problem.per_target(penalty, "penalty")
    beta: Tensor = _Estimate.apply(problem.gram, problem.cross, level, *problem.ends(level)[1:])
    return _like(cross, beta.reshape(problem.shape))


@one_thread()
def entry_penalty(gram: Any, cross: Any, count: int, weights: Any = None, max_steps: int | None = None) -> Any:
    """Compute the penalty at which the path of each target first has `count` penalised predictors, differentiably.

    At the knot where predictor j enters, the coefficient of j in the estimate with active set A is zero:
    (G_AA^-1 c_A)_j = penalty (G_AA^-1 t_A)_j.

    Parameters
    ----------
    gram, cross, weights, max_steps
        As for :func:`lasso`.
    count : int
        Number of predictors, 1 for the largest useful penalty.

    Returns
    -------
    penalty : Tensor or array, shape (..., K)
        0 where a path never has so many.

    Raises
    ------
    ValueError, PathError
        As for :func:`lasso`, and when `count` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((300, 8))  # n observations of P predictors
    >>> y = x[:, [3]] - 0.5 * x[:, [7]] + 0.1 * rng.standard_normal((300, 1))  # of K targets
    >>> gram, cross = x.T @ x / 300, y.T @ x / 300
    >>> second = nv.entry_penalty(gram, cross, 2)[0]
    >>> [int(np.count_nonzero(nv.lasso(gram, cross, share * second))) for share in (1.001, 0.999)]
    [1, 2]
    """
    if count < 1:
        raise ValueError(f"count={count} must be at least 1.")
    problem = Problem(gram, cross, weights, max_steps)
    ends = problem.ends(problem.per_target(0.0, "penalty"), most=count)
    reached = (ends.towards != 0).sum(1, keepdim=True) >= count
    newest = ends.active.lt(problem.shape[-1]).sum(1, keepdim=True).sub(1).clamp(min=0)
    beta = _Estimate.apply(problem.gram, problem.cross, *ends).flatten(0, 1)
    beta = pad(beta, (0, 1)).gather(1, ends.active.gather(1, newest))
    slope = torch.cholesky_solve(ends.towards[:, :, None], ends.root, upper=True)[:, :, 0].gather(1, newest)
    penalty = (ends.penalty.view_as(beta) + beta / slope.where(reached, 1.0)).where(reached, 0.0)
    return _like(cross, penalty.reshape(problem.shape[:-1]))


def _like(cross: Any, result: Tensor) -> Any:
    """Give a result the type and device of what went in."""
    if not isinstance(cross, Tensor):
        return result.detach().cpu().numpy()
    return result.to(cross.dtype if cross.is_floating_point() else result.dtype).to(cross.device)


class _Estimate(torch.autograd.Function):
    """The estimate, computed before; its gradient needs only the factor of the active Gram matrix."""

    @staticmethod
    def forward(ctx: Any, gram: Tensor, cross: Tensor, penalty: Tensor, beta: Tensor, *active: Tensor) -> Tensor:
        ctx.save_for_backward(gram, cross, penalty, beta, *active)
        return beta.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return *_Gradient.apply(upstream, *ctx.saved_tensors), None, None, None, None


class _Gradient(torch.autograd.Function):
    """The gradient of the estimate, which has no gradient of its own."""

    @staticmethod
    def forward(_ctx: Any, upstream: Tensor, *saved: Tensor) -> tuple[Tensor, ...]:
        gram, cross, _, beta, *active = (np.ascontiguousarray(part.detach().cpu().numpy()) for part in saved)
        k = cross.shape[1]
        found = np.zeros_like(gram), np.zeros_like(cross), np.zeros(cross.shape[:-1])
        above = np.ascontiguousarray(upstream.detach().cpu().numpy())
        for n in range(len(gram)):
            rows = slice(n * k, (n + 1) * k)
            differentiate(above[n], beta[n], *(part[rows] for part in active), *(part[n] for part in found))
        return tuple(torch.from_numpy(part).to(upstream.device) for part in found)

    @staticmethod
    def backward(_ctx: Any, *_upstream: Tensor) -> Any:
        raise NotImplementedError(
            "The l1 estimate can be differentiated only once. Detach its gradient, or drop create_graph=True."
        )
