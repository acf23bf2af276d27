"""Outlines of latents: where each footprint falls to half its maximum, its main part first."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.fit.places import LEVEL, main_part

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit

__all__ = ["Outline", "outlines"]

SMALLEST = 0.25
"""Parts of an outline whose area is a smaller share of that of the main part are left out."""

_known: weakref.WeakKeyDictionary[Any, list[Outline]] = weakref.WeakKeyDictionary()
"""Outlines by network: fits with another penalty share them."""


@dataclass(frozen=True)
class Outline:
    """The outline of one footprint.

    Attributes
    ----------
    lines : tuple of array, shape (n, 2)
        Closed lines of points (y, x): that around the main part, where arrows start and end, then those of other parts.
    area : float
        Area in pixels within the first line.
    """

    lines: tuple[NDArray[np.float64], ...]
    area: float

    @property
    def radius(self) -> float:
        """Radius of the disk of the same area, in pixels."""
        return float(np.sqrt(self.area / np.pi))

    def holds(self, point: NDArray[np.float64]) -> bool:
        """Whether a point (y, x) lies within."""
        return any(_inside(line, point) for line in self.lines)


def outlines(fit: Fit) -> list[Outline]:
    """Outlines of the latents of a fit, in order; computed once for all fits of a network."""
    if fit.network not in _known:
        found: list[Outline] = []
        for some in fit.combine(np.eye(fit.latents)):
            found += [_outline(np.abs(image)) for image in some]
        _known[fit.network] = found
    return _known[fit.network]


def _outline(size: NDArray[np.float32]) -> Outline:
    """Outline one image."""
    level = LEVEL * float(size.max())
    if level <= 0:
        return Outline((), 0.0)
    main = main_part(size)
    first = max(_contours(np.where(main | (size < level), size, 0), level), key=_area)
    others = _contours(np.where(main, 0, size), level)
    largest = _area(first)
    kept = [line for line in sorted(others, key=_area, reverse=True) if _area(line) >= SMALLEST * largest]
    return Outline((first, *kept), largest)


def _contours(size: NDArray[np.float32], level: float) -> list[NDArray[np.float64]]:
    """Draw closed lines around what exceeds a level."""
    from skimage.measure import find_contours

    if not (size >= level).any():
        return []
    rows, columns = (np.flatnonzero((size >= level).any(axis)) for axis in (1, 0))
    top, left = rows[0], columns[0]
    part = np.pad(size[top : rows[-1] + 1, left : columns[-1] + 1], 1)  # closed where it touches the border
    around = size[max(top - 1, 0) : rows[-1] + 2, max(left - 1, 0) : columns[-1] + 2]
    y, x = int(top == 0), int(left == 0)
    part[y : y + around.shape[0], x : x + around.shape[1]] = around
    return [line + np.array([top - 1, left - 1]) for line in find_contours(part, level)]


def _area(line: NDArray[np.float64]) -> float:
    """Area within a closed line (shoelace formula)."""
    y, x = line.T
    return float(abs(np.dot(y[:-1], x[1:]) - np.dot(x[:-1], y[1:])) / 2)


def _inside(line: NDArray[np.float64], point: NDArray[np.float64]) -> bool:
    """Whether a point lies within a closed line: whether a ray from it crosses the line an odd number of times."""
    (y, x), (start, stop) = point, (line[:-1], line[1:])
    crossing = (start[:, 0] > y) != (stop[:, 0] > y)
    a, b = start[crossing], stop[crossing]
    at = a[:, 1] + (y - a[:, 0]) / (b[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    return bool(np.count_nonzero(at > x) % 2)
