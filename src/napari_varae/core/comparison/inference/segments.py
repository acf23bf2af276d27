"""The latents of a frame set: segments of consecutive frames, and where each starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.lag_pairs import Array
from napari_varae.core.comparison.inference.segment_noise import SegmentNoise
from napari_varae.core.compute.compiled import compiled

__all__ = ["Segments"]


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments (T_s, K) of latents, the first frame of each, and the range of the frame set that each belongs to.

    A range with bad frames has several segments. When no ranges are given, each segment is one. `placed` is whether
    the first frames are known. `covariates` (T_s, q) of each segment are regressed out, if there are any. `noise` is
    the measurement noise of each segment that is accounted for, if any.
    """

    latents: tuple[Array, ...]
    starts: tuple[int, ...]
    ranges: tuple[int, ...] = ()
    placed: bool = True
    covariates: tuple[Array, ...] = ()
    noise: SegmentNoise | None = None

    def __post_init__(self) -> None:
        """Take each segment for a range of its own unless ranges are given."""
        if not self.ranges:
            object.__setattr__(self, "ranges", tuple(range(len(self.latents))))

    @classmethod
    def apart(cls, latents: Sequence[Array], covariates: Sequence[Array] = ()) -> Segments:
        """Take segments of unknown place, so far apart that none has to do with another."""
        longest = max(map(len, latents))
        starts = np.cumsum([0, *(len(z) + longest for z in latents[:-1])])
        return cls(tuple(latents), tuple(starts.tolist()), placed=False, covariates=tuple(covariates))

    def __len__(self) -> int:
        """Return the number of frames."""
        return sum(map(len, self.latents))

    @property
    def joined(self) -> Array:
        """All frames in order, shape (T, K)."""
        return np.concatenate(self.latents)

    def n_pairs(self, order: int) -> int:
        """Count the lag pairs of a VAR of this order."""
        return sum(max(len(z) - order, 0) for z in self.latents)

    def with_pairs(self, order: int) -> Segments:
        """Leave out segments that hold no lag pair."""
        kept = [i for i, z in enumerate(self.latents) if len(z) > order]
        return self._cut([(i, 0, len(self.latents[i])) for i in kept])

    def replaced(self, latents: Iterable[Array]) -> Segments:
        """Put other latents in their place."""
        return replace(self, latents=tuple(latents))

    def halves(self) -> tuple[Segments, Segments]:
        """Cut in the middle."""
        before, after, left = [], [], len(self) // 2
        for i, z in enumerate(self.latents):
            middle = min(left, len(z))
            left -= middle
            before.append((i, 0, middle))
            after.append((i, middle, len(z)))
        return self._cut(before), self._cut(after)

    @property
    def first_frames(self) -> tuple[int, ...]:
        """First frame of each range that holds a segment."""
        first: dict[int, int] = {}
        for start, of in zip(self.starts, self.ranges, strict=True):
            first.setdefault(of, start)
        return tuple(first.values())

    def range_of_pairs(self, order: int) -> NDArray[np.int64]:
        """Which of the ranges that hold a segment each lag pair belongs to, counted from 0."""
        pairs = [max(len(z) - order, 0) for z in self.latents]
        numbers = np.unique(self.ranges, return_inverse=True)[1]
        return np.repeat(numbers, pairs)

    def with_noise(self, noise: SegmentNoise | None) -> Segments:
        """Return these segments with such measurement noise in each of them."""
        return replace(self, noise=noise)

    def _cut(self, parts: Sequence[tuple[int, int, int]]) -> Segments:
        """Keep parts of segments: the number of one, and the frames of it from which to which; none that is empty."""
        kept = [(i, slice(start, stop)) for i, start, stop in parts if stop > start]
        return replace(
            self,
            latents=tuple(self.latents[i][frames] for i, frames in kept),
            starts=tuple(self.starts[i] + frames.start for i, frames in kept),
            ranges=tuple(self.ranges[i] for i, _ in kept),
            covariates=tuple(self.covariates[i][frames] for i, frames in kept) if self.covariates else (),
            noise=None if self.noise is None else self.noise.taken([i for i, _ in kept]),
        )

    def least_deviation(self, order: int) -> Array:
        """Least SD (K,) of the latents as predictors, at each lag, and as targets."""
        shifted = (np.concatenate([z[k : len(z) - order + k] for z in self.latents]) for k in range(order + 1))
        least: Array = np.stack([z.std(0) for z in shifted]).min(0)
        return least

    @cached_property
    def effective_frames(self) -> float:
        """Effective number of frames: independent frames that give a correlation as precisely; median over latents.

        The correlation of two series with autocorrelations r has a variance of (1 + 2 sum of r squared) / n (Bartlett
        1935), summed here up to the first lag at which r is within chance, from the pairs of frames that are there.
        """
        z = self.joined
        z = np.ldexp(z, -np.frexp(np.abs(z).max(0))[1])  # no square overflows or vanishes
        centred = z - z.mean(0)
        deviation = centred.std(0)
        centred = np.divide(centred, deviation, out=np.zeros_like(z), where=deviation > 0)
        frames = np.concatenate([np.arange(s, s + len(z)) for z, s in zip(self.latents, self.starts, strict=True)])
        return float(np.median(len(z) / variance_factor(centred, frames)))


@compiled
def variance_factor(z: Array, frames: NDArray[np.int64]) -> Array:
    """Factor (K,) by which autocorrelation raises the variance of a correlation, for z (T, K) of mean 0 and SD 1.

    `frames` (T,) are the numbers of the frames, increasing.
    """
    n, k = z.shape
    factor, rising = np.ones(k), np.ones(k, dtype=np.bool_)
    for lag in range(1, frames[-1] - frames[0] + 1):
        total, pairs, before = np.zeros(k), 0, 0
        for after in range(n):
            while frames[before] < frames[after] - lag:
                before += 1
            if frames[before] == frames[after] - lag:
                pairs += 1
                for j in range(k):
                    total[j] += z[after, j] * z[before, j]
        if pairs == 0:
            break
        for j in range(k):
            r = total[j] / pairs
            rising[j] &= r > 2 / np.sqrt(pairs)
            if rising[j]:
                factor[j] += 2 * pairs / n * r**2
        if not rising.any():
            break
    return factor
