"""Recordings from files and folders: one function opens every format.

A format is a module with a function ``find(path, wanted) -> Found`` and an entry in `readers`. Other
packages add formats by an entry point of the group `napari_varae.readers`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.movie.source import Source
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import StackError
from napari_varae.io.files import check_exists, size_on_disk
from napari_varae.io.probe import Found, Option, Wanted
from napari_varae.io.readers import READERS, find

__all__ = ["READERS", "open_stack"]

Path_ = str | os.PathLike[str]


def open_stack(
    path: Path_ | Sequence[Path_],
    frame_rate: float | None = None,
    pixel_size: float | None = None,
    channel: Option | None = None,
    plane: Option | None = None,
    dataset: Option | None = None,
    check: Check = go_on,
) -> Stack:
    """Open a recording without reading it.

    Parameters
    ----------
    path : path-like or sequence of path-like
        A file, a folder (suite2p, Zarr, a series of TIFF files, and others), or several files of one field of view in
        order of time, which are joined. The table in the documentation, "Open your data", lists the formats.
    frame_rate : float, optional
        Frames per second (Hz) of the chosen plane; goes before what the file states. Without either it stays unknown.
    pixel_size : float, optional
        Edge of a pixel in micrometres; goes before what the file states.
    channel, plane, dataset : int or str, optional
        Which channel, plane and data set (series, array), by the number from 0 or the name. Needed only where the file
        holds several. `plane="time"` takes the slices of a file without a time axis for time points.
    check : callable, optional
        Called between the pages of a TIFF file; what it raises ends the opening.

    Returns
    -------
    Stack
        A lazy movie (T, Y, X) with `breaks`, `bad_frames` and `shifts` where they are known. Its notes report in
        words what was found, where each value comes from, and what was chosen.

    Raises
    ------
    ChoiceError
        When the file holds several channels, planes or data sets and none was chosen; its `options` list them.
    StackError
        When there is no such file, its format is unknown, it is damaged or cut off, or it holds no (T, Y, X) movie.
    ValueError
        When the given frame rate or pixel size makes no sense.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import tifffile
    >>> import napari_varae as nv
    >>> folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    >>> path = Path(folder.name) / "movie.tif"
    >>> tifffile.imwrite(path, np.zeros((300, 64, 48), np.uint16), metadata={"axes": "TYX"})
    >>> stack = nv.open_stack(path, frame_rate=30.0)
    >>> stack.shape, stack.frame_rate, stack.pixel_size
    ((300, 64, 48), 30.0, None)
    >>> folder.cleanup()
    """
    wanted = Wanted(channel, plane, dataset, check)
    given: Sequence[Path_] = [path] if isinstance(path, str | os.PathLike) else path
    paths = [Path(p).expanduser() for p in given]
    if not paths:
        raise StackError("No file was given. Choose one or more.")
    for each in paths:
        check_exists(each)
    found = find(paths, wanted)
    name = paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more"
    stack = _stack(found, name or str(paths[0]), sum(map(size_on_disk, paths)), frame_rate, pixel_size)
    where = tuple(str(path.absolute()) for path in paths)
    return stack.replace(source=Source(where, channel, plane, dataset, stack.bad_frames, found.files))


def _stack(found: Found, name: str, nbytes: int, frame_rate: float | None, pixel_size: float | None) -> Stack:
    stack = Stack(
        found.array,
        found.frame_rate.value if frame_rate is None else frame_rate,
        found.pixel_size.value if pixel_size is None else pixel_size,
        found.bad_frames,
        name,
        (),
        found.breaks,
        found.shifts,
    )
    t, y, x = stack.shape
    return stack.replace(
        notes=(
            f"{t} frames of {y} x {x} pixels, axes {found.axes}",
            f"{stack.dtype.name} pixels, {_bytes(nbytes)} on disk, read lazily",
            found.frame_rate.note("Frame rate", "Hz", frame_rate),
            found.pixel_size.note("Pixel size", "um", pixel_size),
            *found.notes,
            *([f"{len(stack.breaks)} break(s): no lag pair or block crosses one"] if stack.breaks else []),
        )
    )


def _bytes(size: int) -> str:
    """Spell a number of bytes."""
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
