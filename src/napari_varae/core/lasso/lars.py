"""The engine of the lasso path: least angle regression with the lasso modification, for one target, compiled.

Predictors have unit variance here. With active predictors A, R'R = G_AA and t = sign(b) w, as the penalty falls by one

    b_A grows by  d = G_AA^-1 t_A,     the correlations  c - G b  fall by  G d,

until a correlation meets its boundary penalty w_j and that predictor enters, a coefficient meets zero and its predictor
leaves, or the path ends. R gets one more column, or loses one and is made triangular again by rotations. Both are
stable, and everything else is computed from R again.

What predictors share counts as `RIDGE` less than it is. Nothing is singular then: of equal predictors the first is
taken, and one that others almost explain enters like any other, soon to push one of them out. Rounding does no less;
the optimality conditions then hold to `RIDGE` times the coefficients.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.compute.compiled import compiled

__all__ = ["Array", "Numbers", "Walk", "differentiate", "follow"]

RIDGE = 2e-15
"""Share of its variance that each predictor is given for itself: ten times the rounding of numbers."""
PARALLEL = 2e-14
"""A gap that shrinks slower than this, relative to weights and slopes, does not close: it runs along its boundary."""
TIED = 1e-13
"""Events closer together than this share of the penalty happen in the order of the predictors.

A path could go round in circles where events coincide; under this rule it does not (Murty 1974)."""
NOTHING = 1e-12
"""Share of the largest correlation that is as good as 0 for a penalty: below it, rounding decides what happens."""

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Walk(NamedTuple):
    """A path: penalties (S,) and coefficients (S, P) at its knots, and how things are at its end.

    That is the active predictors (m,), their signs times their weights, the factor R'R = G_AA in the units of the
    caller, the violation of the optimality conditions, and whether `max_steps` ended it.
    """

    penalties: Array
    coefficients: Array
    active: Numbers
    towards: Array
    root: Array
    violation: float
    cut_off: bool


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
    """Multiply G by x, which is zero but for active predictors."""
    product[:] = 0
    for i in range(len(active)):
        factor, row = x[active[i]], gram[active[i]]
        for k in range(len(product)):
            product[k] += factor * row[k]


@compiled
def solve(root: Array, active: Numbers, aim: Array, x: Array) -> None:
    """Solve R y = aim, and spread y over x."""
    y = aim.copy()
    backward(root, y)
    for i in range(len(active)):
        x[active[i]] = y[i]


@compiled
def append(root: Array, gram: Array, active: Numbers, m: int, j: int) -> float:
    """Let predictor j join the m active ones, and return the share of its variance that these leave unexplained."""
    column = np.empty(m)
    left: float = gram[j, j]
    for i in range(m):
        column[i] = gram[j, active[i]]
    forward(root, column)
    for i in range(m):
        root[i, m] = column[i]
        left -= column[i] ** 2
    root[m, m], active[m] = np.sqrt(max(left, RIDGE)), j
    return left


@compiled
def remove(root: Array, active: Numbers, m: int, j: int) -> None:
    """Let predictor j leave the m active ones."""
    i = 0
    while active[i] != j:
        i += 1
    for k in range(i, m - 1):
        active[k] = active[k + 1]
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
def next_event(
    penalty: float, floor: float, weights: Array, sign: Array, b: Array, move: Array, correlation: Array, rate: Array
) -> tuple[int, float, float]:
    """Find who enters or leaves next, or -1, with which sign, and how far down."""
    event, toward, step = -1, 0.0, penalty - floor
    speed = 0.0
    for j in range(len(b)):
        speed += abs(move[j])
    for j in range(len(b)):
        if weights[j] == 0:
            continue
        for side in (-1.0, 1.0):
            if sign[j] == 0:
                gap, closing = penalty * weights[j] - side * correlation[j], weights[j] - side * rate[j]
                possible = closing > PARALLEL * (weights[j] + speed)
            else:
                gap, closing = side * b[j], -side * move[j]
                possible = side == sign[j] and closing > 0
            if possible and gap < step * closing:
                event, toward, step = j, side, gap / closing
                if step < TIED * penalty:
                    return j, side, 0.0
    return event, toward, step


@compiled
def violation(
    gram: Array, cross: Array, weights: Array, penalty: float, active: Numbers, sign: Array, b: Array
) -> float:
    """Violation of the optimality conditions beyond rounding, as a share of the largest correlation."""
    explained, worst, largest, size = np.empty(len(b)), 0.0, 1e-300, 0.0
    times(gram, active, b, explained)
    for j in range(len(b)):
        bound = penalty * weights[j]
        apart = abs(cross[j] - explained[j] - sign[j] * bound)
        worst = max(worst, apart if sign[j] != 0 else apart - bound)
        largest, size = max(largest, abs(cross[j])), max(size, abs(b[j]))
    return (worst - 10 * PARALLEL * size) / largest


@compiled
def begin(cross: Array, correlation: Array, weights: Array) -> tuple[float, float]:
    """Find the penalty from which a path starts, and the one from which rounding decides."""
    top, largest, heaviest = 0.0, 0.0, 1e-300
    for j in range(len(cross)):
        largest, heaviest = max(largest, abs(cross[j])), max(heaviest, weights[j])
        if weights[j] > 0:
            top = max(top, abs(correlation[j]) / weights[j])
    return top, NOTHING * largest / heaviest


@compiled
def record(penalties: Array, coefficients: Array, knot: int, penalty: float, b: Array, scale: Array) -> Any:
    """Write a knot into tables that grow."""
    if knot == len(penalties):
        fewer, few = penalties, coefficients
        penalties, coefficients = np.empty(2 * knot), np.empty((2 * knot, len(b)))
        for row in range(knot):
            penalties[row] = fewer[row]
            for j in range(len(b)):
                coefficients[row, j] = few[row, j]
    penalties[knot] = penalty
    for j in range(len(b)):
        coefficients[knot, j] = b[j] * scale[j]
    return penalties, coefficients


@compiled
def follow(
    gram: Array, cross: Array, weights: Array, scale: Array, stop: float, most: int, max_steps: int, every: bool
) -> Walk:
    """Walk down the path of a target.

    Parameters
    ----------
    gram, cross, weights : array, shapes (P, P), (P,), (P,)
        In units in which predictors have variance 1, and all 0 for those without variance.
    scale : array, shape (P,)
        What turns coefficients into the units of the caller.
    stop : float
        Penalty at which the path ends.
    most : int
        Number of penalised predictors at which it ends where it has not ended before.
    max_steps : int
        Most events.
    every : bool
        Whether to keep all knots, or only the end.
    """
    p = len(cross)
    root, active, m = np.empty((p, p)), np.empty(p, np.int64), 0
    b, sign, aim = np.zeros(p), np.zeros(p), np.zeros(p)
    move, rate = np.zeros(p), np.empty(p)  # of coefficients and correlations, for a penalty smaller by one
    for j in range(p):
        if weights[j] == 0 and gram[j, j] > 0 and append(root, gram, active, m, j) > 10 * RIDGE:
            aim[m] = cross[j]
            m += 1
    unpenalised = m
    forward(root, aim[:m])
    solve(root, active[:m], aim[:m], b)
    times(gram, active[:m], b, rate)
    aim, correlation = np.zeros(p), cross - rate

    penalty, nothing = begin(cross, correlation, weights)
    floor = max(stop, nothing)
    penalties, coefficients = record(np.empty(16), np.empty((16, p)), 0, penalty, b, scale)
    knot = steps = 0
    while penalty > floor and m < unpenalised + most and steps <= max_steps:
        steps += 1
        solve(root, active[:m], aim[:m], move)
        times(gram, active[:m], move, rate)
        event, toward, step = next_event(penalty, floor, weights, sign, b, move, correlation, rate)
        for j in range(p):
            b[j] += step * move[j]
            correlation[j] -= step * rate[j]
        penalty = penalty - step if event >= 0 else stop
        if event >= 0 and sign[event] == 0:
            sign[event] = toward
            append(root, gram, active, m, event)
            aim[m] = (toward * weights[event] - rate[event]) / root[m, m]
            m += 1
        elif event >= 0:
            b[event], move[event], sign[event] = 0, 0, 0
            remove(root, active, m, event)
            m -= 1
            for i in range(m):
                aim[i] = sign[active[i]] * weights[active[i]]
            forward(root, aim[:m])
        knot += every and step > 0
        penalties, coefficients = record(penalties, coefficients, knot, penalty, b, scale)

    towards, factor = np.empty(m), np.zeros((m, m))
    for i in range(m):
        towards[i] = sign[active[i]] * weights[active[i]] / scale[active[i]]
        for k in range(i + 1):
            factor[k, i] = root[k, i] / scale[active[i]]
    wrong = violation(gram, cross, weights, penalty, active[:m], sign, b)
    end = knot + 1
    return Walk(penalties[:end], coefficients[:end], active[:m], towards, factor, wrong, steps > max_steps)


@compiled
def differentiate(
    upstream: Array, beta: Array, active: Numbers, towards: Array, root: Array, gram: Array, cross: Array, slope: Array
) -> None:
    """Add the gradient of K estimates to that of the Gram matrix, and write those of cross-moments and penalties.

    Parameters
    ----------
    upstream, beta : array, shape (K, P)
    active, towards : array, shape (K, m)
        Active predictors, P in the rest, and their signs times weights.
    root : array, shape (K, m, m)
        R'R = G_AA.
    gram, cross, slope : array, shapes (P, P), (K, P), (K,)
        Zero at first.
    """
    for target in range(len(beta)):
        m = 0
        while m < active.shape[1] and active[target, m] < beta.shape[1]:
            m += 1
        v = np.empty(m)
        for i in range(m):
            v[i] = upstream[target, active[target, i]]
        forward(root[target], v)
        backward(root[target], v)
        for i in range(m):
            j = active[target, i]
            cross[target, j] = v[i]
            slope[target] -= towards[target, i] * v[i]
            for k in range(m):
                other = active[target, k]
                half = v[i] * beta[target, other] / 2
                gram[j, other] -= half
                gram[other, j] -= half
