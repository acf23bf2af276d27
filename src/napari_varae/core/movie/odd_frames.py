"""Frames that differ from all others: flashes, a closed shutter, dropped frames, large shifts. Found in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.movie.frames import FrameRange

__all__ = [
    "ODD", "Kind", "OddFrames", "Watch", "block_means", "count_frames", "left_out", "odd_notes", "some_of", "spread_of",
]  # fmt: skip

BLOCKS = 8
"""Rows and columns of blocks by which an odd frame is noticed."""
ROWS = 128
"""Rows, and columns, that are looked at for that, about."""
ODD = 15.0
"""Distances from the median in SD, median over blocks, from which a frame is odd."""
FLAT = 0.1
"""Share of the usual contrast between blocks below which a frame is odd: no light came in."""
SHIFT = 3.0
"""Pixels from which a shift is large."""
LIKENESS, GAIN = 0.5, 0.2
"""Correlation of shifted profiles with those of the static image from which a frame is looked at more closely, and by
how much it beats no shift."""
TIMES = 1.2
"""How many times more a shifted image must correlate with the static image than the same one without a shift."""
NEIGHBOURS = 51
"""Frames whose median shift is the place from which a shift is counted: slow drift is not odd."""

FEWEST = 20
"""Frames from which it can be known what is usual."""

Images = NDArray[np.float32]
Kind = Literal["bright", "dark", "displaced"]


@dataclass(frozen=True, eq=False)
class OddFrames:
    """Frames that differ from all others, of a movie that was looked at once.

    Attributes
    ----------
    means : array, shape (T,)
        Mean of each frame, in the movie's units.
    kinds : dict of int to str
        The odd frames in order, and how they differ: "bright", "dark" or "displaced".
    """

    means: NDArray[np.float32]
    kinds: dict[int, Kind] = field(default_factory=dict)

    def usual(self, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mask of the frames that are `good` (T,) and not odd."""
        usual = good.copy()
        usual[list(self.kinds)] = False
        return usual

    def unmarked(self, bad_frames: Iterable[int]) -> dict[int, Kind]:
        """Return those that are not marked as bad."""
        bad = frozenset(bad_frames)
        return {frame: kind for frame, kind in self.kinds.items() if frame not in bad}


class Watch:
    """Looks at the frames of a movie, some at a time, and finds the odd ones once it has seen all.

    Parameters
    ----------
    static : array, shape (Y, X), optional
        The static image, from which shifts are counted; without it they are not looked for.
    registered : array, shape (T, 2), optional
        By how much registration moved each frame, (y, x) in pixels: a large shift is odd, in place or not.
    """

    def __init__(self, static: Images | None = None, registered: NDArray[np.float64] | None = None) -> None:
        self._registered = registered
        self._static = None if static is None else [_spectrum(profile) for profile in _profiles(static[None])]
        self._image = np.zeros(0) if static is None else _transform(static).conj()
        self._blocks: list[NDArray[np.float64]] = []
        self._shifts: list[NDArray[np.float64]] = []

    def add(self, frames: Images, means: NDArray[np.float64] | None = None) -> None:
        """Look at the next frames (B, Y, X), whose block means may be known."""
        self._blocks.append(block_means(frames) if means is None else means)
        if self._static is not None:
            pairs = zip(_profiles(frames), self._static, strict=True)
            shifts = np.stack([_shifts(profiles, static) for profiles, static in pairs], 1)
            for i in np.flatnonzero((np.abs(shifts) >= SHIFT).any(1)):  # activity moves profiles, too
                shifts[i] = self._closely(frames[i])
            self._shifts.append(shifts)

    def find(self, good: NDArray[np.bool_] | None = None) -> OddFrames:
        """Find the odd frames among those that are `good` (T,), or all."""
        blocks = np.concatenate(self._blocks)
        good = np.ones(len(blocks), dtype=bool) if good is None else good
        means = blocks.mean(1)
        kinds: dict[int, Kind] = {}
        if good.sum() >= FEWEST:
            centre, spread = spread_of(blocks[good])
            contrast = blocks.std(1)
            flat = contrast < FLAT * np.median(contrast[good])
            odd = flat | (np.median(np.abs(blocks - centre) / spread, axis=1) > ODD)
            middle = np.median(means[good])
            kinds = {int(t): "bright" if means[t] > middle else "dark" for t in np.flatnonzero(odd & good)}
            for t in self._displaced(good & ~odd):
                kinds[t] = "displaced"
        return OddFrames(means.astype(np.float32), dict(sorted(kinds.items())))

    def _closely(self, frame: Images) -> tuple[float, float]:
        """By how much a frame is shifted from the static image; (0, 0) where that is not clear."""
        likeness = np.fft.irfft2(_transform(frame) * self._image, s=frame.shape)
        best = np.unravel_index(int(likeness.argmax()), frame.shape)
        if likeness[best] < TIMES * likeness[0, 0]:
            return 0.0, 0.0
        y, x = (float(i - n if i > n // 2 else i) for i, n in zip(best, frame.shape, strict=True))
        return y, x

    def _displaced(self, usual: NDArray[np.bool_]) -> list[int]:
        """Frames with a large shift, in the image or by registration."""
        seen = [np.concatenate(self._shifts)] if self._shifts else []
        if self._registered is not None:
            seen.append(self._registered)
        return sorted({frame for shifts in seen for frame in _far_from_neighbours(shifts, usual)})


def _far_from_neighbours(shifts: NDArray[np.float64], usual: NDArray[np.bool_]) -> list[int]:
    """Find the `usual` frames (T,) whose shift (T, 2) is large, from where their neighbours are."""
    frames = np.flatnonzero(usual)
    if not len(frames):
        return []
    shifts = shifts[frames]
    half = min(NEIGHBOURS, len(shifts)) // 2
    padded = np.pad(shifts, ((half, half), (0, 0)), mode="reflect") if half else shifts
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)
    from_there = np.abs(shifts - np.median(windows, axis=-1)).max(1)
    large = from_there >= max(SHIFT, 2 * float(np.percentile(from_there, 90)))  # in a movie that moves, more is odd
    found: list[int] = frames[large].tolist()
    return found


def block_means(frames: Images) -> NDArray[np.float64]:
    """Mean of each of some blocks of frames (B, Y, X), shape (B, BLOCKS^2); large images by every few rows."""
    rows, columns = (np.linspace(0, size, BLOCKS + 1).astype(int) for size in frames.shape[1:])
    step = max(1, frames.shape[1] // ROWS)
    strips = [frames[:, a:b:step].sum(1) / len(range(a, b, step)) for a, b in pairwise(rows)]
    means = [strip[:, a:b].mean(1, dtype=np.float64) for strip in strips for a, b in pairwise(columns)]
    return np.stack(means, 1)


def spread_of(blocks: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and SD, by the median of distances, of block means (T, n) over time; shapes (n,)."""
    centre = np.median(blocks, axis=0)
    spread = 1.4826 * np.median(np.abs(blocks - centre), axis=0)
    return centre, np.maximum(spread, 1e-3 * max(float(np.median(spread)), 1e-30))


def some_of(frames: Sequence[int], most: int = 8) -> str:
    """List the first few frames: '77, 80, …'."""
    return ", ".join(map(str, frames[:most])) + (", …" if len(frames) > most else "")


def count_frames(frames: Sequence[int]) -> str:
    """Begin a sentence about frames: '1 frame is', '3 frames are'."""
    return "1 frame is" if len(frames) == 1 else f"{len(frames)} frames are"


def left_out(odd: Sequence[int], of: str = "training") -> str:
    """Report that frames were left out because they are unlike all others."""
    return (
        f"{count_frames(odd)} unlike all others in most of the image ({some_of(odd)}), and left out of {of}. Look at "
        "them, and mark them as bad if they are."
    )


def odd_notes(odd: OddFrames | None, bad_frames: Iterable[int], ranges: Iterable[FrameRange]) -> list[str]:
    """Report odd frames within some ranges that are not marked as bad; nothing when there are none."""
    frames = [] if odd is None else list(odd.unmarked(bad_frames))
    inside = [frame for frame in frames if any(start <= frame < stop for start, stop in ranges)]
    if not inside:
        return []
    look = "Look at them in the Movie dock, and mark them as bad if they are."
    return [f"{count_frames(inside)} odd: {some_of(inside)}. {look}"]


def _profiles(frames: Images) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over some columns of each row (B, Y), and over some rows of each column (B, X)."""
    height, width = frames.shape[1:]
    first = max(0, (width - ROWS) // 2)
    by_row = frames[:, :, first : first + ROWS].mean(2, dtype=np.float32)
    by_column = frames[:, :: max(1, height // ROWS)].mean(1, dtype=np.float32)
    return by_row.astype(np.float64), by_column.astype(np.float64)


def _spectrum(profiles: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Fourier transform of profiles (B, n) without what changes slowly along them, scaled to unit power."""
    spectrum = np.fft.rfft((profiles - profiles.mean(1, keepdims=True)) * np.hanning(profiles.shape[1]))
    spectrum[:, :2] = 0
    power = np.sqrt((np.abs(spectrum) ** 2).sum(1, keepdims=True))
    scaled: NDArray[np.complex128] = spectrum / np.maximum(power, 1e-30)
    return scaled


def _transform(image: Images) -> NDArray[np.complex128]:
    """Fourier transform of an image (Y, X) without what changes slowly over it."""
    window = np.hanning(image.shape[0])[:, None] * np.hanning(image.shape[1])
    transform: NDArray[np.complex128] = np.fft.rfft2((image - image.mean(dtype=np.float64)) * window)
    transform[:2, :2] = transform[-1:, :2] = 0
    return transform


def _shifts(profiles: NDArray[np.float64], static: NDArray[np.complex128]) -> NDArray[np.float64]:
    """By how much profiles (B, n) are shifted from the static one, shape (B,); 0 where that is not clear."""
    size = profiles.shape[1]
    likeness = np.fft.irfft(_spectrum(profiles) * static.conj(), size, axis=1) * size / 2  # correlation of unit powers
    likeness[:, size // 4 : size - size // 4 + 1] = -1  # no further than a quarter
    best = likeness.argmax(1)
    top = likeness[np.arange(len(best)), best]
    shift = np.where(best > size // 2, best - size, best)
    return np.where((top >= LIKENESS) & (top - likeness[:, 0] >= GAIN), shift, 0).astype(np.float64)
