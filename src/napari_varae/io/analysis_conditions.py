"""Comparisons of several conditions in an analysis folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_varae.io.analysis_files import COMPARISONS, free_path
from napari_varae.io.files import in_order

if TYPE_CHECKING:
    from napari_varae.core.comparison.conditions import Conditions
    from napari_varae.io.analysis import Analysis

__all__ = ["find_conditions", "keep_conditions", "read_conditions"]

FOLDER = "conditions"
"""Below the folder of comparisons, and with them replaced."""


def keep_conditions(analysis: Analysis, found: Conditions, name: str = "conditions") -> Path:
    """Write a comparison of several conditions as JSON; its name gets a number when it is taken."""
    folder = analysis.folder / COMPARISONS / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = free_path(folder / f"{name}.json")
    found.to_json(path)
    analysis.log("compared conditions", conditions=", ".join(found.names), file=path.stem)
    return path


def find_conditions(analysis: Analysis) -> list[Path]:
    """List the files of the comparisons of several conditions, in order."""
    return in_order((analysis.folder / COMPARISONS / FOLDER).glob("*.json"))


def read_conditions(analysis: Analysis) -> list[Conditions]:
    """Read the comparisons of several conditions, with their null distributions.

    Raises
    ------
    DataError
        When one is damaged.
    """
    from napari_varae.core.comparison.restore_conditions import open_conditions

    return [open_conditions(path) for path in find_conditions(analysis)]
