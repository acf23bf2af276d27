"""What a benchmark leaves behind: one JSON object a line in `benchmarks/results/`, from which the pages are made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
Rows = list[dict[str, Any]]


def stored(name: str) -> Path:
    """File in which a benchmark keeps its lines."""
    return RESULTS / f"{name}.jsonl"


def read(path: Path) -> Rows:
    """Lines so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def keep(path: Path, rows: Rows) -> None:
    """Replace the lines of a file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
