"""The walk along the lasso path: event after event, until every path has ended."""

from __future__ import annotations

from torch import Tensor

from napari_varae.core._lars import Array, Front, Numbers
from napari_varae.core.errors import PathError

__all__ = ["Point", "walk"]

CROWDED = 0.65
"""Share of the paths still under way at which the others are dropped."""

Point = tuple[Numbers, Array, Numbers, Array]
"""Rows, penalties, doors and values of the paths that moved, as :meth:`Front.point` gives them."""


def walk(
    gram: Tensor, cross: Tensor, weights: Tensor, stop: Tensor, max_steps: int, *, knots: bool, most: int | None = None
) -> list[Point]:
    """Collect points of N x K solution paths.

    Parameters
    ----------
    gram : Tensor, shape (N, P, P)
        G, symmetric but for rounding.
    cross, weights : Tensor, shape (N, K, P)
        Cross-moments and non-negative penalty weights.
    stop : Tensor, shape (N, K)
        Penalty at which each path ends.
    max_steps : int
        Most events that a path may have.
    knots : bool
        Whether to collect all knots, or only the ends.
    most : int, optional
        Number of penalised predictors at which each path ends, where it has not ended before.

    Raises
    ------
    PathError
        When a path has more than `max_steps` events.
    """
    g, c, w, end = (tensor.detach().cpu().numpy() for tensor in (gram, cross, weights, stop))
    front = Front((g + g.swapaxes(1, 2)) / 2, c, w, end, most)
    points = [front.point(front.everyone)] if knots else []
    for _ in range(max_steps + 1):
        moved = front.move()
        if knots:
            points.append(front.point(moved))
        if front.live <= CROWDED * len(front.rows):
            if not knots:
                points.append(front.point(front.done.nonzero()[0]))
            if front.live == 0:
                return points
            front.drop_done()
        jumped = front.turn()
        if knots and len(jumped):
            points.append(front.point(jumped))
    raise PathError(front.where_it_stands(max_steps))
