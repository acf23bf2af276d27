"""Rows of a user's table, named in messages as the user counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["listed", "name_rows"]


def listed(items: Sequence[Any], most: int = 5) -> str:
    """Write a list of which only the first `most` items are shown."""
    shown = ", ".join(str(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown}, … ({len(items)} in all)"


def name_rows(wrong: Any) -> str:
    """Name the rows of a mask; the first row below the header is row 1."""
    rows = (np.flatnonzero(wrong) + 1).tolist()
    return f"row{'s' * (len(rows) > 1)} {listed(rows)}"
