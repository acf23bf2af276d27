"""`.npy` files: frames are read through a file handle."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_varae.core.movie.raw_frames import RawFrames
from napari_varae.errors import StackError
from napari_varae.io.axes import select
from napari_varae.io.pickles import read_header
from napari_varae.io.probe import Found, Wanted

__all__ = ["find", "is_npy_movie"]


def find(path: Path, wanted: Wanted) -> Found:
    """Find the movie (T, Y, X) in a `.npy` file.

    Raises
    ------
    StackError
        When it is damaged or cut off, or holds no such movie.
    """
    try:
        with path.open("rb") as file:
            shape, fortran, dtype = read_header(file)
            start = file.tell()
    except Exception as error:  # numpy meets a damaged header with whatever error comes first
        raise StackError(
            f"{path.name!r} is not a .npy file, or damaged ({type(error).__name__}: {error}). Save it again."
        ) from error
    if dtype.hasobject or dtype.kind not in "uif":
        raise StackError(f"{path.name!r} holds {dtype} and no movie; a movie is an array (T, Y, X) of real numbers.")
    if len(shape) != 3:
        raise StackError(
            f"{path.name!r} holds an array of shape {shape}; a movie has three dimensions, (T, Y, X). Save one channel "
            "and plane."
        )
    if fortran:
        raise StackError(
            f"{path.name!r} is saved in Fortran order, in which a frame is scattered over the whole file. Save it with "
            "numpy.save(path, numpy.ascontiguousarray(movie))."
        )
    frame = int(np.prod(shape[1:], dtype=object)) * dtype.itemsize
    needs, size = start + shape[0] * frame, path.stat().st_size
    if needs > size:
        raise StackError(
            f"{path.name!r} is cut off: an array of shape {shape} and type {dtype} takes {needs} bytes, and it has "
            f"{size}. Copy it again."
        )
    select("TYX", shape, wanted, path.name)
    return Found(RawFrames(path, start + frame * np.arange(shape[0], dtype=np.int64), shape[1:], dtype))


def is_npy_movie(path: Path) -> bool:
    """Find out from its header whether a `.npy` file holds three axes of numbers; True when it is damaged."""
    try:
        with path.open("rb") as file:
            shape, _, dtype = read_header(file)
    except Exception:  # noqa: BLE001 - as in `find`, which gives the reason
        return True
    return len(shape) == 3 and dtype.kind in "uif"
