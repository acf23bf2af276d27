"""What a reader finds in a file before any frame is read, and what the caller wants of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.movie.frames import FrameRange
from napari_varae.errors import ChoiceError

__all__ = ["Fact", "Found", "Option", "Wanted"]

Option = str | int
"""A channel, plane or data set, by its number from 0 or its name."""

_PLURALS = {"channel": "channels", "plane": "planes", "dataset": "data sets"}


@dataclass(frozen=True)
class Fact:
    """A value from a file, or None, and where it comes from or why there is none, in words."""

    value: float | None = None
    source: str = "not stored in the file"

    def note(self, label: str, unit: str, given: float | None) -> str:
        """Report what is used and why; `given` is the value that the caller wants instead."""
        stored = self.source if self.value is None else f"{self.value:.6g} {unit} {self.source}"
        return f"{label}: {stored}" if given is None else f"{label}: {given:.6g} {unit} as given ({stored})"

    @classmethod
    def positive(cls, value: Any, source: str) -> Fact:
        """Make a fact of a value if it is a positive number of a size that can be meant."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            return cls()
        return cls(number, source) if math.isfinite(number) and 1e-9 < number < 1e9 else cls()


@dataclass(frozen=True)
class Found:
    """A recording in a file.

    Attributes
    ----------
    array : array-like, shape (T, Y, X)
        Lazy; slicing reads the file.
    axes : str
        Axes as the file names them, such as 'TYX'.
    frame_rate : Fact
        Frames per second (Hz) of the chosen plane.
    pixel_size : Fact
        Edge of a pixel in micrometres.
    notes : tuple of str
        What else the user should know.
    breaks : tuple of int
        Frames at which a new run begins.
    bad_frames : frozenset of int
        Frames that the file marks as bad.
    files : tuple of (str, (int, int))
        Name and frames of each file, where several were joined.
    shifts : ndarray or None, shape (T, 2)
        By how much registration moved each frame, (y, x) in pixels.
    """

    array: Any
    axes: str = "TYX"
    frame_rate: Fact = Fact()
    pixel_size: Fact = Fact()
    notes: tuple[str, ...] = ()
    breaks: tuple[int, ...] = ()
    bad_frames: frozenset[int] = frozenset()
    files: tuple[tuple[str, FrameRange], ...] = ()
    shifts: NDArray[Any] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Wanted:
    """The channel, plane and data set that the caller wants; None where the caller leaves it open."""

    channel: Option | None = None
    plane: Option | None = None
    dataset: Option | None = None
    check: Check = go_on
    """Called between pages of a file that takes long to open; what it raises ends the opening."""

    def choose(self, file: str, options: Mapping[str, Sequence[Option]]) -> dict[str, int]:
        """Return the position of the wanted entry in each list of options; a list of one needs no wish.

        Parameters
        ----------
        file : str
            Name of the file, for the message.
        options : dict of str to sequence
            Entries to choose from, for "channel", "plane" or "dataset".

        Raises
        ------
        ChoiceError
            When the caller leaves a choice open, or wants what is not there.
        """
        chosen: dict[str, int] = {}
        open_choices: dict[str, Sequence[Option]] = {}
        for name, entries in options.items():
            wish: Option | None = getattr(self, name)
            if wish is None and len(entries) == 1:
                wish = entries[0]
            if wish is None:
                open_choices[name] = entries
                continue
            position = _position(wish, entries)
            if position is None:
                raise ChoiceError(
                    f"{file!r} has no {name} {wish!r}. Choose {name} from {_listed(entries)}.", {name: entries}
                )
            chosen[name] = position
        if open_choices:
            several = " and ".join(f"{len(entries)} {_PLURALS[name]}" for name, entries in open_choices.items())
            lists = "; ".join(f"{name} from {_listed(entries)}" for name, entries in open_choices.items())
            raise ChoiceError(f"{file!r} holds {several}. Choose {lists}.", open_choices)
        return chosen


def _position(wish: Option, entries: Sequence[Option]) -> int | None:
    """Find an entry by its name or else by its number from 0."""
    if wish in entries and not isinstance(wish, bool):
        return list(entries).index(wish)
    if isinstance(wish, str):
        if str(wish) in [str(entry) for entry in entries]:
            return [str(entry) for entry in entries].index(wish)
        return None
    try:
        number = int(wish)
    except (TypeError, ValueError):
        return None
    return number if number == wish and not isinstance(wish, bool) and 0 <= number < len(entries) else None


def _listed(entries: Sequence[Option], most: int = 12) -> str:
    shown = ", ".join(repr(entry) for entry in entries[:most])
    return shown if len(entries) <= most else f"{shown} and {len(entries) - most} more"
