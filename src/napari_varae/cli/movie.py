"""The command `open`: what a file holds, before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_varae.cli.options import Channel, DataSet, FrameRate, Json, Movie, PixelSize, Plane
from napari_varae.cli.output import print_result

if TYPE_CHECKING:
    from napari_varae.core.movie.stack import Stack

__all__ = ["mark_frames", "open_", "open_movie"]


def open_(
    movie: Movie,
    frame_rate: FrameRate = None,
    pixel_size: PixelSize = None,
    channel: Channel = None,
    plane: Plane = None,
    dataset: DataSet = None,
    as_json: Json = False,
) -> None:
    """Report what a recording holds and where each value comes from, and what training on it would take."""
    from napari_varae.core.training.requirements import estimate

    stack = open_movie(movie, frame_rate, pixel_size, channel, plane, dataset)
    needs = estimate(stack)
    print_result(
        {
            "name": stack.name,
            "shape": stack.shape,
            "type": stack.dtype.name,
            "frame rate in Hz": stack.frame_rate,
            "pixel size in um": stack.pixel_size,
            "breaks": stack.breaks,
            "bad frames": sorted(stack.bad_frames),
            "fingerprint": stack.fingerprint(),
            "notes": stack.notes,
            "training": {
                "minutes": needs.minutes, "memory in GB": needs.memory / 1e9, "disk in GB": needs.disk / 1e9,
                "advice": needs.advice,
            },
        },
        as_json,
    )  # fmt: skip


def open_movie(
    paths: Sequence[Path],
    frame_rate: float | None,
    pixel_size: float | None,
    channel: str | None,
    plane: str | None,
    dataset: str | None,
) -> Stack:
    """Open a recording with the choices of the command line."""
    from napari_varae.io import open_stack

    choices: list[Any] = [int(c) if c is not None and c.isdecimal() else c for c in (channel, plane, dataset)]
    return open_stack(list(paths) if len(paths) > 1 else paths[0], frame_rate, pixel_size, *choices)


def mark_frames(stack: Stack, bad: Sequence[str] | None, good: str | None) -> Stack:
    """Mark frames as bad besides those that the files mark: those of tables, and such as '3,200:210'; some as good."""
    from napari_varae.io.frame_table import open_frame_table
    from napari_varae.io.table import SUFFIXES

    tables = [text for text in bad or () if Path(text).suffix.lower() in SUFFIXES]
    for table in tables:
        stack = open_frame_table(table, stack.n_frames).added_to(stack)
    marked = [_frames(text, "--bad-frames") for text in bad or () if text not in tables]
    return stack.replace(bad_frames=(stack.bad_frames - _frames(good, "--good-frames")).union(*marked))


def _frames(text: str | None, option: str) -> frozenset[int]:
    """Read frames and ranges of frames."""
    found: set[int] = set()
    for part in text.split(",") if text is not None else ():
        start, colon, stop = part.strip().partition(":")
        if not (start.isdecimal() and (stop.isdecimal() or not colon)):
            raise typer.BadParameter(f"{part!r} is neither a frame nor a range.", param_hint=option)
        found.update(range(int(start), int(stop) if colon else int(start) + 1))
    return frozenset(found)
