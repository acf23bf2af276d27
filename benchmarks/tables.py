"""What tables of the docs are made with."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.stored import Rows, read, stored


def results(name: str) -> Rows:
    """Lines of one benchmark."""
    return read(stored(name))


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Make a table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows))


def spread(values: list[float], digits: int) -> str:
    """Mean and deviation, of what is there."""
    known = [v for v in values if v is not None and np.isfinite(v)]
    if not known:
        return ""
    return f"{np.mean(known):.{digits}f}" + (f" ± {np.std(known, ddof=1):.{digits}f}" if len(known) > 1 else "")


def of(rows: Rows, scenario: str, variant: str) -> dict[int, dict[str, Any]]:
    """Lines of one scenario and variant, by seed."""
    return {row["seed"]: row for row in rows if (row["scenario"], row["variant"]) == (scenario, variant)}
