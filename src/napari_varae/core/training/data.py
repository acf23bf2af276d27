"""A movie as training on pixels sees it: static image and scale, scaled dynamic frames, held-out runs, bad frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.movie.normalisation import Normalisation
from napari_varae.core.movie.odd_frames import Watch
from napari_varae.core.movie.stack import MOST_FRAMES, Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.split import Split
from napari_varae.errors import StackError

__all__ = ["Recording"]

MEDIAN_FRAMES = 501
HELD_BYTES = 1 << 30
"""A training range up to this size, as stored, stays in memory meanwhile."""

Images = NDArray[np.float32]


class Recording(Split):
    """The training frames of a movie. What a bad frame holds is never seen.

    Parameters
    ----------
    stack : Stack
    config : FitConfig
    check : callable, optional
        Asked between pieces of the movie.

    Attributes
    ----------
    normalisation : Normalisation
        Static image and scale, in the movie's units.
    odd : tuple of int
        Frames that are unlike all others, and left out.

    Raises
    ------
    ValueError
        When there are too few frames for the settings.
    StackError
        When frames cannot be read or do not vary.
    """

    def __init__(self, stack: Stack, config: FitConfig, check: Check = go_on) -> None:
        super().__init__(stack, config)
        self.check = check
        self.stack = stack.in_memory(HELD_BYTES, (self.start, self.stop), check)
        mean, square, self.odd = self._moments()
        if self.odd:
            self.leave_out(self.odd)
            mean, square, _ = self._moments()
        static = mean.astype(np.float32) if config.static == "mean" else self._median()
        variance = np.maximum(square - 2 * static * mean + np.square(static, dtype=np.float64), 0)
        scale = float(np.sqrt(variance.mean()))
        if not scale > 1e-6 * float(np.sqrt(square.mean())) or not np.isfinite(scale):
            raise StackError(
                f"The frames of {stack.name!r} do not vary (SD {scale:.3g}): there are no dynamics to learn. "
                "Choose another range or movie."
            )
        self.normalisation = Normalisation(static, scale, config.static_skip)

    def _moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[int, ...]]:
        """Mean and mean square of each pixel over the trained frames, and the frames unlike all others."""
        total, square, watch = np.zeros(self.image), np.zeros(self.image), Watch()
        for first, frames in self.stack.blocks(self.start, self.stop):
            self.check()
            watch.add(frames)
            used = frames[self.trained[first - self.start :][: len(frames)]]
            total += used.sum(0, dtype=np.float64)
            square += np.einsum("tyx,tyx->yx", used, used, dtype=np.float64)
        n = self.trained.sum()
        return total / n, square / n, tuple(self.start + frame for frame in watch.find(self.good).kinds)

    def _median(self) -> Images:
        frames = np.flatnonzero(self.trained) + self.start
        some = frames[np.unique(np.linspace(0, len(frames) - 1, MEDIAN_FRAMES).astype(int))]
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
        frames = self.normalisation.apply(self.stack.read(start, stop))
        frames[~good] = 0
        return frames, good

    def blocks(self, start: int | None = None, stop: int | None = None) -> Iterator[tuple[int, Images]]:
        """Yield (first frame, scaled dynamic frames) over frames [start, stop), the whole training range by default."""
        stop = self.stop if stop is None else stop
        length = min(MOST_FRAMES, self.stack.block_length)
        for first in range(self.start if start is None else start, stop, length):
            yield first, self.read(first, min(first + length, stop))[0]
