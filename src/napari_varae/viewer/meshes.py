"""Meshes of arrows and of lines, for layers that draw hundreds of them at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["ARROW", "Mesh", "arrow_mesh", "distance_to_arrows", "line_mesh", "shorten"]

Array = NDArray[np.float64]
Mesh = tuple[Array, NDArray[np.intp]]
"""Vertices (n, 2) and triangles (m, 3)."""

ARROW = 7
"""Vertices of an arrow."""
HEAD_WIDTH, HEAD_LENGTH = 3.8, 4.0
"""Size of the head of an arrow, in widths of its shaft."""


def shorten(starts: Array, stops: Array, before: Array, after: Array) -> tuple[Array, Array]:
    """Move the ends of arrows (n, 2) towards each other by some lengths (n,), at most a third of the way each."""
    along = stops - starts
    length = np.linalg.norm(along, axis=1).clip(min=1e-9)
    share = np.minimum(np.stack([before, after]) / length, 1 / 3)[..., None]
    return starts + share[0] * along, stops - share[1] * along


def arrow_mesh(starts: Array, stops: Array, widths: Array) -> Mesh:
    """Draw arrows from `starts` to `stops` (n, 2), moved to their right by their width: one back lies beside it."""
    along = stops - starts
    length = np.linalg.norm(along, axis=1, keepdims=True).clip(min=1e-9)
    unit, w = along / length, widths[:, None]
    side = np.stack([unit[:, 1], -unit[:, 0]], axis=1)  # y points down
    tail, tip = starts + side * w, stops + side * w
    neck = tip - unit * np.minimum(HEAD_LENGTH * w, 0.6 * length)
    half, wing = side * w / 2, side * w * HEAD_WIDTH / 2
    vertices = np.stack([tail - half, tail + half, neck + half, neck - half, neck + wing, neck - wing, tip], axis=1)
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6]])
    faces = triangles + ARROW * np.arange(len(starts))[:, None, None]
    return vertices.reshape(-1, 2), faces.reshape(-1, 3)


def distance_to_arrows(point: Array, starts: Array, stops: Array, widths: Array) -> Array:
    """Distance (n,) of a point (y, x) from the shafts of arrows as :func:`arrow_mesh` draws them."""
    along = stops - starts
    length = np.linalg.norm(along, axis=1, keepdims=True).clip(min=1e-9)
    unit = along / length
    tail = starts + np.stack([unit[:, 1], -unit[:, 0]], axis=1) * widths[:, None]
    at = ((point - tail) * unit).sum(1, keepdims=True).clip(0, length)
    distance: Array = np.linalg.norm(tail + at * unit - point, axis=1)
    return (distance - widths / 2).clip(min=0)


def line_mesh(lines: Sequence[Array], widths: Array) -> tuple[Array, NDArray[np.intp], NDArray[np.intp]]:
    """Draw lines of points (n, 2), each of its width.

    Returns
    -------
    vertices : array, shape (n, 2)
    faces : array, shape (m, 3)
    line : array, shape (n,)
        The line that each vertex belongs to.
    """
    starts = np.concatenate([line[:-1] for line in lines]) if lines else np.zeros((0, 2))
    stops = np.concatenate([line[1:] for line in lines]) if lines else np.zeros((0, 2))
    which = np.repeat(np.arange(len(lines)), [len(line) - 1 for line in lines])
    along = stops - starts
    unit = along / np.linalg.norm(along, axis=1, keepdims=True).clip(min=1e-9)
    width = widths[which][:, None]
    half, over = np.stack([-unit[:, 1], unit[:, 0]], axis=1) * width / 2, unit * width / 4  # closes the corners
    corners = [starts - over - half, starts - over + half, stops + over + half, stops + over - half]
    faces = np.array([[0, 1, 2], [0, 2, 3]]) + 4 * np.arange(len(starts))[:, None, None]
    return np.stack(corners, axis=1).reshape(-1, 2), faces.reshape(-1, 3), np.repeat(which, 4)
