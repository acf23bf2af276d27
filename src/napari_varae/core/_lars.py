"""The engine of the lasso path: least angle regression with the lasso modification, for one target, compiled.

Predictors have unit variance here. With active predictors A, G_AA = R'R and t = sign(b) w, as the penalty falls

    d b_A = G_AA^-1 t_A,     d (c - G b) = -G d b,

until a correlation meets its boundary penalty w_j and that predictor enters, a coefficient meets zero and its predictor
leaves, or the path ends. R gets one more column, or loses one and is made triangular again by rotations; both are
stable.

A predictor that active ones explain completely never enters: its correlation runs along the boundary. One that they
explain almost completely enters and soon pushes one of them to zero. For it R is that of a G whose diagonal is `RIDGE`
larger there, so that nothing is singular.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Array", "Numbers", "Walk", "follow"]

RIDGE = 1e-13
"""Least share of its variance that a predictor is taken to leave unexplained by active ones."""
PARALLEL = 1e-12
"""A gap that shrinks slower than this, relative to weights and slopes, does not close: it runs along its boundary."""
NOTHING = 1e-12
"""Share of the largest penalty that is as good as 0: below it, rounding decides who enters and leaves."""

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Walk(NamedTuple):
    """What is left of a walk: knots (S), coefficients there (S, P), and at its end A, t_A, R and whether it got there."""

    penalties: Array
    coefficients: Array
    active: Numbers
    towards: Array
    root: Array
    arrived: bool


def compiled(function: Callable[..., Any]) -> Any:
    """Compile at the first call, and keep the result on disk where there is a place for it."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither beside this file nor in the user's folders may be written
        return njit(**options)(function)


@compiled
def forward(root: Array, x: Array) -> None:
    """Solve R'y = x in place."""
    for i in range(len(x)):
        x[i] /= root[i, i]
        factor, row, rest = x[i], root[i, i + 1 : len(x)], x[i + 1 :]
        for k in range(len(rest)):
            rest[k] -= factor * row[k]


@compiled
def backward(root: Array, x: Array) -> None:
    """Solve R y = x in place."""
    for i in range(len(x) - 1, -1, -1):
        row, known, total = root[i, i + 1 : len(x)], x[i + 1 :], 0.0
        for k in range(len(known)):
            total += row[k] * known[k]
        x[i] = (x[i] - total) / root[i, i]


@compiled
def times(gram: Array, active: Numbers, x: Array, product: Array) -> None:
    """Multiply the active columns of G by x."""
    product[:] = 0
    for i in range(len(x)):
        factor, row = x[i], gram[active[i]]
        for k in range(len(product)):
            product[k] += factor * row[k]


@compiled
def append(root: Array, gram: Array, active: Numbers, j: int) -> float:
    """Give R the column of predictor j, and return the share of its variance that active ones leave unexplained."""
    m = len(active)
    column = np.empty(m)
    for i in range(m):
        column[i] = gram[active[i], j]
    forward(root, column)
    root[:m, m] = column
    left = gram[j, j] - (column * column).sum()
    root[m, m] = np.sqrt(max(left, RIDGE))
    return left


@compiled
def remove(root: Array, m: int, i: int) -> None:
    """Take column i out of R, and rotate its rows until it is triangular again."""
    for row in range(m):
        line = root[row, max(i, row - 1) : m]
        for k in range(len(line) - 1):
            line[k] = line[k + 1]
    for row in range(i, m - 1):
        upper, lower = root[row, row : m - 1], root[row + 1, row : m - 1]
        length = np.hypot(upper[0], lower[0])
        cosine, sine = upper[0] / length, lower[0] / length
        for k in range(len(upper)):
            above, below = upper[k], lower[k]
            upper[k], lower[k] = cosine * above + sine * below, cosine * below - sine * above


@compiled
def follow(
    gram: Array, cross: Array, weights: Array, scale: Array, stop: float, most: int, max_steps: int, every: bool
) -> Walk:
    """Walk down the path of a target.

    Parameters
    ----------
    gram, cross, weights : array, shapes (P, P), (P,), (P,)
        In units in which predictors have unit variance, or 0.
    scale : array, shape (P,)
        Factors of the coefficients in the units of the caller.
    stop : float
        Penalty at which the path ends.
    most : int
        Number of penalised predictors at which it ends, where it has not ended before.
    max_steps : int
        Most events.
    every : bool
        Whether to keep all knots, or only the end.
    """
    p = len(cross)
    root, active, m = np.empty((p, p)), np.empty(p, np.int64), 0
    waiting, sign, aim = np.empty(p, np.bool_), np.zeros(p), np.zeros(p)
    b, correlation, slope, rate = np.zeros(p), cross.copy(), np.empty(p), np.empty(p)
    for j in range(p):
        waiting[j] = gram[j, j] > 0 and weights[j] > 0
        if gram[j, j] > 0 and weights[j] == 0 and append(root, gram, active[:m], j) > RIDGE:
            active[m] = j
            m += 1
    free = m
    if free:
        d = slope[:m]
        for i in range(m):
            d[i] = cross[active[i]]
        forward(root, d)
        backward(root, d)
        times(gram, active, d, rate)
        for i in range(m):
            b[active[i]] = d[i]
        correlation -= rate

    penalty = 0.0
    for j in range(p):
        if waiting[j]:
            penalty = max(penalty, abs(correlation[j]) / weights[j])
    floor = max(stop, NOTHING * penalty)
    penalties, coefficients, last = np.empty(16), np.empty((16, p)), 0
    penalties[0], coefficients[0] = penalty, b * scale
    steps = 0
    while penalty > floor and m < most + free and steps <= max_steps:
        steps += 1
        d = slope[:m]
        d[:] = aim[:m]
        backward(root, d)
        times(gram, active, d, rate)

        event, gap, speed = -1, penalty - floor, 1.0
        least = PARALLEL * (1 + np.abs(d).sum())
        for j in range(p):
            if waiting[j]:
                for side in (-1, 1):
                    here = max(penalty * weights[j] - side * correlation[j], 0.0)
                    closing = weights[j] - side * rate[j]
                    if closing > least * weights[j] and here * speed < gap * closing:
                        event, gap, speed = j, here, closing
        for i in range(free, m):
            j = active[i]
            if sign[j] * d[i] < 0 and abs(b[j]) * speed < gap * abs(d[i]):
                event, gap, speed = p + i, abs(b[j]), abs(d[i])

        step = gap / speed
        for i in range(m):
            b[active[i]] += step * d[i]
        for j in range(p):
            correlation[j] -= step * rate[j]
        penalty = stop if event < 0 else penalty - step
        if event >= p:
            j = active[event - p]
            b[j], sign[j], waiting[j] = 0, 0, True
            remove(root, m, event - p)
            m -= 1
            for i in range(event - p, m):
                active[i] = active[i + 1]
            for i in range(m):
                aim[i] = sign[active[i]] * weights[active[i]]
            forward(root, aim[:m])
        elif event >= 0:
            waiting[event], sign[event] = False, np.sign(correlation[event])
            append(root, gram, active[:m], event)
            aim[m] = (sign[event] * weights[event] - rate[event]) / root[m, m]
            active[m] = event
            m += 1
        if every and step > 0:
            last += 1
            if last == len(penalties):
                penalties = np.append(penalties, penalties)
                coefficients = np.append(coefficients, coefficients).reshape(-1, p)
        penalties[last], coefficients[last] = penalty, b * scale
    end = last + 1
    active = active[:m].copy()
    towards = sign[active] * weights[active] / scale[active]
    return Walk(penalties[:end], coefficients[:end], active, towards, root[:m, :m] / scale[active], steps <= max_steps)
