"""Where a recording was opened from, so that it can be opened again."""

from __future__ import annotations

from dataclasses import dataclass

from napari_varae.core.movie.frames import FrameRange

__all__ = ["Source"]


@dataclass(frozen=True)
class Source:
    """The files of a recording, and what was chosen in them.

    Attributes
    ----------
    paths : tuple of str
        Absolute paths, in the order in which the files are joined.
    channel, plane, dataset : int, str or None
        The choices given to `open_stack`.
    bad_frames : frozenset of int
        Frames that the files themselves, and the tables, mark as bad.
    files : tuple of (str, (int, int))
        Name and frames of each file, where several were joined.
    tables : tuple of str
        Absolute paths of tables of frames that were added, in order.
    """

    paths: tuple[str, ...]
    channel: int | str | None = None
    plane: int | str | None = None
    dataset: int | str | None = None
    bad_frames: frozenset[int] = frozenset()
    files: tuple[tuple[str, FrameRange], ...] = ()
    tables: tuple[str, ...] = ()
