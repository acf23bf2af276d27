"""Tables of how the window responds."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.tables import markdown, results


def responsiveness() -> str:
    """Table of the gaps between ticks of the event loop."""
    lines = [
        [f"`{row['movie']}`", row["what"], *(f"{row[name]:.0f} ms" for name in ("median", "p99", "longest"))]
        for row in results("responsiveness")
    ]
    return markdown(["movie", "", "median gap", "99th percentile", "longest"], lines)


def instrument() -> str:
    """Table of what a frame, a step of the slider and a click cost."""
    lines = [
        [row["what"], f"{row['ms']:.0f} ms", f"{row['p99']:.0f} ms" if "p99" in row else ""]
        for row in results("instrument")
    ]
    return markdown(["", "time", "99th percentile"], lines)


TABLES: dict[str, Callable[[], str]] = {
    "responsiveness": responsiveness, "instrument": instrument,
}  # fmt: skip
