"""Whether a movie is still what it was when a training on it began."""

from __future__ import annotations

import os
from pathlib import Path

from napari_varae.core.movie.stack import Stack
from napari_varae.errors import StackError

__all__ = ["Began", "stamp"]


class Began:
    """What a movie was when something began: some of its frames, and the size and time of its files.

    A fingerprint looks at a few frames; the time at which a file was last written shows that others were replaced.

    Attributes
    ----------
    fingerprint : str
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.fingerprint = stack.fingerprint()
        self._stamp = _stamp_of(stack)

    def notes(self) -> tuple[str, ...]:
        """Report that the movie is another one now, or cannot be read any more; nothing when neither is so."""
        name = self._stack.name
        try:
            if self._stack.fingerprint() == self.fingerprint and _stamp_of(self._stack) == self._stamp:
                return ()
        except (StackError, OSError) as error:
            return (f"The movie could no longer be read when training ended: {error}",)
        text = (
            f"The movie {name!r} changed during training: the fit may mix old and new frames. Train again, or open the "
            "movie that it began with."
        )
        return (text,)


def _stamp_of(stack: Stack) -> tuple[tuple[int, int], ...]:
    return () if stack.source is None else stamp(stack.source.paths)


def stamp(paths: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Size in bytes and last change in ns of each file, and of those in a folder; OSError when one is gone."""
    found = []
    for path in map(Path, paths):
        inside = sorted(os.scandir(path), key=lambda entry: entry.name) if path.is_dir() else [path]
        found += [(info.st_size, info.st_mtime_ns) for info in (entry.stat() for entry in inside)]
    return tuple(found)
