"""Small values that docks and jobs hand to the session."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Edge", "Placebo"]


class Edge(NamedTuple):
    """One coefficient of the VAR: `source`, `lag` frames ago, acts on `target`."""

    lag: int
    target: int
    source: int

    def __str__(self) -> str:
        return f"{self.source} → {self.target}, lag {self.lag}"


class Placebo(NamedTuple):
    """P-values (n,) of comparisons between which nothing should differ; whether their pairs were permuted segments."""

    p_values: NDArray[np.float64]
    permuted: bool
