"""Several files joined along time: each begins a new run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_varae.core.movie.frame_source import FrameSource
from napari_varae.errors import StackError
from napari_varae.io.probe import Fact, Found

__all__ = ["Images", "join"]


class Joined(FrameSource):
    """Movies one after the other, of one size and type."""

    def __init__(self, arrays: Sequence[Any]) -> None:
        self.arrays = tuple(arrays)
        self.ends = np.cumsum([array.shape[0] for array in arrays])
        super().__init__((int(self.ends[-1]), *arrays[0].shape[1:]), np.dtype(arrays[0].dtype))
        self.copies_only = all(isinstance(array, FrameSource) and array.copies_only for array in arrays)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read frames [start, stop), shape (stop - start, Y, X)."""
        pieces = []
        while start < stop:
            number = int(np.searchsorted(self.ends, start, side="right"))
            begins = int(self.ends[number]) - self.arrays[number].shape[0]
            last = min(stop, int(self.ends[number]))
            pieces.append(np.asarray(self.arrays[number][start - begins : last - begins]))
            start = last
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


class Images(FrameSource):
    """A movie of TIFF files that hold one frame each."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(path.absolute() for path in paths)
        first = tifffile.imread(self.paths[0])
        if first.ndim != 2:
            raise StackError(f"{paths[0].name!r} is an image of shape {first.shape}; a frame is (Y, X).")
        super().__init__((len(paths), *first.shape), first.dtype)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read frames [start, stop), shape (stop - start, Y, X)."""
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype)
        for i, path in enumerate(self.paths[start:stop]):
            frame = tifffile.imread(path)
            if frame.shape != self.shape[1:] or frame.dtype != self.dtype:
                raise StackError(
                    f"{path.name!r} has shape {frame.shape} and type {frame.dtype}, unlike {self.paths[0].name!r} with "
                    f"{self.shape[1:]} and {self.dtype}. Leave it out or crop it."
                )
            frames[i] = frame
        return frames


def join(files: Sequence[tuple[str, Found]]) -> Found:
    """Join recordings along time; the border between two is a break.

    Parameters
    ----------
    files : sequence of (str, Found)
        Names and what was found in them, in order of time.

    Raises
    ------
    StackError
        When sizes or types differ.
    """
    name, first = files[0]
    for other, found in files[1:]:
        if tuple(found.array.shape[1:]) != tuple(first.array.shape[1:]):
            raise StackError(
                f"The files do not fit together: {other!r} has frames of {_size(found)} pixels, {name!r} of "
                f"{_size(first)}. Leave it out, or crop the files to one size."
            )
        if np.dtype(found.array.dtype).newbyteorder("=") != np.dtype(first.array.dtype).newbyteorder("="):
            raise StackError(
                f"The files do not fit together: {other!r} has {found.array.dtype} pixels, {name!r} "
                f"{first.array.dtype}. Save them as one type."
            )
    starts = np.cumsum([0, *(found.array.shape[0] for _, found in files)]).tolist()
    shifts = [found.shifts for _, found in files]
    breaks = list(starts[1:-1])
    breaks += [start + b for start, (_, found) in zip(starts, files, strict=False) for b in found.breaks]
    return Found(
        Joined([found.array for _, found in files]),
        first.axes,
        _agreed([(name, found.frame_rate) for name, found in files], "Hz"),
        _agreed([(name, found.pixel_size) for name, found in files], "um"),
        (
            f"{len(files)} files joined along time; each begins a new run",
            *(
                f"{name}: frames {start} to {start + found.array.shape[0]}"
                for start, (name, found) in zip(starts, files, strict=False)
            ),
            *dict.fromkeys(note for _, found in files for note in found.notes),
        ),
        tuple(sorted(breaks)),
        frozenset(start + f for start, (_, found) in zip(starts, files, strict=False) for f in found.bad_frames),
        tuple(zip(_without_endings([name for name, _ in files]), pairwise(starts), strict=True)),
        None if any(s is None for s in shifts) else np.concatenate([s for s in shifts if s is not None]),
    )


def _without_endings(names: list[str]) -> list[str]:
    """Names without the ending of the format, where they still differ."""
    short = [PurePosixPath(name).with_suffix("").as_posix() for name in names]
    return short if len(set(short)) == len(short) else names


def _size(found: Found) -> str:
    return f"{found.array.shape[1]} x {found.array.shape[2]}"


def _agreed(facts: list[tuple[str, Fact]], unit: str) -> Fact:
    """Return the value that all files report; none when they differ or one lacks it."""
    values = [(name, fact.value) for name, fact in facts]
    known = [(name, value) for name, value in values if value is not None]
    if not known:
        return facts[0][1]
    if len(known) < len(values):
        lacking = next(name for name, value in values if value is None)
        return Fact(None, f"not used: {known[0][1]:.6g} {unit} in {known[0][0]!r}, not stored in {lacking!r}")
    name, first = known[0]
    for other, value in known[1:]:
        if abs(value - first) > 0.001 * first:
            return Fact(None, f"not used: {first:.6g} {unit} in {name!r}, {value:.6g} {unit} in {other!r}")
    return Fact(first, f"{facts[0][1].source}, the same in all files")
