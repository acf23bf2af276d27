"""Small values that docks and jobs hand to the session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.verdict import PLACEBO_LEVEL
from napari_varae.core.settings import ComparisonConfig

__all__ = ["Edge", "Placebo", "placebo_config"]

PLACEBO_RESAMPLES = 99
"""Draws in each comparison of a placebo, which has many."""


class Edge(NamedTuple):
    """One coefficient of the VAR: `source`, `lag` frames ago, acts on `target`."""

    lag: int
    target: int
    source: int

    def __str__(self) -> str:
        return f"{self.source} → {self.target}, lag {self.lag}"


class Placebo(NamedTuple):
    """P-values (n,) of pairs between which nothing should differ, and how these were drawn and compared.

    Attributes
    ----------
    p_values : array, shape (n,)
    pairs : dict
        What defines a pair, as :func:`napari_varae.placebo` takes it: lengths, within, unlike, segments; and repeats.
    config : ComparisonConfig
    """

    p_values: NDArray[np.float64]
    pairs: Mapping[str, Any]
    config: ComparisonConfig


def placebo_config(config: ComparisonConfig) -> ComparisonConfig:
    """Return the settings of a comparison for those of its placebo: few draws, and a level that these can reach."""
    return config.changed(resamples=PLACEBO_RESAMPLES, level=PLACEBO_LEVEL)
