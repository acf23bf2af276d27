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

from napari_varae.core._lars import Array, differentiate
from napari_varae.core._linear import one_thread
from napari_varae.core._problem import Problem

__all__ = ["LassoPath", "entry_penalty", "lasso", "lasso_path"]


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


@one_thread()
def lasso_path(
    gram: Any, cross: Any, min_penalty: Any = 0.0, weights: Any = None, max_steps: int | None = None
) -> LassoPath:
    """Follow the solution path of each target from the empty model down to `min_penalty`; no gradient.

    Parameters
    ----------
    gram, cross, weights, max_steps
        As for :func:`lasso`.
    min_penalty : float, Tensor or array, shape () or (K,) or (..., K)
        Where the path of each target ends.

    Returns
    -------
    path : LassoPath

    Raises
    ------
    ValueError, PathError
        As for :func:`lasso`.
    """
    problem = Problem(gram, cross, weights, max_steps)
    stop = problem.per_target(min_penalty, "min_penalty").detach()
    walks = problem.walks(stop, every=True)
    return LassoPath(
        shape=problem.shape,
        penalties=[walk.penalties for walk in walks],
        coefficients=[walk.coefficients for walk in walks],
        end=stop.cpu().numpy().ravel(),
        device=cross.device if isinstance(cross, Tensor) else None,
    )


class LassoPath:
    """The l1 estimate of K targets at every penalty, exact between knots. Made by :func:`lasso_path`.

    What it gives are tensors when tensors went in, and numpy arrays otherwise.
    """

    def __init__(
        self, shape: torch.Size, penalties: list[Array], coefficients: list[Array], end: Array,
        device: torch.device | None,
    ) -> None:  # fmt: skip
        self._shape, self._coefficients, self._end, self._device = shape, coefficients, end, device
        self._knots = _even(penalties)

    @property
    def knots(self) -> Any:
        """Decreasing penalties at which a predictor enters or leaves, shape (..., K, S); the last fills short rows."""
        return self._give(self._knots.reshape(*self._shape[:-1], -1))

    @property
    def coefficients_at_knots(self) -> Any:
        """Coefficients at the knots, shape (..., K, S, P)."""
        return self._give(_even(self._coefficients).reshape(*self._shape[:-1], -1, self._shape[-1]))

    @property
    def signs_below_knots(self) -> Any:
        """Signs -1, 0, 1 of the coefficients on the stretch below each knot, shape (..., K, S, P).

        A predictor enters at a knot when its sign there is not zero and at the knot before is; it leaves when it is the
        other way round.
        """
        at_knots = _even(self._coefficients)
        signs = np.sign(at_knots + np.concatenate([at_knots[:, 1:], at_knots[:, -1:]], 1))
        return self._give(signs.astype(np.int8).reshape(*self._shape[:-1], -1, self._shape[-1]))

    @property
    def max_penalty(self) -> Any:
        """Smallest penalty at which no penalised coefficient is left, shape (..., K)."""
        return self._give(self._knots[:, 0].reshape(self._shape[:-1]))

    @property
    def min_penalty(self) -> Any:
        """Penalty at which each path ends, shape (..., K)."""
        return self._give(self._end.reshape(self._shape[:-1]))

    def at(self, penalty: Any) -> Any:
        """Return the coefficients at one penalty (a number, or one per target), shape (..., K, P).

        Raises
        ------
        ValueError
            When the penalty is below the end of the path, or not finite.
        """
        return self._give(self._at(penalty))

    def active(self, penalty: Any) -> Any:
        """Tell which coefficients are not zero at a penalty, shape (..., K, P)."""
        return self._give(self._at(penalty) != 0)

    def signs(self, penalty: Any) -> Any:
        """Signs -1, 0, 1 of the coefficients at a penalty, shape (..., K, P)."""
        return self._give(np.sign(self._at(penalty)).astype(np.int8))

    def degrees_of_freedom(self, penalty: Any) -> Any:
        """Count the nonzero coefficients of each target (Zou, Hastie, Tibshirani 2007), shape (..., K)."""
        return self._give(np.count_nonzero(self._at(penalty), axis=-1))

    def _at(self, penalty: Any) -> Array:
        penalty = penalty.detach().cpu() if isinstance(penalty, Tensor) else penalty
        level = np.broadcast_to(np.asarray(penalty, dtype=np.float64), self._shape[:-1]).ravel()
        if not ((level >= self._end) & (level < np.inf)).all():
            raise ValueError(
                f"penalty={penalty} is not on the path, which ends at {self._end.max():.6g}. Choose a larger one, or "
                "compute the path further down."
            )
        everyone = np.arange(len(level))
        lengths = [len(rows) for rows in self._coefficients]
        after = np.minimum((self._knots > level[:, None]).sum(1), np.array(lengths) - 1)
        before = np.maximum(after - 1, 0)
        high, low = self._knots[everyone, before], self._knots[everyone, after]
        share = np.divide(high - level, high - low, out=np.zeros_like(level), where=high > low).clip(0, 1)
        start, stop = (
            np.stack([rows[knot] for rows, knot in zip(self._coefficients, which, strict=True)])
            for which in (before, after)
        )
        between: Array = start + share[:, None] * (stop - start)
        return between.reshape(self._shape)

    def _give(self, values: Any) -> Any:
        return values if self._device is None else torch.as_tensor(values, device=self._device)


def _even(tables: list[Array]) -> Array:
    """Stack tables of different lengths, repeating last rows."""
    longest = max(map(len, tables))
    return np.stack([table[np.minimum(np.arange(longest), len(table) - 1)] for table in tables])


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
