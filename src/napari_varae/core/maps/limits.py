"""Where the colours of a map end: robust, and symmetric about zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["map_limit", "robust_extreme", "round_up"]

PERCENTILE = 99.9
"""Of the sizes of a map's values, the one at which its colours end: a few hot pixels do not hide the rest."""
ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 10)


def robust_extreme(image: ArrayLike) -> tuple[float, float]:
    """Return where the colours of a map end, and its largest absolute value; pixels of exactly zero do not count.

    Both are 0 for an empty map, which has nothing but zeros.
    """
    values = np.asarray(image)
    size = np.abs(values[np.isfinite(values) & (values != 0)])
    if not size.size:
        return 0.0, 0.0
    return float(np.percentile(size, PERCENTILE, method="higher")), float(size.max())


def round_up(end: float) -> float:
    """Round up to a number at which a colour bar has ticks beside zero: with 1.7 or 8, that of napari has none.

    Where there is nothing but empty maps, 0 becomes 1.
    """
    if end == 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(end))
    return float(next(step for step in ROUND if step * power >= end * (1 - 1e-6)) * power)


def map_limit(*images: ArrayLike) -> float:
    """Return the value at which the colours of maps that share their limits end; empty maps do not count."""
    return round_up(max(robust_extreme(image)[0] for image in images))
