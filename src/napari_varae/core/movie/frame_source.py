"""Movies that are read when they are indexed: what every file format gives, and what `get_series` objects become."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameSource", "Series"]


class FrameSource(ABC):
    """An array-like (T, Y, X) of which frames are read when it is indexed; indexing follows numpy.

    Parameters
    ----------
    shape : (int, int, int)
        (T, Y, X).
    dtype : dtype
        Type of a pixel.
    """

    ndim = 3
    copies_only = False
    """True when reading costs no more than a copy in memory, so that holding frames there gains nothing."""

    def __init__(self, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
        self.shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        self.dtype = np.dtype(dtype)

    @abstractmethod
    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read frames [start, stop), 0 <= start < stop <= T; shape (stop - start, Y, X). Called from any thread."""

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = key if isinstance(key, tuple) else (key,)
        if any(part is Ellipsis for part in keys):
            at = next(i for i, part in enumerate(keys) if part is Ellipsis)
            keys = (*keys[:at], *[slice(None)] * (self.ndim + 1 - len(keys)), *keys[at + 1 :])
        if len(keys) > self.ndim:
            raise IndexError(f"{len(keys)} indices for a movie of 3 dimensions.")
        first, rest = (keys[0], keys[1:]) if keys else (slice(None), ())
        if isinstance(first, slice):
            return self._frames(range(*first.indices(len(self))))[(slice(None), *rest)]
        if np.ndim(first) == 0:
            return self._frames(self._inside([first]))[(0, *rest)]  # type: ignore[no-any-return] # or a number
        picked = np.asarray(first)
        frames = np.flatnonzero(picked) if picked.dtype == bool else picked
        return self._frames(self._inside(frames.tolist()))[(slice(None), *rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("The frames are read from a file: there is no array to share without a copy.")
        return np.asarray(self[:], dtype=dtype)

    def __deepcopy__(self, _memo: Any) -> FrameSource:
        return self  # napari's Duplicate copies data; an open file cannot be copied, and need not be

    def _inside(self, frames: list[Any]) -> list[int]:
        for frame in frames:
            if not -len(self) <= frame < len(self):
                raise IndexError(f"Frame {frame} is outside a movie of {len(self)} frames.")
        return [int(frame) % len(self) for frame in frames]

    def _frames(self, frames: range | list[int]) -> NDArray[Any]:
        """Read frames in any order; those that follow each other in one go."""
        if isinstance(frames, range) and frames.step == 1 and len(frames):
            return self.read(frames.start, frames.stop)
        picked = np.empty((len(frames), *self.shape[1:]), self.dtype)
        for i, frame in enumerate(frames):
            picked[i] = self.read(frame, frame + 1)[0]
        return picked


class Series(FrameSource):
    """The movie of an object with `get_series(start, stop)`, as the imaging extractors of roiextractors are.

    Its size is asked of `get_num_samples`, `get_image_shape` and `get_dtype` where it has them, else of its first frame
    and of `shape` or `len`.
    """

    def __init__(self, source: Any) -> None:
        self.source = source
        if hasattr(source, "get_num_samples"):
            n_frames = source.get_num_samples()
        else:
            n_frames = source.shape[0] if hasattr(source, "shape") else len(source)
        first = None
        if not (hasattr(source, "get_image_shape") and hasattr(source, "get_dtype")):
            first = np.asarray(source.get_series(0, 1))
        size = first.shape[1:] if first is not None else source.get_image_shape()
        super().__init__((n_frames, *size), first.dtype if first is not None else np.dtype(source.get_dtype()))

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read frames [start, stop), shape (stop - start, Y, X)."""
        return np.asarray(self.source.get_series(start, stop))
