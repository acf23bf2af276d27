"""A comparison of several conditions from what it was written as: the inverse of :meth:`.Conditions.to_json`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_varae.core.comparison.conditions import Conditions
from napari_varae.core.comparison.inference.several import Omnibus
from napari_varae.core.comparison.restore import comparison_of
from napari_varae.core.settings import ComparisonConfig
from napari_varae.errors import DataError

__all__ = ["open_conditions"]

QUESTIONS = ("coupling", "persistence")


def open_conditions(path: str | Path) -> Conditions:
    """Open a comparison of several conditions that was written as JSON.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Conditions

    Raises
    ------
    DataError
        When it cannot be read, or is not such a comparison of this version.
    """
    try:
        return _conditions_of(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} does not hold a comparison of conditions of this version of napari-varae "
            f"({type(error).__name__}: {error}). Compare again."
        ) from error


def _conditions_of(plain: Mapping[str, Any]) -> Conditions:
    rows = {(row["a"], row["b"]): row for row in plain["rows"]}
    pairs = {pair: comparison_of(found) for pair, found in zip(rows, plain["pairs"], strict=True)}
    adjusted = {name: {pair: _number(rows[pair][f"{name}_p_adjusted"]) for pair in pairs} for name in QUESTIONS}
    return Conditions(
        tuple(plain["conditions"]), _omnibus(plain["omnibus"]), pairs, adjusted, ComparisonConfig(**plain["settings"])
    )


def _omnibus(plain: Mapping[str, Any]) -> Omnibus:
    return Omnibus(
        p_values={name: _number(p) for name, p in plain["p_values"].items()},
        statistics={name: _number(value) for name, value in plain["statistics"].items()},
        nulls={name: np.array([_number(value) for value in null], float) for name, null in plain["nulls"].items()},
        largest={name: (int(a), int(b)) for name, (a, b) in plain["largest"].items()},
        whole_segments=bool(plain["whole_segments"]),
        n_units=int(plain["n_units"]),
        n_strata=int(plain["n_strata"]),
        resamples=int(plain["resamples"]),
    )


def _number(plain: float | str | None) -> float:
    return math.nan if plain is None else float(plain.replace("infinite", "inf") if isinstance(plain, str) else plain)
