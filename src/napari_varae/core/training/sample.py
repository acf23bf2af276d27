"""A sample of frames, spread over the recording: a first static image, and what an ordinary frame looks like."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.autoencoder.static import derivatives, orthonormal
from napari_varae.core.components.tiles import Tiles
from napari_varae.core.compute.checkpoint import Check
from napari_varae.core.movie.normalisation import Normalisation
from napari_varae.core.movie.odd_frames import ODD, block_means, spread_of
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.lowrank import leading_components
from napari_varae.core.training.split import Split
from napari_varae.errors import StackError

__all__ = ["Sample", "common_images", "sample_length"]

FRAMES = 320
"""Frames of the sample, of those trained on; a quarter as many of those held out."""
BYTES = 1 << 29
"""Frames of the sample take no more memory than this."""
SMOOTHINGS = (0.0, 0.5, 0.85, 1.2)
"""Widths of the smoothing that are tried, in pixels."""
PER_AREA = 16 / 64**2
"""Components per pixel with which smoothings are tried."""
TRIED_TILES = 8
"""Tiles in which smoothings are tried: those that vary most."""

Images = NDArray[np.float32]


def common_images(static: Images, static_skip: bool) -> Tensor:
    """Orthonormal images (G, Y, X) of changes of the whole image; without a static skip the static image alone."""
    whole = torch.from_numpy(static)
    images = derivatives(whole) if static_skip else whole[None]
    return orthonormal(images.flatten(1).T).T.reshape(-1, *static.shape).contiguous()


class Sample:
    """A few hundred ordinary frames.

    Attributes
    ----------
    static : array, shape (Y, X)
        Static image of these frames, in the movie's units.
    scale : float
        Root mean square of their dynamic part, in the movie's units.

    Raises
    ------
    StackError
        When the frames do not vary.
    """

    def __init__(self, stack: Stack, split: Split, config: FitConfig, check: Check) -> None:
        most = sample_length(stack)
        frames = _read(stack, np.flatnonzero(split.trained) + split.start, most, check)
        means = block_means(frames)
        self._centre, self._spread = spread_of(means)
        self._frames = frames = frames[~self.odd(means)]
        summary = np.median if config.static == "median" else np.mean
        static = summary(frames, axis=0).astype(np.float32)
        scale = float(np.sqrt(np.square(frames - static, dtype=np.float32).mean(dtype=np.float64)))
        size = float(np.sqrt(np.square(static, dtype=np.float64).mean()))
        if not scale > 1e-6 * size or not np.isfinite(scale):
            raise StackError(
                f"The frames of {stack.name!r} do not vary (SD {scale:.3g}): there are no dynamics to learn. "
                "Choose another range or movie."
            )
        self.normalisation = Normalisation(static, scale)
        self.common = common_images(static, config.static_skip)
        held_out = np.flatnonzero(split.held_out) + split.start
        self._judged = _read(stack, held_out, max(most // 4, 10), check)
        self._random = torch.Generator().manual_seed(config.seed)

    def odd(self, means: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which frames, given by their block means (B, n), differ from all others in most of the image, shape (B,)."""
        deviations = np.abs(means - self._centre) / self._spread
        odd: NDArray[np.bool_] = np.median(deviations, axis=1) > ODD
        return odd

    def choose_smoothing(self, tiles: Tiles, check: Check) -> float:
        """Choose the smoothing with which components of the sample explain held-out frames best."""
        seen, judged = (self._dynamic(frames, tiles) for frames in (self._frames, self._judged))
        some = seen.square().sum((1, 2)).argsort(descending=True)[:TRIED_TILES]
        seen, judged = seen[some], judged[some]
        count = max(1, min(round(PER_AREA * tiles.pixels), seen.shape[1] // 2))

        def merit(width: float) -> float:
            check()
            found = leading_components(seen, count, tiles.edge, width, self._random)
            return float(torch.bmm(judged, torch.linalg.qr(found)[0]).square().sum())

        return max(SMOOTHINGS, key=merit)

    def _dynamic(self, frames: Images, tiles: Tiles) -> Tensor:
        """Scaled frames without their common part, in tiles (N, B, P)."""
        flat = torch.from_numpy(self.normalisation.apply(frames)).flatten(1)
        common = self.common.flatten(1)
        flat -= (flat @ common.T) @ common
        return tiles.cut(flat.view(-1, *frames.shape[1:]))


def sample_length(stack: Stack) -> int:
    """Give the most frames of a sample, counted in bytes."""
    return min(stack.n_frames, max(20, min(FRAMES, BYTES // (4 * stack.shape[1] * stack.shape[2]))))


def _read(stack: Stack, frames: NDArray[np.intp], most: int, check: Check) -> Images:
    """Read at most so many of some frames, evenly spread."""
    some = frames[np.unique(np.linspace(0, len(frames) - 1, most).round().astype(int))]
    images = np.empty((len(some), *stack.shape[1:]), dtype=np.float32)
    for i, frame in enumerate(some.tolist()):
        check()
        images[i] = stack.read(frame, frame + 1)[0]
    return images
