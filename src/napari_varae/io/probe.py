"""What a reader finds in a file, before any frame is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Fact", "Found"]


@dataclass(frozen=True)
class Fact:
    """A value from a file, or None, and where it comes from or why there is none, in words."""

    value: float | None = None
    source: str = "not stored in the file"

    def note(self, label: str, unit: str, given: float | None) -> str:
        """Say what is used and why; `given` is the value that the caller wants instead."""
        stored = self.source if self.value is None else f"{self.value:.6g} {unit} {self.source}"
        return f"{label}: {stored}" if given is None else f"{label}: {given:.6g} {unit} as given ({stored})"


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
        Frames per second (Hz).
    pixel_size : Fact
        Edge of a pixel in micrometres.
    notes : tuple of str
        What else the user should know.
    """

    array: Any
    axes: str
    frame_rate: Fact = Fact()
    pixel_size: Fact = Fact()
    notes: tuple[str, ...] = ()
