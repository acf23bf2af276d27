"""Small values that docks and jobs hand to the session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.comparison.verdict import PLACEBO_LEVEL
from napari_varae.core.settings import ComparisonConfig

if TYPE_CHECKING:
    from napari_varae.core.comparison.result import Comparison

__all__ = ["Edge", "Placebo", "n_regressors", "placebo_config"]

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

    Empty pairs are not known: the placebo was run elsewhere, or before the analysis was opened.

    Attributes
    ----------
    p_values : array, shape (n,)
    pairs : dict
        What defines a pair, as :func:`napari_varae.placebo` takes it: lengths, within, unlike, segments; and repeats.
    config : ComparisonConfig
    n_covariates : int
        Covariates that were regressed out, their lags counted.
    """

    p_values: NDArray[np.float64]
    pairs: Mapping[str, Any]
    config: ComparisonConfig
    n_covariates: int = 0

    def suits(self, comparison: Comparison) -> bool:
        """Whether it is a placebo of this comparison: the same test, with as many covariates regressed out."""
        return self.config.same_test(comparison.config) and self.n_covariates == comparison.test.n_covariates


def placebo_config(config: ComparisonConfig) -> ComparisonConfig:
    """Return the settings of a comparison for those of its placebo: few draws, and a level that these can reach."""
    return config.changed(resamples=PLACEBO_RESAMPLES, level=PLACEBO_LEVEL)


def n_regressors(covariates: ArrayLike | None = None, covariate_lags: int = 0) -> int:
    """Count covariates (T,) or (T, n) with their lags, as a comparison takes them."""
    if covariates is None:
        return 0
    return int(np.prod(np.shape(covariates)[1:])) * (1 + covariate_lags)
