"""The measurement noise of the latents in each segment, and of frame sets made of segments.

Each lag pair has the noise of the segment that it comes from, and takes it along when segments or blocks are permuted:
the noise of a frame set is the mean over its lag pairs, whatever its label is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PairNoise", "SegmentNoise"]

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SegmentNoise:
    """Noise covariances of S segments, packed: many segments share few correlations.

    Attributes
    ----------
    size : array, shape (S, K)
        SD of the noise of each latent in each segment.
    correlation : array, shape (C, K, K)
        Correlations of the noise between latents.
    kind : array of int, shape (S,)
        Which of these holds in each segment.
    """

    size: Array
    correlation: Array
    kind: Indices

    @classmethod
    def of(cls, covariances: Sequence[ArrayLike], kind: Sequence[int] | None = None) -> SegmentNoise:
        """Pack covariances (K, K), one for each segment, or those of which each segment has one of a `kind`."""
        whole = np.array([np.asarray(part, dtype=np.float64) for part in covariances])
        of = np.arange(len(whole)) if kind is None else np.asarray(kind, dtype=np.int64)
        size = np.sqrt(np.einsum("sii->si", whole).clip(min=0))
        outer = size[:, :, None] * size[:, None, :]
        correlation = np.divide(whole, outer, out=np.zeros_like(whole), where=outer > 0)
        return cls(size[of], correlation, of)

    @classmethod
    def joined(cls, parts: Sequence[SegmentNoise]) -> SegmentNoise:
        """Put the segments of several frame sets one after the other."""
        first = np.cumsum([0, *(len(part.correlation) for part in parts[:-1])])
        return cls(
            np.concatenate([part.size for part in parts]),
            np.concatenate([part.correlation for part in parts]),
            np.concatenate([part.kind + at for part, at in zip(parts, first, strict=True)]),
        )

    def taken(self, segments: ArrayLike) -> SegmentNoise:
        """Take some segments, in this order."""
        which = np.asarray(segments, dtype=np.int64)
        return SegmentNoise(self.size[which], self.correlation, self.kind[which])

    def scaled(self, latents: Indices, factor: Array) -> SegmentNoise:
        """Take some latents, times a factor for each of these."""
        return SegmentNoise(self.size[:, latents] * factor, self.correlation[:, latents][:, :, latents], self.kind)

    def mean(self, weights: ArrayLike) -> Array:
        """Covariance (K, K) of a mixture of segments with such weights (S,)."""
        share = np.asarray(weights, dtype=np.float64)
        share = share / share.sum()
        total = np.zeros(self.correlation.shape[1:])
        for kind, correlation in enumerate(self.correlation):
            mine = (self.kind == kind) & (share > 0)
            if mine.any():
                size = self.size[mine]
                total += correlation * (size.T @ (size * share[mine, None]))
        return total


@dataclass(frozen=True, eq=False)
class PairNoise:
    """The noise of n lag pairs.

    Attributes
    ----------
    segments : SegmentNoise
    of : array of int, shape (n,)
        The segment of each lag pair.
    since : array of int, shape (n,)
        How many of the rows before each are of the frames before it, without a break.
    """

    segments: SegmentNoise
    of: Indices
    since: Indices

    @classmethod
    def of_segments(cls, segments: SegmentNoise, pairs: Sequence[int]) -> PairNoise:
        """Noise of segments with so many lag pairs each."""
        since = np.concatenate([np.arange(n) for n in pairs])
        return cls(segments, np.repeat(np.arange(len(pairs)), pairs), since)

    @classmethod
    def joined(cls, parts: Sequence[PairNoise]) -> PairNoise:
        """Put the lag pairs of several samples one after the other."""
        segments = [part.segments for part in parts]
        first = np.cumsum([0, *(len(part.kind) for part in segments[:-1])])
        return cls(
            SegmentNoise.joined(segments),
            np.concatenate([part.of + at for part, at in zip(parts, first, strict=True)]),
            np.concatenate([part.since for part in parts]),
        )

    def taken(self, rows: Indices) -> PairNoise:
        """Take some lag pairs; rows that do not follow each other are a break."""
        begins = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
        run = np.arange(len(rows)) - np.repeat(begins, np.diff(begins, append=len(rows)))
        return PairNoise(self.segments, self.of[rows], np.minimum(run, self.since[rows]))

    @cached_property
    def covariance(self) -> Array:
        """Mean over the lag pairs, shape (K, K)."""
        return self.segments.mean(np.bincount(self.of, minlength=len(self.segments.kind)))
