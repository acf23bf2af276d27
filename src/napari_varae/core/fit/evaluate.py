"""Figures of merit of a fit on any frames, best on frames it was not trained on."""

from __future__ import annotations

import warnings

import numpy as np

from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.frames import FrameRange, check_range
from napari_varae.core.movie.odd_frames import Watch, left_out
from napari_varae.core.movie.stack import Stack

__all__ = ["evaluate"]


def evaluate(fit: Fit, stack: Stack, frames: FrameRange | None = None) -> dict[str, float]:
    """Measure reconstruction and one-step prediction.

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie.
    frames : (int, int), optional
        Half-open range of frames to judge on; all when not given. Frames before it serve as past.

    Returns
    -------
    dict
        `reconstruction_fve` and `prediction_fve`: fractions of the variance around the static image that are explained;
        `latent_r2`: the same for standardised latents and the VAR; `nonzeros_per_target`: nonzero VAR coefficients per
        latent. Over frames that are good and have a past. Frames that are unlike all others in most of the image, such
        as flashes, are left out with a warning.

    Raises
    ------
    ValueError
        When the range lies outside the movie or holds no frame with a past.
    StackError
        When frames cannot be read.

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4, seed=0)).stack
    >>> fit = nv.fit(stack, nv.FitConfig(latents=4, epochs=1, frames=(0, 160)))
    >>> figures = nv.evaluate(fit, stack, frames=(160, 200))  # frames that the fit has not seen
    >>> sorted(figures)
    ['latent_r2', 'nonzeros_per_target', 'prediction_fve', 'reconstruction_fve']
    >>> figures["reconstruction_fve"] > figures["prediction_fve"] > 0
    True
    """
    fit.check(stack)
    start, stop = check_range(frames, stack.n_frames)
    first = max(start - fit.var.order, 0)
    latents = fit.encode(stack, (first, stop))
    ahead = fit.var.predict(latents, stack.runs(first, stop))[start - first :]
    latents = latents[start - first :]
    use = np.isfinite(ahead).all(1) & stack.good_frames(start, stop)
    if not use.any():
        raise ValueError(f"frames=({start}, {stop}) hold no good frame with {fit.var.order} good frames before it.")
    errors, watch = np.zeros((stop - start, 3)), Watch()
    for first, movie in stack.blocks(start, stop):
        watch.add(movie)
        rows = np.flatnonzero(use[first - start :][: len(movie)]) + first - start
        x = movie[rows - (first - start)]
        for i, images in enumerate((fit.decode(latents[rows]), fit.decode(ahead[rows]), fit.static)):
            errors[rows, i] = np.square(x - images).sum((1, 2), dtype=np.float64)
    odd = list(watch.find(stack.good_frames(start, stop)).kinds)
    if odd:
        warnings.warn(left_out([start + frame for frame in odd], "these figures"), stacklevel=2)
        for frame in odd:  # and those that are predicted from it
            use[frame : frame + fit.var.order + 1] = False
        if not use.any():
            raise ValueError(f"frames=({start}, {stop}) hold no frame that is like the others and has a past.")
    errors = errors[use].sum(0)
    z, z_ahead = fit.var.standardise(latents[use]), fit.var.standardise(ahead[use])
    return {
        "reconstruction_fve": float(1 - errors[0] / errors[2]),
        "prediction_fve": float(1 - errors[1] / errors[2]),
        "latent_r2": float(1 - np.square(z - z_ahead).sum() / np.square(z).sum()),
        "nonzeros_per_target": float(np.count_nonzero(fit.var.coefficients) / fit.latents),
    }
