"""The numbers of a nested result as one row of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["flat"]

LONGEST = 100
"""Characters of a text that goes into a table."""


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float | int | str]]:
    """Yield numbers and short texts of a nested mapping, their names joined with dots; lists are left out.

    Examples
    --------
    >>> dict(flat({"p_value": 0.03, "coupling": {"p_value": 0.2}, "null": [1.0, 2.0]}))
    {'p_value': 0.03, 'coupling.p_value': 0.2}
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) or (isinstance(value, str) and len(value) <= LONGEST):
            yield f"{prefix}{name}", value
