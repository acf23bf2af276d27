"""The whole solution path of the l1 estimate, exact at every penalty."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.compute.compiled import compiled
from napari_varae.core.compute.threads import one_thread
from napari_varae.core.lasso.lars import Array
from napari_varae.core.lasso.problem import Problem

__all__ = ["LassoPath", "lasso_path"]

Integers = NDArray[np.int64]


@one_thread()
def lasso_path(
    gram: Any, cross: Any, min_penalty: Any = 0.0, weights: Any = None, max_steps: int | None = None,
    most: int | None = None,
) -> LassoPath:  # fmt: skip
    """Follow the solution path of each target from the empty model down to `min_penalty`; no gradient.

    Parameters
    ----------
    gram, cross, weights, max_steps
        As for :func:`lasso`.
    min_penalty : float, Tensor or array, shape () or (K,) or (..., K)
        Where the path of each target ends.
    most : int, optional
        Number of penalised predictors at which it ends sooner.

    Returns
    -------
    path : LassoPath

    Raises
    ------
    ValueError, PathError
        As for :func:`lasso`.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((300, 8))  # n observations of P predictors
    >>> y = x[:, [3]] - 0.5 * x[:, [7]] + 0.1 * rng.standard_normal((300, 1))  # of K targets
    >>> gram, cross = x.T @ x / 300, y.T @ x / 300
    >>> path = nv.lasso_path(gram, cross)
    >>> bool(abs(path.at(0.1) - nv.lasso(gram, cross, 0.1)).max() < 1e-12)  # exact at every penalty
    True
    >>> [int(path.degrees_of_freedom(penalty)[0]) for penalty in (2.0, 0.6, 0.1, 0.0)]
    [0, 1, 2, 8]
    """
    problem = Problem(gram, cross, weights, max_steps)
    stop = problem.per_target(min_penalty, "min_penalty").detach()
    penalties, rows, ends = [], [], stop.cpu().numpy().ravel().copy()
    for target, walk in enumerate(
        problem.walks(stop, most=most, every=True)
    ):  # its factor, which is large, is not kept
        if most is not None and np.count_nonzero(walk.towards) >= most:
            ends[target] = walk.penalties[-1]
        penalties.append(walk.penalties)
        knots, predictors = np.nonzero(walk.coefficients)
        counts = np.bincount(knots, minlength=len(walk.penalties))
        rows.append((counts, predictors.astype(np.int32), walk.coefficients[knots, predictors]))
    return LassoPath(
        shape=problem.shape,
        penalties=penalties,
        rows=_Rows(*(np.concatenate(parts) for parts in zip(*rows, strict=True))),
        end=ends,
        device=cross.device if isinstance(cross, Tensor) else None,
    )


class _Rows:
    """A table of coefficients (S, P) of which few are not zero.

    Made of their number in each row (S,), and of the columns and values (M,) of all, row by row.
    """

    def __init__(self, counts: Integers, columns: NDArray[np.int32], values: Array) -> None:
        self._ends, self._columns, self._values = np.cumsum(counts), columns, values
        self._starts = self._ends - counts

    def take(self, rows: Integers, width: int) -> Array:
        """Return some rows, shape (len(rows), width)."""
        table = np.zeros((len(rows), width))
        fill(table, self._starts[rows], self._ends[rows], self._columns, self._values)
        return table


@compiled
def fill(table: Array, starts: Integers, ends: Integers, columns: NDArray[np.int32], values: Array) -> None:
    """Write the values of each row into a table of zeros."""
    for row in range(len(table)):
        for m in range(starts[row], ends[row]):
            table[row, columns[m]] = values[m]


class LassoPath:
    """The l1 estimate of K targets at every penalty, exact between knots. Made by :func:`lasso_path`.

    What it gives are tensors when tensors went in, and numpy arrays otherwise.
    """

    def __init__(
        self, shape: torch.Size, penalties: list[Array], rows: _Rows, end: Array, device: torch.device | None
    ) -> None:
        self._shape, self._table, self._end, self._device = shape, rows, end, device
        self._lengths = np.array([len(part) for part in penalties])
        self._first = np.cumsum(self._lengths) - self._lengths
        """The row of the table that each path begins with: knots are in rows, those of one path together."""
        self._knots = np.concatenate(penalties)[self._rows(np.arange(self._lengths.max()))]

    @property
    def knots(self) -> Any:
        """Decreasing penalties at which a predictor enters or leaves, shape (..., K, S); the last fills short rows."""
        return self._give(self._knots.reshape(*self._shape[:-1], -1))

    @property
    def coefficients_at_knots(self) -> Any:
        """Coefficients at the knots, shape (..., K, S, P)."""
        return self._give(self._at_knots())

    @property
    def signs_below_knots(self) -> Any:
        """Signs -1, 0, 1 of the coefficients on the part below each knot, shape (..., K, S, P).

        A predictor enters at a knot when its sign there is not zero and at the knot before is; it leaves when it is the
        other way round.
        """
        at_knots = self._at_knots()
        signs = np.sign(at_knots + np.concatenate([at_knots[..., 1:, :], at_knots[..., -1:, :]], -2))
        return self._give(signs.astype(np.int8))

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
        """Report which coefficients are not zero at a penalty, shape (..., K, P)."""
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
        after = np.minimum((self._knots > level[:, None]).sum(1), self._lengths - 1)
        before = np.maximum(after - 1, 0)
        high, low = self._knots[everyone, before], self._knots[everyone, after]
        share = np.divide(high - level, high - low, out=np.zeros_like(level), where=high > low).clip(0, 1)
        start, stop = (self._table.take(self._first + knot, self._shape[-1]) for knot in (before, after))
        between: Array = start + share[:, None] * (stop - start)
        return between.reshape(self._shape)

    def _at_knots(self) -> Array:
        """Coefficients at the knots, shape (..., K, S, P)."""
        rows = self._rows(np.arange(self._knots.shape[1]))
        at_knots = self._table.take(rows.ravel(), self._shape[-1])
        return at_knots.reshape(*self._shape[:-1], -1, self._shape[-1])

    def _rows(self, knots: Integers) -> Integers:
        """Rows of some knots of each path, the last one standing for those that a shorter path lacks."""
        rows: Integers = self._first[:, None] + np.minimum(knots, self._lengths[:, None] - 1)
        return rows

    def _give(self, values: Any) -> Any:
        return values if self._device is None else torch.as_tensor(values, device=self._device)
