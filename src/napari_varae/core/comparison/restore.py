"""A comparison from what it was written as: the inverse of :func:`napari_varae.core.comparison.export.as_dict`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from napari_varae.core.comparison.inference.answer import Answer
from napari_varae.core.comparison.inference.edges import EDGE
from napari_varae.core.comparison.inference.two_sample import TwoSampleTest
from napari_varae.core.comparison.result import Comparison
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.settings import ComparisonConfig
from napari_varae.errors import DataError

__all__ = ["comparison_of", "open_comparison"]

INFINITE = {"infinite": math.inf, "-infinite": -math.inf}


def open_comparison(path: str | Path) -> Comparison:
    """Open a comparison that was written as JSON, by the window, the command line or :meth:`.Comparison.to_json`.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Comparison
        With its null distributions and its table. Of the test with measurement noise left in
        (:attr:`.Comparison.uncorrected`) the answers are kept, and neither draws nor table.

    Raises
    ------
    DataError
        When it cannot be read, or is not a comparison of this version.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> rng = np.random.default_rng(0)
    >>> config = nv.ComparisonConfig(resamples=19, power_draws=0)
    >>> result = nv.compare_latents(rng.normal(size=(200, 3)), rng.normal(size=(200, 3)), config=config)
    >>> path = tempfile.mkdtemp() + "/comparison.json"
    >>> result.to_json(path)
    >>> nv.open_comparison(path).p_value == result.p_value
    True
    """
    try:
        found = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} could not be read ({error}). Choose a comparison that was saved as JSON.") from error
    try:
        return comparison_of(found)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} does not hold a comparison of this version of napari-varae ({type(error).__name__}: {error}). "
            "Compare again."
        ) from error


def comparison_of(found: Mapping[str, Any]) -> Comparison:
    """Return the comparison that :meth:`.Comparison.as_dict` wrote; errors as the parts raise them."""
    short = found["without_noise_correction"]
    if any(halves and "any" not in halves for halves in (found["halves"], found["own_halves"])):
        raise ValueError("its halves were not compared by one test for both ranges")
    return Comparison(
        test=_filled(TwoSampleTest, found),
        config=ComparisonConfig(**found["settings"]),
        warnings=tuple(found["warnings"]),
        frames={
            name: FrameSet(_pairs(ranges), _pairs(found["runs"][name]), int(found["bad_frames"][name]))
            for name, ranges in found["ranges"].items()
        },
        halves=_numbers(found["halves"]),
        own_halves=_numbers(found["own_halves"]),
        uncorrected=None if short is None else _filled(TwoSampleTest, _lengthened(short)),
        placebo=tuple(map(_number, found["placebo"])),
        fit=found["fit"],
        movie=found["movie"],
        trained_on=found["trained_on"],
    )


def _filled(kind: type, plain: Mapping[str, Any]) -> Any:
    """Make a dataclass of plain values, each by the type that its field has."""
    hints = get_type_hints(kind)
    return kind(**{field.name: _value(field.name, hints[field.name], plain[field.name]) for field in fields(kind)})


def _value(name: str, kind: Any, plain: Any) -> Any:
    if kind is Answer:
        return _filled(Answer, plain)
    if name == "edges":
        return np.array([tuple(_number(row[column]) for column in EDGE.names or ()) for row in plain], dtype=EDGE)
    if isinstance(plain, dict):
        return _numbers(plain)
    if isinstance(plain, list):
        pair = getattr(kind, "__origin__", None) is tuple
        return tuple(_several(part) for part in plain) if pair else _several(plain)
    return _number(plain) if kind is float else plain


def _several(plain: Any) -> Any:
    """Return an array of a list, and a number as it is."""
    return np.array([_number(value) for value in plain], dtype=float) if isinstance(plain, list) else _number(plain)


def _number(plain: Any) -> Any:
    """Return the number that JSON has no sign for."""
    return math.nan if plain is None else INFINITE.get(plain, plain)


def _numbers(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _number(value) for name, value in plain.items()}


def _pairs(plain: Any) -> tuple[tuple[int, int], ...]:
    return tuple((int(start), int(stop)) for start, stop in plain)


def _lengthened(short: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what is not kept of the test without the noise correction: nothing is known of it."""
    empty: dict[str, Any] = {"edges": []}
    for name, kind in get_type_hints(TwoSampleTest).items():
        origin = getattr(kind, "__origin__", kind)
        plain = {dict: {}, np.ndarray: [], tuple: [None, None], int: 0}.get(origin)
        empty.setdefault(name, plain)
    return empty | dict(short) | {name: {**short[name], "null": []} for name in ("coupling", "persistence")}
