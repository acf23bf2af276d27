"""Do the latents of two ranges follow the same VAR? A resampling test."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.comparison import notes
from napari_varae.core.comparison.inference.resampling import Progress
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.two_sample import UnusableRangesError, two_sample_test
from napari_varae.core.comparison.result import Comparison
from napari_varae.core.compute.workers import Workers
from napari_varae.core.settings import ComparisonConfig

__all__ = ["compare_latents"]

Array = NDArray[np.float64]


def compare_latents(
    za: ArrayLike | Sequence[ArrayLike],
    zb: ArrayLike | Sequence[ArrayLike],
    order: int = 1,
    config: ComparisonConfig = ComparisonConfig(),  # noqa: B008  # frozen
    *,
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
    order = _order(order)
    a, b = _checked(za, order, "za"), _checked(zb, order, "zb")
    if a.latents[0].shape[1] != b.latents[0].shape[1]:
        raise ValueError(f"za has {a.latents[0].shape[1]} latents and zb {b.latents[0].shape[1]}.")
    test = two_sample_test(a, b, order, config, stop, progress, workers)
    return Comparison(test, config, notes.of_test(test, config))


def settled(config: ComparisonConfig, overrides: dict[str, Any]) -> ComparisonConfig:
    """Return the settings with single ones replaced."""
    if not isinstance(config, ComparisonConfig):
        raise TypeError(f"config={config!r} must be a ComparisonConfig. Single settings are given by name.")
    return config.changed(**overrides) if overrides else config


def _order(order: int) -> int:
    """Return an order of at least 1 as a plain number."""
    try:
        whole = operator.index(order)
    except TypeError:
        raise ValueError(f"order={order!r} is not a whole number.") from None
    if whole < 1:
        raise ValueError(f"order={order} is too small: choose at least 1.")
    return whole


def _checked(latents: ArrayLike | Sequence[ArrayLike], order: int, name: str) -> Segments:
    """Segments of latents long enough to hold a lag pair."""
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
    segments = Segments.apart([z for z in parts if len(z)] or parts)
    if short := notes.shortage(segments.n_pairs(order), order, name):
        raise UnusableRangesError(short)
    return segments.with_pairs(order)
