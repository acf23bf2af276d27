"""A comparison as plain numbers, and as files."""

from __future__ import annotations

import csv
import io
import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_varae.core.comparison.inference.answer import Answer
from napari_varae.core.comparison.inference.edges import EDGE
from napari_varae.core.comparison.methods import methods_text
from napari_varae.core.files import write_file

if TYPE_CHECKING:
    import pandas as pd

    from napari_varae.core.comparison.inference.two_sample import TwoSampleTest
    from napari_varae.core.comparison.result import Comparison

__all__ = ["as_dict", "plain", "to_csv", "to_json"]


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """Everything as plain numbers, lists and texts; None for what is not known, "infinite" as a text."""
    test = _fields(comparison.test)
    judged = comparison.judgement
    return {
        "verdict": judged.outcome,
        "reason": judged.reason,
        "remedy": judged.remedy,
        **test,
        "placebo": list(comparison.placebo),
        "without_noise_correction": None if comparison.uncorrected is None else _short(comparison.uncorrected),
        "settings": comparison.config.model_dump(),
        "ranges": {name: [list(part) for part in parts] for name, parts in comparison.ranges.items()},
        "runs": {name: [list(run) for run in frames.runs] for name, frames in comparison.frames.items()},
        "bad_frames": {name: frames.n_bad for name, frames in comparison.frames.items()},
        "halves": comparison.halves,
        "own_halves": comparison.own_halves,
        "fit": comparison.fit,
        "movie": comparison.movie,
        "trained_on": comparison.trained_on,
        "warnings": list(comparison.warnings),
        "methods": methods_text(comparison),
        "napari-varae": version("napari-varae"),
    }


def to_json(comparison: Comparison, path: str | Path) -> None:
    """Write everything as JSON."""
    write_file(path, json.dumps(as_dict(comparison), indent=1, allow_nan=False) + "\n")


def to_csv(comparison: Comparison, path: str | Path, cells: pd.DataFrame | None = None) -> None:
    """Write the table of coefficients as CSV, with the cells of its latents if they are given."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    named = dict(zip(cells["latent"], cells["cell"], strict=True)) if cells is not None else {}
    ends = ("target", "source") if named else ()
    writer.writerow([*(EDGE.names or ()), *(f"{end}_cell" for end in ends)])
    writer.writerows([*row.tolist(), *(named.get(int(row[end]), "") for end in ends)] for row in comparison.edges)
    write_file(path, text.getvalue())


def _fields(found: Any) -> dict[str, Any]:
    """Fields of a dataclass as plain numbers, lists and texts."""
    return {name: _value(name, getattr(found, name)) for name in found.__dataclass_fields__}


def _value(name: str, value: Any) -> Any:
    if name == "edges":
        return _rows(value)
    if isinstance(value, Answer):
        return _fields(value)
    if isinstance(value, np.ndarray | tuple):
        return [_value("", x) for x in value]
    return plain(value) if isinstance(value, float | np.generic) else value


def _short(test: TwoSampleTest) -> dict[str, Any]:
    """Return what a test found, without its draws and its table."""
    answers = {name: _fields(getattr(test, name)) for name in ("coupling", "persistence")}
    for part in answers.values():
        part.pop("null")
    return {"p_value": test.p_value, "resamples": test.resamples, **answers}


def _rows(edges: Any) -> list[dict[str, Any]]:
    """Rows of the table of coefficients by the names of their columns."""
    return [dict(zip(EDGE.names or (), map(plain, row.tolist()), strict=True)) for row in edges]


def plain(number: Any) -> float | int | str | None:
    """Give a number as JSON has it: none that is infinite or NaN."""
    value = number.item() if isinstance(number, np.generic) else number
    if isinstance(value, int):
        return value
    if np.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    return None if np.isnan(value) else value
