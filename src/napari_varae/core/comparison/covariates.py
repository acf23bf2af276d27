"""Covariates of a recording, such as running speed, as exogenous regressors of the VAR."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import ArrayLike

from napari_varae.core.comparison.inference.lag_pairs import Array
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.stack import Stack

__all__ = ["check_known", "with_lags"]


def with_lags(stack: Stack, covariates: ArrayLike, lags: int) -> Array:
    """Covariates of each frame and of the frames before it, as regressors.

    Parameters
    ----------
    stack : Stack
        The movie, of T frames.
    covariates : array, shape (T,) or (T, n)
        One row for each frame of the movie.
    lags : int
        How many frames before each one count as well. Before a frame of which fewer are recorded without a break, the
        first one of its run stands for those that are missing.

    Returns
    -------
    regressors : array, shape (T, n (1 + lags))

    Raises
    ------
    ValueError
        When they are not one row per frame, or lags is not a whole number of at least 0.
    """
    values = np.asarray(covariates, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != stack.n_frames or not values.shape[1]:
        raise ValueError(
            f"covariates has shape {np.shape(covariates)}; needed is one row for each of the {stack.n_frames} frames: "
            f"({stack.n_frames}, n)."
        )
    try:
        count = operator.index(lags)
    except TypeError:
        raise ValueError(f"covariate_lags={lags!r} is not a whole number.") from None
    if count < 0:
        raise ValueError(f"covariate_lags={count} must be at least 0.")
    frames = np.arange(stack.n_frames)
    begins = np.zeros(stack.n_frames, dtype=np.int64)
    begins[[b for b in getattr(stack, "breaks", ()) if b < stack.n_frames]] = 1
    first = np.maximum.accumulate(np.where(begins == 1, frames, 0))
    return np.hstack([values[np.maximum(frames - lag, first)] for lag in range(count + 1)])


def check_known(regressors: Array, frames: FrameSet, name: str) -> None:
    """Raise ValueError when a covariate is missing in a frame that counts."""
    for start, stop in frames.runs:
        missing = np.flatnonzero(~np.isfinite(regressors[start:stop]).all(1))
        if len(missing):
            raise ValueError(
                f"Covariates are missing in frame {start + missing[0]} of {name}. Choose ranges in which they were "
                "recorded, or mark such frames as bad."
            )
