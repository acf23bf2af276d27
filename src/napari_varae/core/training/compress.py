r"""Compress a movie once: two passes through its pixels, after which everything works on local components.

0. A sample of frames gives a first static image, the smoothing, and what an ordinary frame looks like.
1. First pass: the exact static image, and in each tile the leading principal components of smoothed frames, averaged
   over a few neighbours in time. Smoothed, because an unsmoothed PCA fits the noise. Components of successive parts of
   the movie are merged, so that memory does not grow with the number of frames. What the static image alone can
   draw, the same everywhere (brighter, dimmer, displaced, blurred), is taken out of the frames before: left in,
   bleaching and motion would be spread over all cells. Without a static skip the static image is itself one of these.
2. Second pass: the full-rate traces of these components, :math:`c_t = B' (x_t - s) / scale`.

Frames that differ from all others in most of the image (a flash, a closed shutter) enter none of this. Large shifts are
noted in the second pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.components.tiles import Tiles
from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.movie.ahead import read_ahead
from napari_varae.core.movie.normalisation import Normalisation
from napari_varae.core.movie.odd_frames import Watch, block_means
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.lowrank import leading_components, merge_components
from napari_varae.core.training.sample import Sample, common_images
from napari_varae.core.training.split import Split

__all__ = ["Progress", "compress", "compression_key", "n_averaged", "n_components", "part_length"]

VERSION = 4
"""Raised when the same movie and settings give other components."""

PART_BYTES = 3 << 27
"""Averaged frames from which components are computed at a time."""
PER_AREA, PER_AREA_SINGLE = 48 / 64**2, 96 / 64**2
"""Components per pixel of a tile, and of a movie of a single one: several times as many as cells that are seen."""
PER_LATENT = 2
"""Components for each latent that is asked for, if that is more."""
MOST_AVERAGED = 4
"""Neighbouring frames that are averaged, at most: transients must not be."""
ENOUGH = 2000
"""Averaged frames below which fewer neighbours are averaged."""

Progress = Callable[[str, float], None]
"""Called with the name of a phase, and the share of it that is done."""
Images = NDArray[np.float32]


def compress(
    stack: Stack, split: Split, config: FitConfig, progress: Progress, check: Check = go_on
) -> CompressedMovie:
    """Compress a movie to local components: the basis from the frames trained on, the traces of all frames.

    Parameters
    ----------
    stack : Stack
    split : Split
        Which frames are trained on.
    config : FitConfig
    progress : callable
    check : callable, optional
        Asked between blocks.

    Raises
    ------
    StackError
        When frames cannot be read or do not vary.
    """
    progress("reading", 0.0)
    sample, tiles = Sample(stack, split, config, check), Tiles.of(split.image)
    count = min(n_components(tiles, config), tiles.pixels - len(sample.common), int(split.trained.sum()) - 1)
    smoothing = sample.choose_smoothing(tiles, check) if config.smoothing is None else config.smoothing
    learned = _learn(stack, split, sample, tiles, count, smoothing, config.seed, progress, check)
    static = learned.static if config.static == "mean" else sample.normalisation.static
    normalisation = Normalisation(static, sample.normalisation.scale, config.static_skip)
    common = tiles.cut(common_images(static, config.static_skip)).mT
    inside = tiles.cut(torch.ones(1, *tiles.image)).mT  # smoothing reaches beyond the border
    basis = torch.linalg.qr(torch.cat([common, learned.components * inside], 2))[0]
    traces, odd, unusual = _traces(stack, sample, tiles, basis, normalisation, progress, check)
    return CompressedMovie(
        tiles=tiles,
        normalisation=normalisation,
        basis=basis,
        common=torch.bmm(common.mT, basis).transpose(0, 1),
        traces=traces,
        variance=learned.variance,
        bins=learned.bins,
        smoothing=smoothing,
        odd=odd,
        unusual=unusual,
    )


def compression_key(fingerprint: str, split: Split, config: FitConfig) -> str:
    """Name of all that decides what a movie is compressed to: the movie, its frames, and a few settings."""
    count = n_components(Tiles.of(split.image), config)
    settings = (config.static, config.static_skip, config.smoothing, config.seed, count)
    digest = hashlib.sha256(repr((VERSION, fingerprint, split.start, settings)).encode())
    digest.update(split.trained.tobytes() + split.good.tobytes())
    return digest.hexdigest()[:32]


def n_components(tiles: Tiles, config: FitConfig) -> int:
    """Give the number of components of a tile."""
    count = round((PER_AREA if tiles.count > 1 else PER_AREA_SINGLE) * tiles.pixels)
    return count if config.latents == "auto" else max(count, -(-PER_LATENT * config.latents // tiles.count))


def n_averaged(trained: int) -> int:
    """Give the number of neighbouring frames that are averaged, of so many that are trained on."""
    return min(max(-(-trained // ENOUGH), 1), MOST_AVERAGED)


def part_length(tiles: Tiles, components: int) -> int:
    """Give the number of averaged frames from which components are computed at a time, at most."""
    return max(PART_BYTES // (4 * tiles.count * tiles.pixels), 2 * components)


@dataclass(frozen=True)
class _Learned:
    """What the first pass gives: static image, components (N, P, M), variance (N, P) and number of averaged frames."""

    static: Images
    components: Tensor
    variance: Tensor
    bins: int


def _learn(
    stack: Stack, split: Split, sample: Sample, tiles: Tiles, count: int, smoothing: float, seed: int,
    progress: Progress, check: Check,
) -> _Learned:  # fmt: skip
    """Take the first pass."""
    trained, image = int(split.trained.sum()), tiles.image
    size = n_averaged(trained)
    at_once = min(-(-trained // size), part_length(tiles, count))
    part = torch.zeros(tiles.count, at_once, tiles.pixels)
    common = sample.common.flatten(1)
    random = torch.Generator().manual_seed(seed)
    total, squares = torch.zeros(image, dtype=torch.float64), torch.zeros(image)
    first = torch.from_numpy(sample.normalisation.static)
    seen = bins = filled = 0
    found: list[Tensor] = []

    def close_part() -> None:
        nonlocal found, filled
        if filled:
            known = found[0] if found else None
            found.append(leading_components(part[:, :filled], count, tiles.edge, smoothing, random, known))
            found = [merge_components(found, count)]
        filled = 0

    for _, frames in _blocks(stack, split, sample, size, progress, check):
        n = len(frames) // size
        averaged = torch.from_numpy(frames[: n * size]).view(n, size, *image).sum(1)
        total += averaged.sum(0) + torch.from_numpy(frames[n * size :]).sum(0)
        seen += len(frames)
        averaged.sub_(first, alpha=size).div_(size * sample.normalisation.scale)
        flat = averaged.flatten(1)
        flat.addmm_(flat @ common.T, common, alpha=-1)
        for some in averaged.split(at_once):
            if filled + len(some) > at_once:
                close_part()
            tiles.cut(some, part[:, filled : filled + len(some)])
            filled += len(some)
        for one in averaged:  # one by one, since the sum then stays in the cache of the processor
            squares.addcmul_(one, one)
        bins += n
    close_part()
    return _Learned((total / seen).float().numpy(), found[0], tiles.cut(squares[None])[:, 0] / bins, bins)


def _blocks(
    stack: Stack, split: Split, sample: Sample, size: int, progress: Progress, check: Check
) -> Iterator[tuple[int, Images]]:
    """Yield ordinary frames that are trained on, a multiple of `size` at a time where there are so many."""
    length = max(size, stack.block_length // size * size)
    ranges = ((first, min(first + length, split.stop)) for first in range(split.start, split.stop, length))
    some = (part for part in ranges if split.trained[part[0] - split.start : part[1] - split.start].any())
    for first, frames in read_ahead(stack.read, some):
        check()
        progress("compressing", (first - split.start) / (split.stop - split.start))
        keep = split.trained[first - split.start :][: len(frames)] & ~sample.odd(block_means(frames))
        if keep.any():
            yield first, frames if keep.all() else frames[keep]


def _traces(
    stack: Stack, sample: Sample, tiles: Tiles, basis: Tensor, normalisation: Normalisation,
    progress: Progress, check: Check,
) -> tuple[Tensor, tuple[int, ...], tuple[int, ...]]:  # fmt: skip
    """Take the second pass: traces (T, N, M), zero for bad and odd frames; the odd ones; the unusual ones."""
    good, odd, watch = stack.good_frames(), [], Watch(normalisation.static, stack.shifts)
    traces = torch.zeros(stack.n_frames, tiles.count, basis.shape[2])
    scaled = basis / normalisation.scale
    cuts = torch.empty(tiles.count * stack.block_length, tiles.pixels)  # new memory for each block would take longer
    offset = torch.bmm(tiles.cut(torch.from_numpy(normalisation.baseline)[None]), scaled)[:, 0]
    for first, frames in stack.blocks(size=stack.block_length):
        check()
        progress("projecting", first / stack.n_frames)
        last, means = first + len(frames), block_means(frames)
        strange = sample.odd(means)
        watch.add(frames, means)
        odd += [first + int(i) for i in np.flatnonzero(strange & good[first:last])]
        cut = tiles.cut(torch.from_numpy(frames), cuts[: tiles.count * len(frames)].view(tiles.count, -1, tiles.pixels))
        torch.sub(torch.bmm(cut, scaled).transpose(0, 1), offset, out=traces[first:last])
        traces[first:last][torch.from_numpy(strange | ~good[first:last])] = 0
    unusual = [frame for frame in watch.find(good).kinds if frame not in odd]
    return traces, tuple(odd), tuple(unusual)
