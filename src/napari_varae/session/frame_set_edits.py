"""The frame sets of a session: each edit is one step that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from napari_varae.core.movie.frames import FrameRange, check_range, check_ranges
from napari_varae.session.frame_sets import FrameSets, Letter, join
from napari_varae.session.ranges import Segments

if TYPE_CHECKING:
    from napari_varae.core.movie.stack import Stack
    from napari_varae.session.results import Placebo

__all__ = ["FrameSetEdits"]

STEPS = 200
"""Edits that can be undone."""


class FrameSetEdits:
    """The part of a session that keeps the frame sets. A method that raises leaves everything as it was."""

    ranges_changed = Signal()

    # What the session has besides
    require_stack: Callable[[], Stack]
    set_placebo: Callable[[Placebo | None], None]

    def __init__(self) -> None:
        super().__init__()
        self.frame_sets = FrameSets()
        self.active = "A"
        """Name of the frame set to which segments are added."""
        self.marks: list[int | None] = [None, None]
        """Start and end of a segment that is to be made."""
        self._undone: list[FrameSets] = []
        self._done: list[FrameSets] = []

    @property
    def ranges(self) -> dict[Letter, Segments]:
        """Segments of the sides A and B."""
        return {"a": self.frame_sets[self.frame_sets.a], "b": self.frame_sets[self.frame_sets.b]}

    def set_range(self, letter: Letter, ranges: FrameRange | Iterable[FrameRange] | None) -> None:
        """Make side A or B the frame set of that name, with these segments: one half-open pair, several, or None.

        Raises
        ------
        ValueError
            When a range lies outside the movie.
        """
        name = letter.upper()
        segments: Segments = ()
        if ranges is not None:
            segments = check_ranges(ranges, self.require_stack().n_frames, name=f"Range {name}")
        sets = self.frame_sets.put(name, segments)
        self._edit(sets if sets.side(letter) == name else sets.assign(letter, name))

    def set_frame_sets(self, sets: Mapping[str, Iterable[FrameRange]], sides: tuple[str, str] | None = None) -> None:
        """Replace or add frame sets by name, in one step; `sides` are the names of A and B.

        Raises
        ------
        ValueError
            When one has no name or no range, or a range lies outside the movie.
        """
        edited, n_frames = self.frame_sets, self.require_stack().n_frames
        for name, ranges in sets.items():
            edited = edited.put(_checked_name(name), check_ranges(ranges, n_frames, name=name))
        if sides is not None:
            edited = FrameSets(edited.sets, *sides)
            for name in ("A", "B"):
                if name not in sides and not edited[name]:
                    edited = edited.remove(name)  # nobody drew there, and other sets are compared
        self._edit(edited)

    def add_segment(self, name: str, segment: FrameRange) -> None:
        """Add a segment to a frame set; segments that it meets become one with it."""
        segment = check_range(segment, self.require_stack().n_frames, name=name)
        self._edit(self.frame_sets.put(_checked_name(name), join([*self.frame_sets[name], segment])))

    def remove_segment(self, name: str, frame: int) -> None:
        """Remove the segment of a frame set that holds a frame."""
        kept = tuple(part for part in self.frame_sets[name] if not part[0] <= frame < part[1])
        self._edit(self.frame_sets.put(name, kept))

    def clear_frame_set(self, name: str) -> None:
        """Remove all segments of a frame set."""
        self._edit(self.frame_sets.put(name, ()))

    def new_frame_set(self) -> str:
        """Add an empty frame set, make it the active one, and return its name."""
        name = next(name for name in _letters() if name not in self.frame_sets.names)
        self.active = name
        self._edit(self.frame_sets.put(name, ()))
        return name

    def remove_frame_set(self, name: str) -> None:
        """Remove a frame set."""
        self._edit(self.frame_sets.remove(name))

    def rename_frame_set(self, old: str, new: str) -> None:
        """Give a frame set another name.

        Raises
        ------
        ValueError
            When the name is empty or taken.
        """
        new = _checked_name(new)
        if new == old:
            return
        if new in self.frame_sets.names:
            raise ValueError(f"There is a frame set {new!r} already. Choose another name.")
        self.active = new if self.active == old else self.active
        self._edit(self.frame_sets.rename(old, new))

    def choose_side(self, letter: Letter, name: str) -> None:
        """Make a frame set side A or B of the comparison; when it is the other side, the two change places.

        Raises
        ------
        ValueError
            When no set has this name.
        """
        self._require(name)
        self._edit(self.frame_sets.assign(letter, name))

    def activate(self, name: str) -> None:
        """Choose the frame set to which segments are added.

        Raises
        ------
        ValueError
            When no set has this name.
        """
        self._require(name)
        if name != self.active:
            self.active = name
            self.ranges_changed.emit()

    def set_mark(self, end: Literal[0, 1], frame: int) -> None:
        """Mark the start (0) or the end (1) of a segment that is to be made."""
        self.marks[end] = frame
        self.ranges_changed.emit()

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone edit."""
        return bool(self._undone)

    def undo(self) -> None:
        """Undo the last edit of the frame sets."""
        if self._done:
            self._undone.append(self.frame_sets)
            self._take(self._done.pop())

    def redo(self) -> None:
        """Make the edit again that was undone last."""
        if self._undone:
            self._done.append(self.frame_sets)
            self._take(self._undone.pop())

    def forget_frame_sets(self) -> None:
        """Let go of what belongs to a movie that goes."""
        self.frame_sets, self.active, self.marks = FrameSets(), "A", [None, None]
        self._done, self._undone = [], []

    def _edit(self, sets: FrameSets) -> None:
        """Make an edit that can be undone."""
        if sets != self.frame_sets:
            self._done = [*self._done[1 - STEPS :], self.frame_sets]
            self._undone = []
            self._take(sets)

    def _take(self, sets: FrameSets) -> None:
        """Take over frame sets; a placebo of other segments goes."""
        before = self.ranges
        self.frame_sets = sets
        if self.active not in sets.names:
            self.active = sets.names[0] if sets.names else sets.a
        if self.ranges != before:
            self.set_placebo(None)
        self.ranges_changed.emit()

    def _require(self, name: str) -> None:
        if name not in self.frame_sets.names:
            names = ", ".join(self.frame_sets.names) or "none yet"
            raise ValueError(f"No frame set is named {name!r}. The frame sets are: {names}.")


def _checked_name(name: str) -> str:
    """Return a name without spaces around it; ValueError when nothing is left."""
    if not name.strip():
        raise ValueError("A frame set needs a name. Type at least one letter.")
    return name.strip()


def _letters() -> Iterable[str]:
    """Yield A to Z, then 'set 27' and on."""
    yield from map(chr, range(ord("A"), ord("Z") + 1))
    number = 26
    while True:
        number += 1
        yield f"set {number}"
