"""The l1 estimate in (Gram, cross-moment) form: its whole solution path, and its gradient.

For each target i with cross-moments c_i the estimate is

    beta_i(penalty) = argmin_b  b' G b / 2 - c_i' b + penalty sum_j w_j |b_j|,

which for G = X'X/n and c_i = X'y_i/n is the lasso of y_i on X. All targets share G. Between knots beta_i is linear in
the penalty, so the knots hold the whole path (least angle regression with the lasso modification; Efron, Hastie,
Johnstone, Tibshirani 2004). `lasso_path` follows it for all targets at once; `lasso` follows it to one penalty, solves
the active set there once more by Cholesky, and can be differentiated:

    beta_A = G_AA^-1 (c_A - penalty t_A),  t = sign(beta) w,   and with v_A = G_AA^-1 g_A for an upstream gradient g
    dL/dc = v,   dL/dG = -sym(v beta'),   dL/dpenalty = -t' v.

At a knot, where the path has a kink, this is a one-sided derivative. Everything is computed in float64. A predictor
that is a linear combination of active ones stays out: of two equal predictors one is taken, and nothing is singular.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from napari_varae.core._lars import Array, Numbers, spread, walk
from napari_varae.core._linear import factorise, one_thread

__all__ = ["LassoPath", "lasso", "lasso_path"]


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
        When a path has more than `max_steps` events.
    """
    problem = _Problem(gram, cross, weights, max_steps)
    level = problem.per_target(penalty, "penalty")
    beta: Tensor = _Lasso.apply(problem.gram, problem.cross, level, problem.weights, problem.max_steps)
    beta = beta.reshape(problem.shape)
    if not isinstance(cross, Tensor):
        return beta.detach().cpu().numpy()
    return beta.to(cross.dtype if cross.is_floating_point() else beta.dtype).to(cross.device)


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
    problem = _Problem(gram, cross, weights, max_steps)
    stop = problem.per_target(min_penalty, "min_penalty").detach()
    points = _walk(problem.gram, problem.cross, problem.weights, stop, problem.max_steps, knots=True)
    rows = np.concatenate([point[0] for point in points])
    order = rows.argsort(kind="stable")
    lengths = np.bincount(rows)[:, None]
    coefficients = np.zeros((len(rows), problem.shape[-1] + 1))
    start, place = 0, order.argsort()
    for moved, _, doors, values in points:
        spread(coefficients, place[start : start + len(moved)], doors, values)
        start += len(moved)
    return LassoPath(
        shape=problem.shape,
        penalties=np.concatenate([point[1] for point in points])[order],
        coefficients=coefficients[:, :-1],
        places=lengths.cumsum()[:, None] - lengths + np.minimum(np.arange(lengths.max()), lengths - 1),
        end=stop.cpu().numpy().ravel(),
        device=cross.device if isinstance(cross, Tensor) else None,
    )


class LassoPath:
    """The l1 estimate of K targets at every penalty, exact between knots. Made by :func:`lasso_path`.

    What it gives are tensors when tensors went in, and numpy arrays otherwise.
    """

    def __init__(
        self, shape: torch.Size, penalties: Array, coefficients: Array, places: Numbers, end: Array,
        device: torch.device | None,
    ) -> None:  # fmt: skip
        self._shape, self._end, self._device = shape, end, device
        self._knots, self._coefficients, self._places = penalties[places], coefficients, places

    @property
    def knots(self) -> Any:
        """Decreasing penalties at which a predictor enters or leaves, shape (..., K, S); the last fills short rows."""
        return self._give(self._knots.reshape(*self._shape[:-1], -1))

    @property
    def coefficients_at_knots(self) -> Any:
        """Coefficients at the knots, shape (..., K, S, P)."""
        return self._give(self._coefficients[self._places].reshape(*self._shape[:-1], -1, self._shape[-1]))

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
        after = np.minimum((self._knots > level[:, None]).sum(1), self._knots.shape[1] - 1)
        before = np.maximum(after - 1, 0)
        high, low = self._knots[everyone, before], self._knots[everyone, after]
        share = np.divide(high - level, high - low, out=np.zeros_like(level), where=high > low).clip(0, 1)
        start, stop = (self._coefficients[self._places[everyone, knot]] for knot in (before, after))
        between: Array = start + share[:, None] * (stop - start)
        return between.reshape(self._shape)

    def _give(self, values: Any) -> Any:
        return values if self._device is None else torch.as_tensor(values, device=self._device)


class _Problem:
    """Checked inputs in float64, the leading dimensions flattened into one of size N."""

    def __init__(self, gram: Any, cross: Any, weights: Any, max_steps: int | None) -> None:
        device = cross.device if isinstance(cross, Tensor) and cross.device.type != "mps" else torch.device("cpu")
        gram, cross = _finite(gram, "gram", device), _finite(cross, "cross", device)
        if gram.ndim < 2 or gram.shape[-1] != gram.shape[-2] or 0 in gram.shape:
            raise ValueError(f"gram has shape {tuple(gram.shape)}; it must be (..., P, P) with at least one predictor.")
        if cross.ndim < 2 or 0 in cross.shape or (*cross.shape[:-2], cross.shape[-1]) != gram.shape[:-1]:
            raise ValueError(
                f"cross has shape {tuple(cross.shape)}; with a gram of shape {tuple(gram.shape)} it must be "
                "(..., K, P) with the same leading dimensions and P, and at least one target."
            )
        if bool(((gram - gram.mT).abs() > 1e-4 * gram.abs().amax() + 1e-30).any()):
            raise ValueError("gram is not symmetric.")
        weights = cross.new_ones(()) if weights is None else _finite(weights, "weights", device)
        if weights.requires_grad:
            raise ValueError("weights cannot carry a gradient; detach them.")
        if bool((weights < 0).any()):
            raise ValueError(f"weights reach down to {float(weights.min()):g}; they must be 0 or larger.")
        self.shape = cross.shape
        *_, k, p = cross.shape
        self.gram = gram.reshape(-1, p, p)
        self.cross = cross.reshape(-1, k, p)
        self.weights = _broadcast(weights, cross.shape, "weights").reshape(-1, k, p)
        self.max_steps = 16 * p + 64 if max_steps is None else int(max_steps)

    def per_target(self, value: Any, name: str) -> Tensor:
        """Check a penalty and spread it over the targets, shape (N, K)."""
        level = _finite(value, name, self.cross.device)
        if bool((level < 0).any()):
            raise ValueError(f"{name}={float(level.min()):g} is negative; it must be 0 or larger.")
        return _broadcast(level, self.shape[:-1], name).reshape(self.cross.shape[:-1])


def _finite(value: Any, name: str, device: torch.device) -> Tensor:
    value = value if isinstance(value, Tensor) else torch.tensor(np.asarray(value, dtype=np.float64))
    tensor: Tensor = value.to(device).to(torch.float64)  # in this order: MPS has no float64
    if not bool(tensor.isfinite().all()):
        raise ValueError(f"{name} has {int((~tensor.isfinite()).sum())} values that are NaN or infinite.")
    return tensor


def _broadcast(value: Tensor, shape: torch.Size, name: str) -> Tensor:
    try:
        return value.broadcast_to(shape)
    except RuntimeError:
        raise ValueError(f"{name} of shape {tuple(value.shape)} does not fit {tuple(shape)}.") from None


def _walk(
    gram: Tensor, cross: Tensor, weights: Tensor, stop: Tensor, max_steps: int, *, knots: bool
) -> list[tuple[Numbers, Array, Numbers, Array]]:
    g, c, w, end = (tensor.detach().cpu().numpy() for tensor in (gram, cross, weights, stop))
    return walk((g + g.mT) / 2, c, w, end, max_steps, knots=knots)


class _Lasso(torch.autograd.Function):
    """The estimate at one penalty; its gradient needs only the active set and the factor of its Gram matrix."""

    @staticmethod
    def forward(ctx: Any, gram: Tensor, cross: Tensor, penalty: Tensor, weights: Tensor, max_steps: int) -> Tensor:
        p = cross.shape[-1]
        gram = (gram + gram.mT) / 2
        ends = _walk(gram, cross, weights, penalty, max_steps, knots=False)
        doors = np.full((penalty.numel(), max(slots.shape[1] for _, _, slots, _ in ends)), 2 * p + 1)
        for rows, _, slots, _ in ends:
            doors[rows, : slots.shape[1]] = slots
        doors.sort(axis=1)
        doors = doors[:, : (doors <= 2 * p).sum(1).max()]
        used, index, signs = (
            torch.from_numpy(part).to(cross.device) for part in (doors <= 2 * p, doors % (p + 1), 1.0 - 2 * (doors > p))
        )
        factor = factorise(pad(gram, (0, 1, 0, 1)), index, used)
        signed = signs * _behind(weights, index)
        aim = _behind(cross, index) - penalty.reshape(-1, 1) * signed
        beta = _solve(factor, index, aim, p)
        beta = torch.where(_spread(signed, index, p) * beta < 0, 0.0, beta).view_as(cross)  # rounding about zero
        ctx.save_for_backward(factor, index, signed, beta)
        return beta

    @staticmethod
    @once_differentiable
    @one_thread()
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        factor, index, signed, beta = ctx.saved_tensors
        v = _solve(factor, index, _behind(upstream, index), upstream.shape[-1]).view_as(beta)
        slope = -(signed * _behind(v, index)).sum(1).view(v.shape[:-1])
        outer = v.mT @ beta
        return -(outer + outer.mT) / 2, v, slope, None, None


def _behind(dense: Tensor, index: Tensor) -> Tensor:
    """Pick the values of the active predictors, shape (N K, m), from (N, K, P); zero in empty slots."""
    return pad(dense.reshape(len(index), -1), (0, 1)).gather(1, index)


def _solve(factor: Tensor, index: Tensor, aim: Tensor, p: int) -> Tensor:
    """Solve the active systems, shape (N K, m), and spread the solutions over all predictors, shape (N K, P)."""
    return _spread(torch.cholesky_solve(aim[:, :, None], factor)[:, :, 0], index, p)


def _spread(values: Tensor, index: Tensor, p: int) -> Tensor:
    return values.new_zeros(len(values), p + 1).scatter_(1, index, values)[:, :-1]
