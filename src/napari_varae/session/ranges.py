"""Time ranges as users write them: '0-40, 60-100' in seconds or frames, and what to know about them, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from napari_varae.core.movie.frames import FrameRange, check_ranges

__all__ = [
    "Segments",
    "fit_ranges",
    "format_duration",
    "format_ranges",
    "format_time",
    "name_ranges",
    "parse_ranges",
    "total",
]

Segments = tuple[FrameRange, ...]
"""One or more half-open ranges (start, stop) of frames, in order, apart from each other."""

_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_SEGMENT = re.compile(rf"\s*({_NUMBER})\s*(?:-|–|to|:)\s*({_NUMBER})\s*")


def parse_ranges(text: str, frame_rate: float | None, n_frames: int, *, name: str = "range") -> Segments:
    """Read ranges such as '0-40, 60-100', in seconds at `frame_rate` (Hz), or in frames when that is None.

    Raises
    ------
    ValueError
        When the text is not such a list, or a range does not fit the movie of `n_frames` frames.
    """
    text = re.sub(r"(?<=[\d.])\s*(?:s|sec|seconds)\b" if frame_rate else r"(?<=\d)\s*frames?\b", "", text)
    matches = [(part, _SEGMENT.fullmatch(part)) for part in re.split(r"[,;]", text.strip().rstrip(",;"))]
    pairs = []
    for part, match in matches:
        if match is None:
            raise ValueError(
                f"{name}: {part.strip()!r} is not a range. Write start - stop, for example 0 - 40, 60 - 100."
            )
        start, stop = (round(float(number) * (frame_rate or 1)) for number in match.groups())
        pairs.append((start, stop))
    return fit_ranges(pairs, frame_rate, n_frames, name=name)


def fit_ranges(
    pairs: Iterable[FrameRange], frame_rate: float | None, n_frames: int, *, name: str = "range"
) -> Segments:
    """Return ranges in order, when they fit the movie; what is wrong is reported in the unit that the user sees.

    Raises
    ------
    ValueError
        When there is none, one is empty or lies outside the movie of `n_frames` frames, or two overlap.
    """
    ranges = sorted(pairs)

    def spell(*parts: FrameRange) -> str:
        return name_ranges(parts, frame_rate)

    for part in ranges:
        if not 0 <= part[0] < part[1] <= n_frames:
            wrong = "is empty" if part[0] >= part[1] else f"lies outside the movie, {spell((0, n_frames))}"
            raise ValueError(f"{name}: {spell(part)} {wrong}. Choose a start before the stop, both inside the movie.")
    for before, after in pairwise(ranges):
        if after[0] < before[1]:
            raise ValueError(f"{name}: {spell(before)} and {spell(after)} overlap. Join them or move one.")
    return check_ranges(ranges, n_frames, name=name)


def format_ranges(segments: Segments, frame_rate: float | None) -> str:
    """Write ranges in seconds at `frame_rate` (Hz), or in frames when that is None, so that they can be read back."""

    def number(frame: int) -> str:
        if frame_rate is None:
            return str(frame)
        for digits in range(1, 17):  # as short as brings back the same frame
            text = f"{frame / frame_rate:.{digits}f}"
            if round(float(text) * frame_rate) == frame:
                break
        return text

    return ", ".join(f"{number(start)} - {number(stop)}" for start, stop in segments)


def name_ranges(segments: Segments, frame_rate: float | None, *, short: bool = False) -> str:
    """Write ranges with their unit; `short` leaves out the middle of a long list."""
    if short and len(segments) > 3:
        return f"{format_ranges(segments[:1], frame_rate)}, …, {name_ranges(segments[-1:], frame_rate)}"
    return f"{format_ranges(segments, frame_rate)} {'s' if frame_rate else 'frames'}"


def format_duration(frames: int, frame_rate: float | None) -> str:
    """Write a number of frames, with its duration when the frame rate (Hz) is known."""
    return f"{frames} frames" if frame_rate is None else f"{frames} frames, {frames / frame_rate:.4g} s"


def format_time(seconds: float) -> str:
    """Write a span of time, rounded."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def total(segments: Segments) -> int:
    """Count the frames of some ranges."""
    return sum(stop - start for start, stop in segments)
