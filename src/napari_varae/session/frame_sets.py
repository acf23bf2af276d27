"""The named frame sets of a recording, and which two of them are compared. Values that never change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from napari_varae.core.experiment.trials import Trials
from napari_varae.core.movie.frames import FrameRange
from napari_varae.session.ranges import Segments

__all__ = ["FrameSets", "Letter", "as_trials", "join"]

Letter = Literal["a", "b"]
"""The two sides of a comparison."""


@dataclass(frozen=True)
class FrameSets:
    """Named frame sets in order, and the names of the two that are compared.

    Attributes
    ----------
    sets : tuple of (str, segments)
        A set may be empty: it is then a name to draw segments for.
    a, b : str
        Names of sides A and B; a side whose set does not exist has no segments.
    """

    sets: tuple[tuple[str, Segments], ...] = (("A", ()), ("B", ()))
    a: str = "A"
    b: str = "B"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sets, in order."""
        return tuple(name for name, _ in self.sets)

    def __getitem__(self, name: str) -> Segments:
        return dict(self.sets).get(name, ())

    def __iter__(self) -> Iterator[tuple[str, Segments]]:
        return iter(self.sets)

    def side(self, letter: Letter) -> str:
        """Name of the set that is side A or B."""
        return self.a if letter == "a" else self.b

    def put(self, name: str, segments: Segments) -> FrameSets:
        """Replace the segments of a set, or add it at the end."""
        if name in self.names:
            return replace(self, sets=tuple((other, segments if other == name else old) for other, old in self.sets))
        return replace(self, sets=(*self.sets, (name, segments)))

    def remove(self, name: str) -> FrameSets:
        """Take a set out."""
        return replace(self, sets=tuple(pair for pair in self.sets if pair[0] != name))

    def rename(self, old: str, new: str) -> FrameSets:
        """Give a set another name; a side that it is follows."""
        sets = tuple((new if name == old else name, segments) for name, segments in self.sets)
        a, b = (new if name == old else name for name in (self.a, self.b))
        return FrameSets(sets, a, b)

    def assign(self, letter: Letter, name: str) -> FrameSets:
        """Make a set side A or B; the set of the other side becomes this one when it was the same."""
        if name == self.side("b" if letter == "a" else "a"):
            return replace(self, a=self.b, b=self.a)
        return replace(self, a=name) if letter == "a" else replace(self, b=name)


def join(segments: Iterable[FrameRange]) -> Segments:
    """Return segments in order, with those that overlap or touch joined.

    Examples
    --------
    >>> join([(20, 30), (0, 10), (8, 20)])
    ((0, 30),)
    """
    joined: list[FrameRange] = []
    for start, stop in sorted(segments):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        else:
            joined.append((start, stop))
    return tuple(joined)


def as_trials(sets: FrameSets, frame_rate: float | None) -> Trials:
    """Write frame sets as a table of trials, one row a segment, in seconds when the frame rate (Hz) is known.

    Raises
    ------
    ValueError
        When no set has a segment.
    """
    rows = sorted((start, stop, name) for name, segments in sets for start, stop in segments)
    if not rows:
        raise ValueError("No frame set has a segment yet. Drag over the traces to make one.")
    starts, stops, names = zip(*rows, strict=True)
    rate = frame_rate or 1
    times = np.array(starts) / rate, np.array(stops) / rate
    return Trials(*times, names, "s" if frame_rate else "frames", frame_rate)
