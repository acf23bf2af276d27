"""A movie that is computed when it is looked at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LazyMovie"]


class LazyMovie:
    """An array-like (T, Y, X) whose frames are computed on demand; the last few are remembered.

    Parameters
    ----------
    compute : callable
        Given (start, stop), returns those frames, shape (stop - start, Y, X).
    shape : (int, int, int)
        (T, Y, X).
    remember : int
        Number of frames kept.
    """

    ndim = 3
    dtype = np.dtype(np.float32)

    def __init__(
        self,
        compute: Callable[[int, int], NDArray[np.float32]],
        shape: tuple[int, int, int],
        remember: int = 32,
    ) -> None:
        self.shape = shape
        self._compute, self._remember = compute, remember
        self._frames: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()  # napari may slice in a thread

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        keys = key if isinstance(key, tuple) else (key,)
        for i, part in enumerate(keys):
            if part is Ellipsis:
                keys = (*keys[:i], *[slice(None)] * (self.ndim + 1 - len(keys)), *keys[i + 1 :])
                break
        first, *rest = keys or (slice(None),)
        if isinstance(first, slice):
            frames = range(*first.indices(len(self)))
            picked = np.empty((len(frames), *self.shape[1:]), dtype=self.dtype)
            for i, frame in enumerate(frames):
                picked[i] = self._frame(frame)
            return picked[(slice(None), *rest)]
        if np.ndim(first):
            return np.stack([self._frame(int(i)) for i in np.asarray(first)])[(slice(None), *rest)]
        picked = self._frame(int(first))
        return picked[tuple(rest)] if rest else picked

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("The frames are computed on demand: there is no array to share without a copy.")
        return np.asarray(self[:], dtype=dtype)

    def __deepcopy__(self, _memo: Any) -> LazyMovie:
        return self  # napari's Duplicate copies data; there is nothing to copy here

    def _frame(self, index: int) -> NDArray[np.float32]:
        """Compute or remember one frame, shape (Y, X)."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"Frame {index} is outside a movie of {len(self)} frames.")
        index %= len(self)
        with self._lock:
            if index not in self._frames:
                self._frames[index] = np.asarray(self._compute(index, index + 1)[0], dtype=self.dtype)
                if len(self._frames) > self._remember:
                    self._frames.popitem(last=False)
            self._frames.move_to_end(index)
            return self._frames[index]
