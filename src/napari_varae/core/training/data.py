"""A movie as training sees it: static image and scale, scaled dynamic frames, held-out runs, bad frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.movie.frames import FrameRange, check_range
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.errors import StackError

__all__ = ["Recording", "held_out_runs"]

_HELD_OUT_RUNS = 5
_MEDIAN_FRAMES = 501
_BLOCK = 256
HELD_BYTES = 1 << 30
"""A training range up to this size, as stored, stays in memory meanwhile."""

Images = NDArray[np.float32]


def held_out_runs(n_frames: int, share: float, order: int) -> list[FrameRange]:
    """Choose runs of frames to keep apart: a `share` of all, in up to five runs spread over the recording.

    Spread, since activity and brightness drift; in runs, since neighbouring frames resemble each other and since a run
    must hold lag pairs.
    """
    shortest = 2 * (order + 1)
    total = max(round(share * n_frames), shortest)
    count = int(np.clip(total // (2 * shortest), 1, _HELD_OUT_RUNS))
    length = total // count
    centres = (np.arange(count) + 0.5) * n_frames / count
    return [(int(c - length / 2), int(c - length / 2) + length) for c in centres]


class Recording:
    """The training frames of a movie. What a bad frame holds is never seen.

    Parameters
    ----------
    stack : Stack
    config : FitConfig
    check : callable, optional
        Asked between pieces of the movie.

    Attributes
    ----------
    start, stop : int
        The training range.
    good, held_out, trained : array of bool, shape (stop - start,)
        Usable frames; those kept apart; those trained on.
    held_out_runs : list of (int, int)
        The runs of frames kept apart; their shares are counted in good frames.
    static, baseline : array, shape (Y, X)
        Static image, and what is subtracted: the same, or zero without a static skip. In the movie's units.
    scale : float
        Root mean square of the dynamic part, in the movie's units.

    Raises
    ------
    ValueError
        When there are too few frames for the settings.
    StackError
        When frames cannot be read or do not vary.
    """

    def __init__(self, stack: Stack, config: FitConfig, check: Check = go_on) -> None:
        self.check = check
        self.start, self.stop = check_range(config.frames, stack.n_frames)
        self.stack = stack = stack.in_memory(HELD_BYTES, (self.start, self.stop), check)
        self.good = stack.good_frames(self.start, self.stop)
        frames = np.flatnonzero(self.good)
        self._check_length(len(frames), config)
        self.held_out = np.zeros_like(self.good)
        self.held_out_runs: list[FrameRange] = []
        for a, b in held_out_runs(len(frames), config.held_out, config.order):
            self.held_out[frames[a:b]] = True
            self.held_out_runs.append((self.start + int(frames[a]), self.start + int(frames[b - 1]) + 1))
        self.trained = self.good & ~self.held_out
        self._check_latents(config.latents)
        mean, square = self._moments()
        self.static = mean.astype(np.float32) if config.static == "mean" else self._median()
        self.baseline = self.static if config.static_skip else np.zeros_like(self.static)
        variance = np.maximum(square - 2 * self.static * mean + np.square(self.static, dtype=np.float64), 0)
        self.scale = float(np.sqrt(variance.mean()))
        if not self.scale > 1e-6 * float(np.sqrt(square.mean())) or not np.isfinite(self.scale):
            raise StackError(
                f"The frames of {stack.name!r} do not vary (deviation {self.scale:.3g}): there are no dynamics "
                "to learn. Choose another range or movie."
            )

    @property
    def image(self) -> tuple[int, int]:
        """Image size (Y, X)."""
        return self.stack.shape[1:]

    def _check_length(self, n_good: int, config: FitConfig) -> None:
        need = max(8 * (config.order + 1), 20)
        if n_good < need:
            raise ValueError(
                f"{n_good} usable training frames are too few for a VAR of order {config.order}: at least {need} are "
                "needed. Choose a longer range."
            )
        shortest = 2 * (config.order + 2)  # two lag pairs in each half
        if config.mode != "two_stage" and config.window < shortest:
            raise ValueError(
                f"A window of {config.window} frames is too short for a VAR of order {config.order}: choose at least "
                f"{shortest}, better many more."
            )

    def _check_latents(self, latents: int) -> None:
        frames, (y, x) = int(self.trained.sum()), self.image
        most = min(frames - 1, y * x)
        if latents > most:
            raise ValueError(
                f"{latents} latents are too many for {frames} frames of {y} x {x} pixels to train on: choose at most "
                f"{most}, or a longer range."
            )

    def _moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and mean square of each pixel over the trained frames."""
        total, square = np.zeros(self.image), np.zeros(self.image)
        for first, frames in self.stack.blocks(self.start, self.stop):
            self.check()
            used = frames[self.trained[first - self.start :][: len(frames)]]
            total += used.sum(0, dtype=np.float64)
            square += np.einsum("tyx,tyx->yx", used, used, dtype=np.float64)
        n = self.trained.sum()
        return total / n, square / n

    def _median(self) -> Images:
        frames = np.flatnonzero(self.trained) + self.start
        some = frames[np.unique(np.linspace(0, len(frames) - 1, _MEDIAN_FRAMES).astype(int))]
        images = np.empty((len(some), *self.image), dtype=np.float32)
        for i, t in enumerate(some.tolist()):
            self.check()
            images[i] = self.stack.read(t, t + 1)[0]
        median: Images = np.median(images, axis=0).astype(np.float32)
        return median

    def read(self, start: int, stop: int) -> tuple[Images, NDArray[np.bool_]]:
        """Read scaled dynamic frames [start, stop) of the movie, zero where bad, and which of them are good."""
        self.check()
        good = self.good[start - self.start : stop - self.start]
        frames = (self.stack.read(start, stop) - self.baseline) / np.float32(self.scale)
        frames[~good] = 0
        return frames, good

    def blocks(self, start: int | None = None, stop: int | None = None) -> Iterator[tuple[int, Images]]:
        """Yield (first frame, scaled dynamic frames) over frames [start, stop), the whole training range by default."""
        stop = self.stop if stop is None else stop
        for first in range(self.start if start is None else start, stop, _BLOCK):
            yield first, self.read(first, min(first + _BLOCK, stop))[0]

    def summary_frames(self, most: int) -> Images:
        """Average scaled dynamic trained frames over neighbours, so that there are no more than `most`."""
        n = int(self.trained.sum())
        size = -(-n // most)
        bins = np.zeros((-(-n // size), *self.image), dtype=np.float32)
        counts = np.bincount(np.arange(n) // size)
        at = 0
        for first, frames in self.blocks():
            used = frames[self.trained[first - self.start :][: len(frames)]]
            bin_of = (np.arange(len(used)) + at) // size
            starts = np.flatnonzero(np.diff(bin_of, prepend=-1))
            bins[bin_of[starts]] += np.add.reduceat(used, starts)
            at += len(used)
        bins /= counts[:, None, None].astype(np.float32)
        return bins

    def held_out_frames(self, most: int) -> Images:
        """Read at most so many of the scaled dynamic frames that are held out, evenly spread."""
        frames = np.flatnonzero(self.held_out) + self.start
        some = frames[np.unique(np.linspace(0, len(frames) - 1, most).round().astype(int))]
        return np.concatenate([self.read(int(t), int(t) + 1)[0] for t in some])

    def windows(self, length: int, random: torch.Generator) -> list[FrameRange]:
        """Draw runs of at most `length` frames between held-out runs, together about as long as these stretches."""
        edges = [self.start, *(edge for run in self.held_out_runs for edge in run), self.stop]
        found = []
        for a, b in zip(edges[::2], edges[1::2], strict=True):
            size = min(length, b - a)
            if size < 4:
                continue
            for share in torch.rand(max(1, round((b - a) / size)), generator=random).tolist():
                first = a + round(share * (b - a - size))
                if self.good[first - self.start :][:size].any():
                    found.append((first, first + size))
        return found
