"""How well frames that were held out are predicted at each penalty of the VAR."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.movie_latents import MovieLatents
from napari_varae.core.lasso.path import lasso_path
from napari_varae.core.movie.stack import Stack
from napari_varae.core.training.split import Split
from napari_varae.core.var.lags import flat, lag_pairs, pair_moments, standardise

__all__ = ["AlongPath", "prediction_along_path"]

LAST = 0.2
"""Share of the frames at the end that is predicted, when it is not known which frames the training held out."""


class AlongPath(NamedTuple):
    """Held-out prediction at several penalties.

    Attributes
    ----------
    penalties : array, shape (n,)
        Decreasing, evenly spaced on a logarithmic scale.
    r2 : array, shape (n,)
        Fraction of the variance of held-out latents that one-step prediction explains.
    n_frames : int
        Number of held-out frames that are predicted.
    held_out : str
        Which frames these are, in words.
    """

    penalties: NDArray[np.float64]
    r2: NDArray[np.float64]
    n_frames: int
    held_out: str

    @property
    def best(self) -> float:
        """The penalty with the best prediction."""
        return float(self.penalties[int(self.r2.argmax())])


def prediction_along_path(
    fit: Fit, stack: Stack, n: int = 40, latents: ArrayLike | None = None, check: Check = go_on
) -> AlongPath:
    """Measure how well held-out frames are predicted at penalties along the path of a fit.

    The path is estimated again without the held-out frames: those that the training held out, or, of a movie that the
    fit was not trained on, the last fifth. The training chose its epoch on the former, so that the curve is for
    comparing penalties with each other.

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie.
    n : int
        Number of penalties.
    latents : array, shape (T, K), optional
        The latents of all frames, where they are known (:meth:`.Fit.encode`).
    check : callable
        Is asked now and then whether to go on.

    Raises
    ------
    ValueError
        When there are too few frames.

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=300, height=32, width=32, cells=4, seed=0)).stack
    >>> fit = nv.fit(stack, nv.FitConfig(latents=4, epochs=1))
    >>> curve = nv.prediction_along_path(fit, stack)
    >>> len(curve.penalties), bool((curve.r2 < 1).all())
    (40, True)
    """
    z = torch.from_numpy(MovieLatents(fit, stack, latents).read(check=check))
    order = fit.var.order
    trained, held_out, words = _split(fit, stack)
    known = lag_pairs(len(z), order, trained)
    pairs = lag_pairs(len(z), order, torch.from_numpy(stack.runs(0, stack.n_frames)))
    ahead = pairs[held_out[pairs]]
    if min(len(known), len(ahead)) < 2:
        raise ValueError("There are too few frames to hold some out: a held-out prediction is not possible.")
    standardised, _, _ = standardise(z, trained)
    past, future = pair_moments(standardised, known, order), pair_moments(standardised, ahead, order)
    top, floor = float(fit.var.path.max_penalty.max()), float(fit.var.path.min_penalty.max())
    penalties = np.geomspace(top, floor, n)
    penalties[-1] = floor
    check()
    path = lasso_path(past.gram.numpy(), past.cross.numpy(), floor, flat(fit.var.weights))
    total, r2 = float(future.variance.sum()), np.empty(n)
    cross, gram = future.cross.numpy(), future.gram.numpy()
    for i, penalty in enumerate(penalties):
        check()
        beta = path.at(penalty)
        r2[i] = ((2 * cross - beta @ gram) * beta).sum() / total
    return AlongPath(penalties, r2, len(ahead), words)


def _split(fit: Fit, stack: Stack) -> tuple[Tensor, Tensor, str]:
    """Return runs of trained frames (T,), a mask of held-out frames (T,), and which these are, in words."""
    runs = torch.from_numpy(stack.runs(0, stack.n_frames).astype(np.int64))
    if fit.movie == stack.fingerprint():
        split = Split(stack, fit.config)
        known, apart = (torch.zeros(stack.n_frames, dtype=torch.bool) for _ in range(2))
        known[split.start : split.stop] = torch.from_numpy(split.trained)
        apart[split.start : split.stop] = torch.from_numpy(split.held_out)
        words = "the frames that the training held out"
    else:
        apart = torch.arange(stack.n_frames) >= round((1 - LAST) * stack.n_frames)
        apart &= runs > 0
        known, words = (runs > 0) & ~apart, "the last fifth of the movie"
    return torch.where(known, runs, -runs.abs()), apart, words
