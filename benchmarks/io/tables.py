"""Table of readers."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.tables import markdown, results


def frame_time() -> str:
    """Table of one frame and a block of frames by each reader, beside a memory map."""
    lines = [
        [
            row["reader"], f"{row['frame (ms)']:.1f} ms", f"{row['frame ratio']:.1f}", f"{row['block (ms)']:.0f} ms",
            f"{row['block ratio']:.1f}",
        ]
        for row in results("frame_time")
    ]  # fmt: skip
    return markdown(
        ["", "a frame in napari", "beside a memory map", "64 frames in training", "beside a memory map"], lines
    )


TABLES: dict[str, Callable[[], str]] = {
    "frame time": frame_time,
}  # fmt: skip
