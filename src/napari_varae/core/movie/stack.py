"""A recording as the rest of the package sees it: lazy (T, Y, X), with its rate, pixel size, breaks and bad frames."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.movie.ahead import read_ahead
from napari_varae.core.movie.checks import check_array, check_breaks, check_shifts, positive
from napari_varae.core.movie.frame_source import FrameSource, Series
from napari_varae.core.movie.frames import FrameRange, check_range, whole_numbers
from napari_varae.core.movie.raw_frames import unmapped
from napari_varae.core.movie.source import Source
from napari_varae.errors import StackError

__all__ = ["Stack"]
PIECE = 1 << 20
"""Bytes that are read between two looks at whether they are still wanted."""
BLOCK_BYTES = 1 << 26
"""Size of a block of frames, as float32."""
MOST_FRAMES = 256
"""Frames of a block, at most: work on small images is looked at, and stopped, as often."""
LARGEST = 1e15
"""Pixels beyond it would overflow float32 when squared and summed."""


class _Held:
    """An array of which the frames from `start` on lie in memory."""

    def __init__(self, array: Any, start: int, pixels: NDArray[Any]) -> None:
        self.array, self.start, self.pixels = array, start, pixels
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, frames: slice) -> Any:
        first, last = frames.start - self.start, frames.stop - self.start
        return self.pixels[first:last] if first >= 0 and last <= len(self.pixels) else self.array[frames]


class Stack:
    """A two-photon recording, read a few frames at a time.

    Parameters
    ----------
    array : array-like, shape (T, Y, X)
        numpy, memmap, zarr, dask or xarray; anything with `shape`, `dtype` and slicing, or with
        `get_series(start, stop)`, as the imaging extractors of roiextractors. Not copied, not read here. The file of a
        memmap is read through a handle, as a map of a file that is cut off meanwhile ends the process.
    frame_rate : float, optional
        Frames per second (Hz). None when unknown: then time is in frames, never guessed.
    pixel_size : float, optional
        Edge of a pixel in micrometres. None when unknown.
    bad_frames : iterable of int, optional
        Frames (motion, shutter) that enter no loss, no lag pair and no test.
    name : str
        A short name for the screen.
    notes : iterable of str
        What was found when the file was opened, in words.
    breaks : iterable of int
        Frames at which a new run begins (a new file, a new acquisition, the end of a gap), each between 1 and T - 1.
        Frames on the two sides of a break do not follow each other in time.
    shifts : array-like, shape (T, 2), optional
        By how much registration moved each frame, (y, x) in pixels. None when unknown.
    source : Source, optional
        The files it was opened from. None for an array.

    Raises
    ------
    StackError
        When the array is not (T, Y, X) of real numbers with at least two frames.
    ValueError
        When the frame rate, pixel size, bad frames, breaks or shifts make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> stack = nv.Stack(np.zeros((300, 64, 48), np.uint16), frame_rate=30.0, bad_frames=[10, 11])
    >>> stack.shape, stack.n_frames / stack.frame_rate
    ((300, 64, 48), 10.0)
    >>> stack.read(0, 5).shape
    (5, 64, 48)
    """

    def __init__(
        self,
        array: Any,
        frame_rate: float | None = None,
        pixel_size: float | None = None,
        bad_frames: Iterable[int] = (),
        name: str = "movie",
        notes: Iterable[str] = (),
        breaks: Iterable[int] = (),
        shifts: ArrayLike | None = None,
        source: Source | None = None,
    ) -> None:
        if hasattr(array, "get_series"):
            array = _series(array)
        if not (hasattr(array, "shape") and hasattr(array, "dtype") and hasattr(array, "__getitem__")):
            try:
                array = np.asarray(array)
            except ValueError as error:
                raise StackError(f"This is not an array (T, Y, X): {error}. Give frames of one size.") from error
        check_array(array)
        self.array = unmapped(array)
        self.frame_rate = positive(frame_rate, "frame_rate", "Hz")
        self.pixel_size = positive(pixel_size, "pixel_size", "um")
        self.name = name
        self.notes = tuple(notes)
        self.source = source
        self._check = go_on
        try:
            self.bad_frames = frozenset(whole_numbers(bad_frames))
        except (TypeError, ValueError):
            raise ValueError(f"bad_frames={bad_frames!r} must be whole frame numbers (not a mask).") from None
        if outside := sorted(f for f in self.bad_frames if not 0 <= f < self.n_frames):
            raise ValueError(f"bad_frames {outside[:5]} lie outside the movie of {self.n_frames} frames.")
        self.breaks = check_breaks(breaks, self.n_frames)
        self.shifts = None if shifts is None else check_shifts(shifts, self.n_frames)

    def replace(self, **changes: Any) -> Stack:
        """Return the same movie with other values of some parameters of :class:`Stack`; all else is kept.

        Raises
        ------
        StackError, ValueError
            As for :class:`Stack`.

        Examples
        --------
        >>> import numpy as np
        >>> import napari_varae as nv
        >>> stack = nv.Stack(np.zeros((100, 16, 16)), frame_rate=30.0)
        >>> stack.replace(bad_frames=[3, 4]).frame_rate
        30.0
        """
        names = ("array", "frame_rate", "pixel_size", "bad_frames", "name", "notes", "breaks", "shifts", "source")
        same = Stack(**{name: getattr(self, name) for name in names} | changes)
        same._check = self._check
        return same

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X)."""
        t, y, x = self.array.shape
        return int(t), int(y), int(x)

    @property
    def n_frames(self) -> int:
        """Number of frames T."""
        return self.shape[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel as stored."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    def __repr__(self) -> str:
        t, y, x = self.shape
        rate = "frame rate unknown" if self.frame_rate is None else f"{self.frame_rate:g} Hz"
        return f"Stack({self.name!r}, {t} frames of {y} x {x}, {self.dtype.name}, {rate})"

    def read(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Read frames [start, stop) as float32, shape (stop - start, Y, X), always a copy.

        Raises
        ------
        ValueError
            When the range lies outside the movie.
        StackError
            When a pixel is NaN, infinite or too large to compute with, or the file cannot be read there.
        """
        start, stop = check_range((start, self.n_frames if stop is None else stop), self.n_frames)
        frames = np.empty((stop - start, *self.shape[1:]), np.float32)  # the caller may change it, the movie stays
        with np.errstate(over="ignore", invalid="ignore"):  # what does not fit float32 is reported just below
            for first, raw in self._pieces(start, stop):
                frames[first - start : first - start + len(raw)] = raw
        if self.dtype.kind == "f" or self.dtype.itemsize > 4:
            usable = (np.abs(frames) <= LARGEST).all(axis=(1, 2))
            if not usable.all():
                raise StackError(
                    f"{self.name!r} has pixels that are NaN, infinite or beyond {LARGEST:g} in {(~usable).sum()} of "
                    f"the frames {start} to {stop}, first in frame {start + int(usable.argmin())}. Replace them "
                    "(interpolate, crop or rescale) before the analysis."
                )
        return frames

    def checked(self, check: Check) -> Stack:
        """Return the same movie, of which every read asks `check` between pieces: what that raises ends the read."""
        same = copy.copy(self)
        same._check = check  # noqa: SLF001 - a copy of itself
        return same

    def still_wanted(self) -> None:
        """Ask the check of :meth:`checked`, if there is one: for work that takes long between two reads."""
        self._check()

    def _raw(self, start: int, stop: int) -> NDArray[Any]:
        """Read frames [start, stop) as stored."""
        if self._check is go_on:
            return self._piece(start, stop)
        raw = np.empty((stop - start, *self.shape[1:]), self.dtype)
        for first, piece in self._pieces(start, stop):
            raw[first - start : first - start + len(piece)] = piece
        return raw

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Read frames [start, stop) as stored, in pieces where somebody asks between them, or where that is faster.

        A piece that stays in the processor's cache is converted faster. Files that have to be decoded may hold several
        frames in one unit, which would be decoded again for each piece.
        """
        frames = stop - start
        if self._check is not go_on or self._is_plain:
            frames = max(1, PIECE // max(1, math.prod(self.shape[1:]) * self.dtype.itemsize))
        for first in range(start, stop, frames):
            self._check()
            yield first, self._piece(first, min(first + frames, stop))

    @property
    def _is_plain(self) -> bool:
        """Whether frames lie in memory or in a file as they are."""
        return isinstance(self.array, np.ndarray) or (isinstance(self.array, FrameSource) and self.array.copies_only)

    def _piece(self, start: int, stop: int) -> NDArray[Any]:
        """Read frames [start, stop) as stored, in one go."""
        try:
            raw = np.asarray(self.array[start:stop])
        except Exception as error:  # every array library and file format has its own
            raise StackError(
                f"Frames {start} to {stop} of {self.name!r} could not be read ({error}). Check the file."
            ) from error
        if raw.shape != (stop - start, *self.shape[1:]):
            raise StackError(f"Frames {start} to {stop} of {self.name!r} came as shape {raw.shape}. Check the file.")
        return raw

    def in_memory(self, most: int, frames: FrameRange | None = None, check: Check = go_on) -> Stack:
        """Return the same movie with frames in memory, or itself when they take more than `most` bytes.

        Decoding a compressed file at every pass costs more than the arithmetic on it; an array, a memory map and a file
        of plain frames are left as they are. `check` is asked between pieces.

        Raises
        ------
        ValueError
            When the range lies outside the movie.
        StackError
            When the file cannot be read.
        """
        start, stop = check_range(frames, self.n_frames)
        shape = stop - start, *self.shape[1:]
        if self._is_plain or math.prod(shape) * self.dtype.itemsize > most:
            return self
        pixels = np.empty(shape, self.dtype)
        for first in range(start, stop, 64):
            check()
            last = min(first + 64, stop)
            pixels[first - start : last - start] = self._raw(first, last)
        held = _Held(self.array, start, pixels)
        return self.replace(array=held)

    @property
    def block_length(self) -> int:
        """Frames that are read at a time, so that they take at most 64 MB as float32; at least one."""
        return max(1, BLOCK_BYTES // (4 * self.shape[1] * self.shape[2]))

    def blocks(
        self, start: int = 0, stop: int | None = None, size: int | None = None
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield (first frame, frames) in blocks of at most `size` frames, each as :meth:`read` gives it.

        The next block is read while the one before is in use.
        When not given, `size` follows from the image: :attr:`block_length`, and at most 256.
        """
        start, stop = check_range((start, self.n_frames if stop is None else stop), self.n_frames)
        size = min(MOST_FRAMES, self.block_length) if size is None else size
        return read_ahead(self.read, ((first, min(first + size, stop)) for first in range(start, stop, size)))

    def good_frames(self, start: int = 0, stop: int | None = None) -> NDArray[np.bool_]:
        """Mask of the frames not marked bad, shape (stop - start,)."""
        start, stop = check_range((start, self.n_frames if stop is None else stop), self.n_frames)
        mask = np.ones(self.n_frames, dtype=bool)
        mask[sorted(self.bad_frames)] = False
        return mask[start:stop]

    def runs(self, start: int = 0, stop: int | None = None) -> NDArray[np.int64]:
        """Return the number of the run between breaks of each frame, from 1 on, negative where the frame is bad.

        What makes lag pairs takes this in place of :meth:`good_frames`: frames on the two sides of a break do not
        follow each other. Shape (stop - start,).
        """
        good = self.good_frames(start, stop)
        numbers = np.searchsorted(self.breaks, np.arange(start, start + len(good)), side="right") + 1
        return np.where(good, numbers, -numbers).astype(np.int64)

    def times(self) -> NDArray[np.float64]:
        """Time of each frame, shape (T,), in seconds, or in frames when the frame rate is unknown."""
        return np.arange(self.n_frames) / (self.frame_rate or 1.0)

    def fingerprint(self) -> str:
        """Short hash of the shape, the type and some frames: recognises the same movie, proves nothing."""
        digest = hashlib.sha256(f"{self.shape}{self.dtype.name}".encode())
        for frame in sorted({0, self.n_frames // 2, self.n_frames - 1}):
            raw = self._raw(frame, frame + 1)
            digest.update(raw.astype(raw.dtype.newbyteorder("<"), copy=False).tobytes())
        return digest.hexdigest()[:16]


def _series(source: Any) -> Series:
    try:
        return Series(source)
    except Exception as error:  # every library has its own
        raise StackError(
            f"The size of a {type(source).__name__} could not be read ({type(error).__name__}: {error}). It needs "
            "get_series(start, stop) with frames (n, Y, X), and get_num_samples(), shape or a length."
        ) from error
