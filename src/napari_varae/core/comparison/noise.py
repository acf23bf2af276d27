r"""Measurement noise of the latents, from the pixels.

Filters :math:`\Psi` (K, P) take pixel noise of variance D into the latents, where its covariance is
:math:`\Psi D \Psi'`: not diagonal where footprints overlap. D is half the mean squared change from frame to frame of
what the reconstruction leaves (von Neumann 1941), so that neither slow drift nor the activity that latents describe is
taken for noise. Noise is assumed to be white in time; whether it is, shows in changes over two frames.

The variances are those of each segment, from its own frames, and the correlations between latents those of all segments
together: they follow from footprints, and several hundred matrices need not be kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.segment_noise import SegmentNoise
from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.frames import FrameRange
from napari_varae.core.movie.stack import Stack

__all__ = ["Noise", "measurement_noise"]

PIECES = 24
"""Pieces from which noise is estimated, for each frame set: shared out among all segments by length, by no label."""
FEWEST_PIECES = 3
"""Pieces of a segment, if it has as many."""
FRAMES = 9
"""Frames in a piece, at most."""


Array = NDArray[np.float64]


class Noise(NamedTuple):
    """The measurement noise of the latents, and how white in time it is.

    `of` is that of the ranges of each frame set. `whiteness` of each is the mean squared change over one frame relative
    to that over two: 1 for white noise, less for noise that frames share.
    """

    of: list[SegmentNoise]
    whiteness: list[float]


@torch.no_grad()
def measurement_noise(fit: Fit, stack: Stack, sides: Sequence[FrameSet], check: Check = go_on) -> Noise | None:
    """Estimate the measurement noise of the latents in each range of some frame sets.

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie.
    sides : sequence of FrameSet
    check : callable
        Asked between pieces.

    Returns
    -------
    Noise or None
        None for an encoder that is not linear, and for frame sets without three consecutive good frames. Where single
        ranges have none, their noise is the mean of the others.

    Raises
    ------
    StackError
        When frames cannot be read.
    """
    if not fit.network.linear:
        return None
    parts = [(i, part, side.runs) for i, side in enumerate(sides) for part in side.ranges]
    length = sum(stop - start for _, (start, stop), _ in parts)
    variance, weights = np.zeros((len(parts), fit.latents)), np.zeros(len(parts))
    total, changes = np.zeros((fit.latents, fit.latents)), np.zeros((len(sides), 2, 2))
    for row, (i, (start, stop), runs) in enumerate(parts):
        count = max(FEWEST_PIECES, round(PIECES * len(sides) * (stop - start) / length))
        pieces = _pieces([run for run in runs if start <= run[0] < stop], count)
        if pieces:
            covariance, of_range = _of_range(fit, stack, pieces, check)
            variance[row], weights[row] = covariance.diagonal(), stop - start
            total += weights[row] * covariance
            changes[i] += of_range
    if not changes.any((1, 2)).all():
        return None
    variance[weights == 0] = np.average(variance, axis=0, weights=weights)
    correlation = SegmentNoise.of([total]).correlation
    size, of = np.sqrt(variance.clip(min=0)), np.array([i for i, _, _ in parts])
    segments = [SegmentNoise(size[of == i], correlation, np.zeros((of == i).sum(), int)) for i in range(len(sides))]
    one, two = (changes[:, 0] / changes[:, 1]).T
    return Noise(segments, (one / two.clip(min=1e-30)).tolist())


def _of_range(fit: Fit, stack: Stack, pieces: Sequence[FrameRange], check: Check) -> tuple[Array, Array]:
    """Covariance (K, K) of the noise in some pieces, and sums of squared changes.

    Of the changes over one frame and over two: half their squares, mean over pixels, summed; and how many there were.
    """
    one, two, count = torch.zeros(fit.shape, dtype=torch.float64), 0.0, np.zeros(2)
    for piece in pieces:
        check()
        for _, block in fit.dynamic(stack, piece):
            left = (block - fit.network.decode(fit.network.encode(block))).cpu().double()
            one += (left[1:] - left[:-1]).square().sum(0) / 2
            two += float((left[2:] - left[:-2]).square().mean((1, 2)).sum()) / 2
            count += len(left) - 1, max(len(left) - 2, 0)
    through = fit.network.covariance((one / count[0]).float().to(fit.device))
    assert through is not None  # the encoder is linear
    covariance: Array = through.cpu().double().numpy()
    return (covariance + covariance.T) / 2, np.array([[float(one.mean()), two], count])


def _pieces(runs: Sequence[FrameRange], count: int) -> list[FrameRange]:
    """Consecutive good frames, at least three each, evenly spread: so many pieces if there are."""
    found = []
    for start, stop in runs:
        found += [(first, min(first + FRAMES, stop)) for first in range(start, stop - 2, FRAMES)]
    chosen = np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)
    return [found[i] for i in np.unique(chosen)]
