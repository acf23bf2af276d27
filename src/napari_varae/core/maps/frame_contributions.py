"""Which pixels of each frame drive the predictions: a driver map frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.fit.fit import Fit
from napari_varae.core.maps.contribution import Edge, combinations, kept_coefficients, spread, steps_to_complete
from napari_varae.core.maps.frames import read_scaled, scaled
from napari_varae.core.movie.frames import FrameRange, check_range
from napari_varae.core.movie.stack import Stack

__all__ = ["FrameContributions"]

SAMPLE = 16
"""Frames on which the number of steps of integration is chosen."""


class FrameContributions:
    """What the pixels of single frames contribute to the predictions of the frames after them.

    Integrated gradients from the static image, as in a driver map, of which these are the terms: the mean over the
    frames of a driver map is the map.

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie, (T, Y, X).
    target : int, optional
        Only contributions to the prediction of this latent.
    edge : (lag, target, source), optional
        Only those by way of this coefficient; lag counted from 1. The whole VAR when neither is given.
    own_past : bool
        Whether what a latent's own past predicts counts too (an `edge` always counts).

    Raises
    ------
    ValueError
        When `target` or `edge` are not possible, or the image size is another one.

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4, seed=0)).stack
    >>> fit = nv.fit(stack, nv.FitConfig(latents=4, epochs=1))
    >>> contributions = nv.FrameContributions(fit, stack, target=2, own_past=True)
    >>> contributions(100, 103).shape
    (3, 32, 32)
    """

    def __init__(
        self, fit: Fit, stack: Stack, target: int | None = None, edge: Edge | None = None, own_past: bool = False
    ) -> None:
        fit.check(stack)
        self.fit, self.stack = fit, stack
        self.signed = target is not None or edge is not None
        self._rows = combinations(fit, kept_coefficients(fit, target, edge, own_past))
        self._origin = scaled(fit, fit.static)
        self._steps: int | None = 1 if fit.network.linear or not len(self._rows) else None

    def __call__(self, start: int, stop: int) -> NDArray[np.float32]:
        """Contributions of the frames [start, stop), shape (stop - start, Y, X), in SD of the predicted latents.

        Contributions to several latents are summed in absolute value; those to one keep their sign. NaN in bad frames.

        Raises
        ------
        ValueError
            When the range lies outside the movie.
        StackError
            When frames cannot be read.
        """
        frames: FrameRange = check_range((start, stop), self.stack.n_frames)
        images = np.zeros((stop - start, *self.fit.shape), dtype=np.float32)
        if len(self._rows):
            for i, d in enumerate(read_scaled(self.fit, self.stack, np.arange(*frames))):
                found = self.fit.network.attribute(self._rows, d[None], self._origin, self.signed, self._chosen_steps())
                images[i] = found.detach().cpu().numpy()
        images[~self.stack.good_frames(*frames)] = np.nan
        return images

    def _chosen_steps(self) -> int:
        """Return the steps of integration with which attributions are complete, chosen once."""
        if self._steps is None:
            chosen = spread(self.stack, [(0, self.stack.n_frames)])
            some = read_scaled(self.fit, self.stack, chosen[:: -(-len(chosen) // SAMPLE)])
            self._steps = steps_to_complete(self.fit, self._rows, some, self._origin, self.stack.still_wanted)
        return self._steps
