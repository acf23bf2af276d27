"""Do the latents of two ranges follow the same VAR? A resampling test."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.comparison import notes
from napari_varae.core.comparison.inference.resampling import Progress
from napari_varae.core.comparison.inference.segment_noise import SegmentNoise
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.two_sample import TwoSampleTest, UnusableRangesError, two_sample_test
from napari_varae.core.comparison.result import Comparison
from napari_varae.core.compute.workers import Workers
from napari_varae.core.settings import ComparisonConfig
from napari_varae.errors import StoppedError

__all__ = ["NoiseLike", "checked_order", "compare_latents", "given_noise", "settled", "without_correction"]

UNCORRECTED_RESAMPLES = 99
"""Draws for the test with the noise left in, which is shown beside the other."""

Array = NDArray[np.float64]
NoiseLike = ArrayLike | Sequence[ArrayLike | Sequence[ArrayLike]] | Sequence[SegmentNoise]
"""Variances (K,), or noise of A and of B, each a variance or covariance or a list of these."""


def compare_latents(
    za: ArrayLike | Sequence[ArrayLike],
    zb: ArrayLike | Sequence[ArrayLike],
    order: int = 1,
    config: ComparisonConfig = ComparisonConfig(),  # noqa: B008  # frozen
    *,
    noise: NoiseLike | None = None,
    covariates: tuple[ArrayLike | Sequence[ArrayLike], ArrayLike | Sequence[ArrayLike]] | None = None,
    stop: Event | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
    **overrides: Any,
) -> Comparison:
    """Test whether the latents of two ranges follow the same VAR.

    The statistic is the largest studentised difference of a coefficient, in units of what chance reaches among
    coefficients that both ranges share, or among all others. The p-value is the larger of two: one holds if the latents
    are a VAR, whatever its innovations (wild bootstrap of the common model), the other if blocks of the recording are
    alike, however frames depend on each other within a block (block permutation). Everything that looked at the data is
    repeated in both.

    Parameters
    ----------
    za, zb : array (nA, K) and (nB, K), or lists of such segments
        Latents, in any units. Segments count as far apart.
    order : int
        Number of lags p.
    config : ComparisonConfig
        How to compare. Responses are subtracted, and halves compared, by :func:`compare` alone.
    noise : array (K,), or a pair of arrays (K,) or (K, K), or of lists of these, optional
        Variances of the measurement noise of the latents, or one such array or covariance for A and one for B, or a
        list for each of one for each segment, in the squared units of the latents. Noise is taken to be white in time,
        and accounted for.
    covariates : (array (nA, q), array (nB, q)), or lists of such segments, optional
        Exogenous regressors of each frame of za and of zb, which are regressed out.
    stop : threading.Event, optional
        When set, the answer rests on the resamples made so far.
    progress : callable, optional
        Called with the answer so far, a :class:`napari_varae.core.comparison.inference.resampling.Running`.
    workers : concurrent.futures.Executor or dask.distributed.Client, optional
        Who draws; threads of this process when not given. The answer is the same.
    **overrides
        Single settings instead of those of `config`, such as `resamples=999, seed=0`.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When latents are not (n, K) of finite numbers, are too few, or settings are impossible.
    TypeError
        When there is no such setting.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> z = np.random.default_rng(0).normal(size=(2, 200, 3))
    >>> bool(nv.compare_latents(z[0], z[1], resamples=99).p_value > 0.05)
    True
    """
    config = settled(config, overrides)
    order = checked_order(order)
    of_a, of_b = (None, None) if covariates is None else covariates
    sides = _checked(za, "za", of_a), _checked(zb, "zb", of_b)
    k = sides[0].latents[0].shape[1]
    if k != sides[1].latents[0].shape[1]:
        raise ValueError(f"za has {k} latents and zb {sides[1].latents[0].shape[1]}.")
    if noise is not None and config.correct_noise:
        parts = given_noise(noise, k, [len(side.latents) for side in sides])
        sides = sides[0].with_noise(parts[0]), sides[1].with_noise(parts[1])
    for side, name in zip(sides, ("za", "zb"), strict=True):
        if short := notes.shortage(side.n_pairs(order), order, name):
            raise UnusableRangesError(short)
    a, b = (side.with_pairs(order) for side in sides)
    test = two_sample_test(a, b, order, config, stop, progress, workers)
    uncorrected = without_correction(a, b, order, config, stop, workers)
    return Comparison(test, config, notes.of_test(test, config), uncorrected=uncorrected)


def without_correction(
    a: Segments, b: Segments, order: int, config: ComparisonConfig, stop: Event | None, workers: Workers | None
) -> TwoSampleTest | None:
    """Test with the noise left in, from fewer draws; None where none is known, or once the user has stopped."""
    if a.noise is None or b.noise is None:
        return None
    few = config.changed(resamples=min(config.resamples, max(UNCORRECTED_RESAMPLES, least(config))), power_draws=0)
    try:
        return two_sample_test(a.with_noise(None), b.with_noise(None), order, few, stop, workers=workers)
    except StoppedError:
        return None


def least(config: ComparisonConfig) -> int:
    """Draws that a p-value as small as the level takes."""
    return math.ceil((1 - 1e-9) / config.level) - 1


def given_noise(noise: Any, k: int, counts: Sequence[int], names: Sequence[str] = "AB") -> list[SegmentNoise]:
    """Pack the noise that a user gave for frame sets of so many segments.

    Raises
    ------
    ValueError
        When parts are missing, or not variances (K,) or covariances (K, K).
    """
    if np.isscalar(noise[0]):
        noise = [noise] * len(counts)
    if len(noise) != len(counts):
        raise ValueError(
            f"noise has {len(noise)} parts: give variances (K,), or one such array for {' and one for '.join(names)}."
        )
    return [_packed(part, k, count, name) for part, count, name in zip(noise, counts, names, strict=True)]


def _packed(given: Any, k: int, count: int, name: str) -> SegmentNoise:
    """Pack the noise of one frame set: of all of its segments, or a list of that of each."""
    if isinstance(given, SegmentNoise):
        return given
    if not (isinstance(given, list | tuple) and isinstance(given[0], np.ndarray)):
        return SegmentNoise.of([_covariance(given, k, name)], [0] * count)
    if len(given) != count:
        raise ValueError(f"{name} has {count} segments, and noise for {len(given)}: give one array for each.")
    return SegmentNoise.of([_covariance(part, k, f"{name}, segment {i},") for i, part in enumerate(given)])


def _covariance(given: Any, k: int, name: str) -> Array:
    """Return a covariance (K, K), of variances (K,) or as it is."""
    part = np.asarray(given, dtype=np.float64)
    whole = np.diag(part) if part.ndim == 1 else part
    if whole.shape != (k, k) or not np.isfinite(whole).all():
        raise ValueError(f"The noise of {name} has shape {part.shape}; needed are {k} finite variances.")
    if not np.allclose(whole, whole.T) or np.linalg.eigvalsh(whole)[0] < -1e-9 * np.abs(whole).max():
        raise ValueError(f"The noise of {name} is not a covariance: variances must not be negative.")
    return whole


def settled(config: ComparisonConfig, overrides: dict[str, Any]) -> ComparisonConfig:
    """Return the settings with single ones replaced."""
    if not isinstance(config, ComparisonConfig):
        raise TypeError(f"config={config!r} must be a ComparisonConfig. Single settings are given by name.")
    return config.changed(**overrides) if overrides else config


def checked_order(order: int) -> int:
    """Return an order of at least 1 as a plain number."""
    try:
        whole = operator.index(order)
    except TypeError:
        raise ValueError(f"order={order!r} is not a whole number.") from None
    if whole < 1:
        raise ValueError(f"order={order} is too small: choose at least 1.")
    return whole


def _checked(latents: ArrayLike | Sequence[ArrayLike], name: str, covariates: Any = None) -> Segments:
    """Segments of latents, with their covariates."""
    single = getattr(latents, "ndim", 0) == 2
    items: Any = [latents] if single else latents
    parts = [np.asarray(z, dtype=np.float64, order="C") for z in items]
    if not parts:
        raise ValueError(f"{name} is empty. Give latents of shape (n, K), or several such segments.")
    for i, z in enumerate(parts):
        part = name if single else f"{name}[{i}]"
        if z.ndim != 2 or z.shape[1] != parts[0].shape[-1]:
            raise ValueError(
                f"{part} has shape {z.shape}; needed is (n, K), with the same K in all segments. One range is an "
                "array, several segments are a list of arrays."
            )
        bad = np.flatnonzero(~np.isfinite(z).all(1))
        if len(bad):
            raise ValueError(
                f"{part} has NaN or infinite values in {len(bad)} frames, first in frame {bad[0]}. Leave them out, "
                "as the border between two segments."
            )
    known = [] if covariates is None else _covariates(covariates, parts, name)
    return Segments.apart(parts, known)


def _covariates(given: Any, latents: list[Array], name: str) -> list[Array]:
    """Covariates of each segment, one row for each frame."""
    items = [given] if getattr(given, "ndim", 0) == 2 else list(given)
    parts = [np.asarray(part, dtype=np.float64) for part in items]
    fit = [part.ndim == 2 and np.isfinite(part).all() and part.shape[1] == parts[0].shape[1] for part in parts]
    if [len(part) for part in parts] != [len(z) for z in latents] or not all(fit):
        raise ValueError(
            f"The covariates of {name} have shapes {[part.shape for part in parts]}; needed are finite numbers (n, q) "
            f"for segments of {[len(z) for z in latents]} frames."
        )
    return parts
