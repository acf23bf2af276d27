"""Which frames of a movie are trained on, and which are held out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_varae.core.movie.frames import FrameRange, check_range
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig

__all__ = ["Split", "held_out_runs"]

RUNS = 5
"""Held-out runs, at most."""


def held_out_runs(n_frames: int, share: float, order: int) -> list[FrameRange]:
    """Choose runs of frames to keep apart: a `share` of all, in up to five runs spread over the recording.

    Spread, since activity and brightness drift; in runs, since neighbouring frames resemble each other and since a run
    must hold lag pairs.
    """
    shortest = 2 * (order + 1)
    total = max(round(share * n_frames), shortest)
    count = int(np.clip(total // (2 * shortest), 1, RUNS))
    length = total // count
    centres = (np.arange(count) + 0.5) * n_frames / count
    return [(int(c - length / 2), int(c - length / 2) + length) for c in centres]


class Split:
    """Training frames and held-out frames of a movie; bad frames are neither.

    Attributes
    ----------
    start, stop : int
        The training range.
    good, held_out, trained : array of bool, shape (stop - start,)
        Usable frames; those kept apart; those trained on.
    runs, trained_runs : array of int, shape (stop - start,)
        Number of the run of each frame, negative where it is bad, or not trained on: no lag pair crosses a break.
    held_out_runs : list of (int, int)
        The runs of frames kept apart; their shares are counted in good frames.

    Raises
    ------
    ValueError
        When there are too few frames for the settings.
    """

    def __init__(self, stack: Stack, config: FitConfig) -> None:
        self.start, self.stop = check_range(config.frames, stack.n_frames)
        self.image: tuple[int, int] = stack.shape[1:]
        self.good = stack.good_frames(self.start, self.stop)
        self._numbers = np.abs(stack.runs(self.start, self.stop))
        frames = np.flatnonzero(self.good)
        _check_length(len(frames), config)
        self.held_out = np.zeros_like(self.good)
        self.held_out_runs: list[FrameRange] = []
        for a, b in held_out_runs(len(frames), config.held_out, config.order):
            self.held_out[frames[a:b]] = True
            self.held_out_runs.append((self.start + int(frames[a]), self.start + int(frames[b - 1]) + 1))
        self.trained = self.good & ~self.held_out
        if config.latents != "auto":
            self._check_latents(config.latents)

    @property
    def runs(self) -> NDArray[np.int64]:
        """Number of the run of each frame, negative where it is bad."""
        return np.where(self.good, self._numbers, -self._numbers)

    @property
    def trained_runs(self) -> NDArray[np.int64]:
        """Number of the run of each frame, negative where it is not trained on."""
        return np.where(self.trained, self._numbers, -self._numbers)

    def leave_out(self, odd: tuple[int, ...]) -> None:
        """Treat some more frames as bad."""
        for frame in odd:
            if self.start <= frame < self.stop:
                for mask in (self.good, self.held_out, self.trained):
                    mask[frame - self.start] = False

    def windows(self, length: int, random: torch.Generator) -> list[FrameRange]:
        """Draw runs of at most `length` frames between held-out runs, together about as long as what lies there."""
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

    def _check_latents(self, latents: int) -> None:
        frames, (y, x) = int(self.trained.sum()), self.image
        most = min(frames - 1, y * x)
        if latents > most:
            raise ValueError(
                f"{latents} latents are too many for {frames} training frames of {y} x {x} pixels: choose at most "
                f"{most}, or a longer range."
            )


def _check_length(n_good: int, config: FitConfig) -> None:
    need = max(8 * (config.order + 1), 20)
    if n_good < need:
        raise ValueError(
            f"{n_good} usable training frames are too few for a VAR of order {config.order}: at least {need} are "
            "needed. Choose a longer range."
        )
    shortest = 2 * (config.order + 2)  # two lag pairs in each half
    if config.mode != "two_stage" and config.window is not None and config.window < shortest:
        raise ValueError(
            f"A window of {config.window} frames is too short for a VAR of order {config.order}: choose at least "
            f"{shortest}, better many more."
        )
