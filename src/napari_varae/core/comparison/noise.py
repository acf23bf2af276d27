r"""Measurement noise of the latents, from the pixels.

Filters :math:`\Psi` (K, P) take pixel noise of variance D into the latents, where its covariance is
:math:`\Psi D \Psi'`: not diagonal where footprints overlap. D is half the mean squared change from frame to frame of
what the reconstruction leaves (von Neumann 1941), so that neither slow drift nor the activity that latents describe is
taken for noise. Noise is assumed to be white in time; whether it is, shows in changes over two frames.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.stack import Stack

__all__ = ["Noise", "measurement_noise"]

PIECES = 24
"""Pieces of a frame set from which noise is estimated."""
FRAMES = 9
"""Frames in a piece, at most."""


class Noise(NamedTuple):
    """Covariance (K, K) of the measurement noise of the latents, and how white in time it is.

    `whiteness` is the mean squared change over one frame relative to that over two: 1 for white noise, less for noise
    that frames share.
    """

    covariance: NDArray[np.float64]
    whiteness: float


@torch.no_grad()
def measurement_noise(fit: Fit, stack: Stack, frames: FrameSet, check: Check = go_on) -> Noise | None:
    """Estimate the measurement noise of the latents in a frame set.

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie.
    frames : FrameSet
    check : callable
        Asked between pieces.

    Returns
    -------
    Noise or None
        None for an encoder that is not linear, and without three consecutive good frames.

    Raises
    ------
    StackError
        When frames cannot be read.
    """
    pieces = _pieces(frames)
    if not pieces or not fit.network.linear:
        return None
    one = torch.zeros(fit.shape, dtype=torch.float64)
    two, n_one, n_two = torch.zeros_like(one), 0, 0
    for start, stop in pieces:
        check()
        for _, block in fit.dynamic(stack, (start, stop)):
            left = (block - fit.network.decode(fit.network.encode(block))).cpu().double()
            one += (left[1:] - left[:-1]).square().sum(0) / 2
            two += (left[2:] - left[:-2]).square().sum(0) / 2
            n_one, n_two = n_one + len(left) - 1, n_two + len(left) - 2
    variance = one / n_one
    through = fit.network.covariance(variance.float().to(fit.device))
    if through is None:
        return None
    covariance = through.cpu().double().numpy()
    whiteness = float(variance.mean() / (two / n_two).mean().clamp(min=1e-30))
    return Noise((covariance + covariance.T) / 2, whiteness)


def _pieces(frames: FrameSet) -> list[tuple[int, int]]:
    """Consecutive good frames, at least three each, evenly spread over the frame set."""
    found = []
    for start, stop in frames.runs:
        found += [(first, min(first + FRAMES, stop)) for first in range(start, stop - 2, FRAMES)]
    chosen = np.linspace(0, len(found) - 1, min(PIECES, len(found))).astype(int)
    return [found[i] for i in np.unique(chosen)]
