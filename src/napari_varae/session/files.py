"""Files of a recording that were joined: each can become a frame set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from napari_varae.core.movie.frames import FrameRange
from napari_varae.core.movie.stack import Stack

__all__ = ["JoinedFiles"]


class JoinedFiles:
    """The part of a session that knows of which files the movie is made."""

    # What the session has besides
    stack: Stack | None
    set_frame_sets: Callable[[Mapping[str, Iterable[FrameRange]], tuple[str, str] | None], None]

    if TYPE_CHECKING:

        @property
        def ranges(self) -> dict[Literal["a", "b"], tuple[FrameRange, ...]]:
            """Segments of the sides A and B."""

    @property
    def files(self) -> dict[str, FrameRange]:
        """Frames of each file by its name; empty when the movie is a single file."""
        source = None if self.stack is None else self.stack.source
        return {} if source is None else dict(source.files)

    def use_files(self) -> None:
        """Make a frame set of each file; the first two are sides A and B while these have no segments.

        Raises
        ------
        ValueError
            When the movie was not joined from several files.
        """
        if len(self.files) < 2:
            raise ValueError("This movie is a single file. Open several together to join them along time.")
        first, second = list(self.files)[:2]
        sides = None if any(self.ranges.values()) else (first, second)
        self.set_frame_sets({name: [frames] for name, frames in self.files.items()}, sides)
