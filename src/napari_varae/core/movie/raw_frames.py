"""Frames that lie uncompressed in a file, read through a file handle.

A memory map would do the same, but a file that is cut off or vanishes while it is mapped kills the process (SIGBUS).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.movie.frame_source import FrameSource

__all__ = ["RawFrames", "unmapped"]


class RawFrames(FrameSource):
    """A movie of uncompressed frames in one file, which is open only while frames are read.

    Parameters
    ----------
    path : Path
        The file.
    offsets : array-like of int, shape (T,)
        Where each frame begins, in bytes.
    size : sequence of int
        (Y, X).
    dtype : dtype
        Type of a pixel, with its byte order.
    """

    copies_only = True

    def __init__(self, path: Path, offsets: ArrayLike, size: Sequence[int], dtype: np.dtype[Any]) -> None:
        self.offsets: NDArray[np.int64] = np.asarray(offsets, dtype=np.int64)
        super().__init__((len(self.offsets), *size), dtype)
        self.path = path.absolute()  # the working folder may change

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read frames [start, stop), shape (stop - start, Y, X).

        Raises
        ------
        OSError
            When the file is gone or shorter than it was.
        """
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype)
        offsets, nbytes = self.offsets[start:stop], frames[0].nbytes
        buffer = memoryview(frames.reshape(-1).view(np.uint8).data)
        joints = np.flatnonzero(np.diff(offsets) != nbytes) + 1  # frames that lie in one piece are read in one go
        with self.path.open("rb", buffering=0) as file:
            for first, last in zip([0, *joints], [*joints, len(offsets)], strict=True):
                file.seek(int(offsets[first]))
                _fill(file, buffer[first * nbytes : last * nbytes], start + int(first), nbytes)
        return frames


def unmapped(array: Any) -> Any:
    """Give the same movie read through a file handle, when it is a memory map (T, Y, X); anything else as it is.

    A copy-on-write map stays one, as what was written to it lies in memory only; so does a map of which the frames do
    not lie in one piece.
    """
    if not isinstance(array, np.memmap) or array.ndim != 3 or array.mode == "c" or not array.shape[0]:
        return array
    root: Any = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    pieces = array.shape[0] == 1 or array.strides[0] > 0
    if not isinstance(root, np.memmap) or root.filename is None or not (array[0].flags.c_contiguous and pieces):
        return array
    if array.mode != "r":
        array.flush()
    start = root.offset + array.ctypes.data - root.ctypes.data
    offsets = start + array.strides[0] * np.arange(array.shape[0], dtype=np.int64)
    return RawFrames(Path(root.filename), offsets, array.shape[1:], array.dtype)


def _fill(file: Any, buffer: memoryview, frame: int, nbytes: int) -> None:
    """Fill a buffer from a file, which may give fewer bytes at once than were asked for."""
    done = 0
    while done < len(buffer):
        count = file.readinto(buffer[done:])
        if not count:
            raise OSError(f"the file ends inside frame {frame + done // nbytes}: it was cut off since it was opened")
        done += count
