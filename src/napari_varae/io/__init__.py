"""Recordings from files: one function opens every format.

A format is one module here with a function ``find(path, check) -> Found`` and a line for each extension in `READERS`.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import StackError
from napari_varae.io.probe import Found

__all__ = ["READERS", "open_stack"]

READERS = {".tif": "tiff", ".tiff": "tiff", ".btf": "tiff", ".tf8": "tiff"}
"""Extension, in lower case, and the module that reads it; a module is imported when first needed."""


def open_stack(
    path: str | os.PathLike[str],
    frame_rate: float | None = None,
    pixel_size: float | None = None,
    check: Check = go_on,
) -> Stack:
    """Open a recording without reading it.

    Parameters
    ----------
    path : path-like
        The file. The extension tells the format; `READERS` lists those that can be opened.
    frame_rate : float, optional
        Frames per second (Hz); goes before what the file says. Without either it stays unknown.
    pixel_size : float, optional
        Edge of a pixel in micrometres; goes before what the file says.
    check : callable, optional
        Called between the pages of the file; what it raises ends the opening.

    Returns
    -------
    Stack
        A lazy movie (T, Y, X). Its notes say in words what was found and where each value comes from.

    Raises
    ------
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
    path = Path(path).expanduser()
    size = _check_file(path)
    found: Found = import_module(f"{__name__}.{READERS[path.suffix.lower()]}").find(path, check)
    stack = Stack(
        found.array,
        found.frame_rate.value if frame_rate is None else frame_rate,
        found.pixel_size.value if pixel_size is None else pixel_size,
        name=path.name,
    )
    t, y, x = stack.shape
    stack.notes = (
        f"{t} frames of {y} x {x} pixels, axes {found.axes}",
        f"{stack.dtype.name} pixels, {_bytes(size)} on disk, read lazily",
        found.frame_rate.note("Frame rate", "Hz", frame_rate),
        found.pixel_size.note("Pixel size", "um", pixel_size),
        *found.notes,
    )
    return stack


def _check_file(path: Path) -> int:
    """Return the size of a file that has a reader."""
    supported = ", ".join(READERS)
    try:
        size = path.stat().st_size
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise StackError(
            f"There is no readable file {str(path)!r} ({error}). Check the name and the folder."
        ) from error
    if is_folder:
        raise StackError(f"{str(path)!r} is a folder. Choose one file ({supported}).")
    if path.suffix.lower() not in READERS:
        raise StackError(
            f"{path.name!r} is not of a format that can be opened ({supported}). Save the movie as TIFF, for instance "
            "in Fiji, or give an array to Stack."
        )
    return size


def _bytes(size: int) -> str:
    """Spell a number of bytes."""
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
