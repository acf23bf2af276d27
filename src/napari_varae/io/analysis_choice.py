"""The choice of the number of latents and the order in an analysis folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_varae.core.files import write_file
from napari_varae.errors import DataError
from napari_varae.io.analysis_files import CHOICE

if TYPE_CHECKING:
    from napari_varae.core.training.choice import Choice
    from napari_varae.io.analysis import Analysis

__all__ = ["keep_choice", "read_choice"]

NUMBERS = ("latents", "orders")
SIZES = {"reconstruction": "L", "prediction": "LP", "behind": "LP", "error": "LP", "automatic_prediction": "P"}
"""The arrays, over L numbers of latents and P orders."""
PAIRS = ("best", "suggested")
COUNTS = ("automatic", "n_frames", "n_pieces")


def keep_choice(analysis: Analysis, choice: Choice, fits_before: frozenset[str]) -> None:
    """Write a choice, and which fits were there before it; those do not follow it."""
    plain = {name: np.asarray(getattr(choice, name)).tolist() for name in (*NUMBERS, *PAIRS, *COUNTS)}
    for name in (*SIZES, "automatic_reconstruction"):  # JSON has no NaN
        values = getattr(choice, name)
        plain[name] = np.where(np.isfinite(values), values, np.array(None)).tolist()
    text = json.dumps({**plain, "fits_before": sorted(fits_before)}, indent=2)
    write_file(analysis.folder / CHOICE, text)


def read_choice(analysis: Analysis) -> tuple[Choice, frozenset[str]] | None:
    """Read the choice and the fits that were there before it; None when the analysis has none.

    Raises
    ------
    DataError
        When the file is damaged.
    """
    path = analysis.folder / CHOICE
    if not path.is_file():
        return None
    from napari_varae.core.training.choice import Choice

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        values: dict[str, Any] = {
            **{name: np.array(found[name], dtype=np.int64) for name in NUMBERS},
            **{name: np.array(found[name], dtype=float) for name in SIZES},
            "automatic_reconstruction": float(np.array(found["automatic_reconstruction"], dtype=float)),
            **{name: (int(found[name][0]), int(found[name][1])) for name in PAIRS},
            **{name: int(found[name]) for name in COUNTS},
        }
        choice = Choice(**values)
        length = {"L": len(choice.latents), "P": len(choice.orders)}
        if any(getattr(choice, name).shape != tuple(length[axis] for axis in axes) for name, axes in SIZES.items()):
            raise ValueError("its tables have different sizes")
        choice.methods_text()  # best and suggested are among those that were tried
        return choice, frozenset(map(str, found["fits_before"]))
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise DataError(
            f"{path} is damaged, or of another version ({error}). Remove it to open the analysis without this choice."
        ) from error
