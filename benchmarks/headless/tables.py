"""Table of a batch."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.tables import markdown, results


def batch() -> str:
    """Table of a batch: by one worker, by several, and started again."""
    lines = []
    for row in results("batch"):
        worked = row["memory of a worker (MB)"]
        seconds = f"{row['seconds']:.0f} s" if worked else f"{row['seconds']:.1f} s"
        each = [f"{row['seconds per recording']:.1f} s", f"{worked:.0f} MB"] if worked else ["", ""]
        lines.append([row["what"], str(row["workers"]), str(row["recordings"]), seconds, *each])
    return markdown(["", "workers", "recordings", "time", "time per recording", "peak memory of a worker"], lines)


TABLES: dict[str, Callable[[], str]] = {
    "batch": batch,
}  # fmt: skip
