"""Whether a movie is still what it was when a training on it began."""

from __future__ import annotations

from pathlib import Path

from napari_varae.core.movie.stack import Stack
from napari_varae.errors import StackError

__all__ = ["Began", "stamp"]

LARGEST = 50
"""How many times larger than another file of its folder the largest one may be, if both hold pixels."""


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
    """Size in bytes and last change in ns of each path; OSError when one is gone.

    Of a folder, the files with pixels count: those that are not much smaller than its largest one. Other programs write
    tables beside them.
    """
    return tuple(_stamp_of_path(Path(path)) for path in paths)


def _stamp_of_path(path: Path) -> tuple[int, int]:
    inside = [entry for entry in path.rglob("*") if entry.is_file()] if path.is_dir() else [path]
    infos = [entry.stat() for entry in inside]
    least = max((info.st_size for info in infos), default=0) / LARGEST
    pixels = [info for info in infos if info.st_size >= least]
    return sum(info.st_size for info in pixels), max((info.st_mtime_ns for info in pixels), default=0)
