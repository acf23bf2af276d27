"""A frame set: some ranges of a recording and the runs of good frames in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from napari_varae.core.movie.frames import FrameRange, check_ranges
from napari_varae.core.movie.stack import Stack

__all__ = ["FrameSet"]


@dataclass(frozen=True)
class FrameSet:
    """Ranges of a recording, and the frames in them that count.

    Attributes
    ----------
    ranges : tuple of (int, int)
        Half-open ranges, in order.
    runs : tuple of (int, int)
        Runs of consecutive good frames in these, in order: split at bad frames and where the recording was interrupted.
    n_bad : int
        Number of bad frames in the ranges.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_varae.core.movie.stack import Stack
    >>> FrameSet.of(Stack(np.zeros((100, 8, 8)), bad_frames=[12]), [(0, 20), (30, 50)]).runs
    ((0, 12), (13, 20), (30, 50))
    """

    ranges: tuple[FrameRange, ...]
    runs: tuple[FrameRange, ...]
    n_bad: int

    @classmethod
    def of(
        cls, stack: Stack, ranges: FrameRange | Iterable[FrameRange] | None = None, *, name: str = "frames"
    ) -> FrameSet:
        """Find the runs of good frames in one range or several; in all frames when None.

        Raises
        ------
        ValueError
            When a range lies outside the movie, or two overlap.
        """
        checked = check_ranges(ranges, stack.n_frames, name=name)
        breaks = np.array(sorted(getattr(stack, "breaks", ())), dtype=np.int64)
        runs: list[FrameRange] = []
        for start, stop in checked:
            frames = start + np.flatnonzero(stack.good_frames(start, stop))
            begins = np.flatnonzero((np.diff(frames) > 1) | np.isin(frames[1:], breaks)) + 1
            runs += [(int(run[0]), int(run[-1]) + 1) for run in np.split(frames, begins) if len(run)]
        n_good = sum(stop - start for start, stop in runs)
        return cls(checked, tuple(runs), sum(stop - start for start, stop in checked) - n_good)

    def __len__(self) -> int:
        """Return the number of frames in the ranges, good or bad."""
        return sum(stop - start for start, stop in self.ranges)

    def with_pairs(self, order: int) -> tuple[FrameRange, ...]:
        """Return the runs that hold a lag pair, a frame with its `order` predecessors."""
        return tuple((start, stop) for start, stop in self.runs if stop - start > order)

    def n_pairs(self, order: int) -> int:
        """Count the lag pairs of a VAR of this order."""
        return sum(stop - start - order for start, stop in self.with_pairs(order))

    def gap(self, other: FrameSet) -> int:
        """Count the frames between the two sets where they come closest; below 0 when they overlap."""
        return min(max(b - stop, start - d) for start, stop in self.ranges for b, d in other.ranges)
