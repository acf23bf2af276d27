"""Correlation of latents with behaviour, with an interval that allows for autocorrelation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, special

from napari_varae.core.experiment.behaviour import Behaviour

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["correlate_behaviour", "independent_frames"]

Values = NDArray[np.float64]


def correlate_behaviour(
    latents: ArrayLike,
    behaviour: Behaviour,
    frame_rate: float | None = None,
    good: ArrayLike | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Correlate each latent with each trace of behaviour, over the frames in which both are known.

    Frames of a movie are not independent. The interval (Fisher's z) therefore counts independent frames: n over
    1 + 2 sum of r_x(l) r_y(l), with the autocorrelations of both series (Bartlett 1935), summed up to the first lag at
    which one of the two is within chance. Each interval stands alone: among many pairs some miss zero by chance.

    Parameters
    ----------
    latents : array, shape (T, K)
        Latents of all frames of the movie, from the first on.
    behaviour : Behaviour
        Its traces are brought to the frames.
    frame_rate : float, optional
        Frames per second (Hz); goes before that of the behaviour.
    good : array of bool, shape (T,), optional
        Frames to use, such as `stack.good_frames()`.
    level : float
        Coverage of the interval.

    Returns
    -------
    pandas.DataFrame
        One row per pair: latent, trace, r, low, high, frames, independent. NaN where a series does not vary or fewer
        than four independent frames are left.

    Raises
    ------
    ValueError
        When sizes do not fit or no frame rate is known.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> latents = np.random.default_rng(0).standard_normal((200, 2))
    >>> behaviour = nv.open_behaviour({"speed": latents[:, 0]})
    >>> nv.correlate_behaviour(latents, behaviour)["r"].round(1).tolist()
    [1.0, 0.1]
    """
    import pandas as pd

    z = np.asarray(latents, dtype=np.float64)
    if z.ndim != 2:
        raise ValueError(f"latents has shape {z.shape}; it must be (T, K).")
    use = np.ones(len(z), dtype=bool) if good is None else np.asarray(good, dtype=bool)
    if use.shape != (len(z),):
        raise ValueError(f"good has shape {use.shape}; the latents have {len(z)} frames.")
    if not 0 < level < 1:
        raise ValueError(f"level={level!r} must lie between 0 and 1.")
    traces = behaviour.at_frames(len(z), frame_rate)
    width = np.sqrt(2) * special.erfinv(level)
    rows = []
    for n, name in enumerate(behaviour.names):
        there = use & np.isfinite(traces[:, n])
        r = _correlations(z, traces[:, n], there)
        independent = independent_frames(z, traces[:, n], there)
        spread = width / np.sqrt(np.where(independent > 4, independent - 3, np.nan))
        centre = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
        low, high = np.tanh(centre - spread), np.tanh(centre + spread)
        rows += [
            (k, name, r[k], low[k], high[k], int(there.sum()), independent[k]) for k in range(z.shape[1])
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=["latent", "trace", "r", "low", "high", "frames", "independent"])


def _centred(values: Values, there: NDArray[np.bool_]) -> Values:
    """Subtract the mean over the frames in use; zero elsewhere; NaN series when nothing varies."""
    kept = np.where(there[:, None], values, 0)
    mean = kept.sum(axis=0) / max(there.sum(), 1)
    return np.where(there[:, None], kept - mean, 0)


def _correlations(z: Values, trace: Values, there: NDArray[np.bool_]) -> Values:
    """Correlate columns of z (T, K) with a trace (T,): shape (K,)."""
    x, y = _centred(z, there), _centred(trace[:, None], there)[:, 0]
    size = np.sqrt(np.square(x).sum(axis=0) * np.square(y).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Values = np.where(size > 1e-12, x.T @ y / size, np.nan)
    return found


def independent_frames(z: Values, trace: Values, there: NDArray[np.bool_]) -> Values:
    """Independent frames that would give as precise a correlation of each column with the trace, shape (K,).

    Parameters
    ----------
    z : array, shape (T, K)
    trace : array, shape (T,)
    there : array of bool, shape (T,)
        Frames in use; only pairs of these enter the autocorrelations.
    """
    n = int(there.sum())
    if n < 2:
        return np.full(z.shape[1], float(n))
    series = np.column_stack([z, trace])
    size = fft.next_fast_len(2 * len(series))

    def lagged(values: Values) -> Values:
        spectrum = fft.rfft(values, size, axis=0)
        sums: Values = fft.irfft(np.abs(spectrum) ** 2, size, axis=0)[: len(series)]
        return sums

    pairs = np.rint(lagged(there.astype(float)[:, None])[:, 0])
    sums = lagged(_centred(series, there))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = sums / pairs[:, None] / (sums[0] / n)
        chance = r > 2 / np.sqrt(pairs)[:, None]
    rising = np.logical_and.accumulate(chance[1:, :-1] & chance[1:, -1:], axis=0)
    products = np.where(rising, r[1:, :-1] * r[1:, -1:], 0)
    found: Values = n / (1 + 2 * (pairs[1:, None] / n * products).sum(axis=0))
    return found
