"""How large a change would have been found, by simulation from the fit."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from napari_varae.core.comparison.inference.bootstrap import LARGEST_RADIUS, Signs, WildBootstrap
from napari_varae.core.comparison.inference.resampling import BATCH_PAIRS
from napari_varae.core.comparison.inference.sample import Array
from napari_varae.core.comparison.inference.statistic import Difference, difference
from napari_varae.core.compute.workers import Workers, in_order
from napari_varae.core.var.stability import spectral_radius

__all__ = ["POWER", "detectable"]

POWER = 0.8
"""Chance with which a change of the size `detectable` is found in ranges drawn from the fit.

A little less in ranges of the real process, which the fit does not know exactly (benchmarks/detectable.py)."""
FEWEST = 0.2
"""Share of the changes that must leave the series stable: fewer are not a fair sample of the links."""


class _Change(NamedTuple):
    """A pair of ranges to draw: signs of the residuals, the link that changes in B, and by how much."""

    signs: Signs
    link: tuple[int, int]
    size: float


def detectable(
    model: WildBootstrap,
    observed: Difference,
    critical: float,
    draws: int,
    seed: int,
    stop: Event | None = None,
    workers: Workers | None = None,
) -> float:
    """Size of a change of a link that is found with a chance of :data:`POWER`, in half widths of its interval.

    Ranges as long as the observed ones are drawn from their common model, after one of its links changed in B by about
    this size: as many pairs as `draws`, another link each time. How large a difference comes out, and how much it
    scatters, gives the size that is needed.

    Parameters
    ----------
    model : WildBootstrap
    observed : Difference
        Of the two ranges.
    critical : float
        Score at which a link is called different.
    draws, seed : int
    stop, workers
        As for :func:`napari_varae.core.comparison.inference.resampling.resample`.

    Returns
    -------
    size : float
        Infinite when `critical` is; NaN without draws or links, when hardly any change leaves the series stable, and
        when stopped.
    """
    if not np.isfinite(critical):
        return np.inf
    if len(model.coefficients) == 1 or not draws or (stop is not None and stop.is_set()):
        return np.nan
    guess = 1 + ndtri(POWER) / (critical * observed.bound)
    sizes = critical * observed.bound * observed.error * guess
    changes = list(_changes(model, sizes, draws, np.random.default_rng((seed, 1))))
    jobs = list(_batches(changes, max(1, BATCH_PAIRS // sum(len(side.values) for side in model.residuals))))
    reached = [score for batch in in_order(_reached, (model, critical), jobs, workers, stop) for score in batch]
    if len(reached) < max(len(changes), FEWEST * draws):
        return np.nan
    scores = np.array(reached)  # it takes 1 to be found
    planted = np.array([guess[change.link] for change in changes])
    kept = float((scores / planted).mean())  # what is left of a change of half a width
    unlucky = float(np.quantile(scores - kept * planted, 1 - POWER))
    return (1 - unlucky) / kept if kept > 0 else np.nan


def _changes(model: WildBootstrap, sizes: Array, draws: int, rng: np.random.Generator) -> Iterator[_Change]:
    """Choose links that change, up or down, so that the series stay as stable as they may be."""
    k, order = len(model.coefficients), model.order
    limit = max(LARGEST_RADIUS, spectral_radius(model.coefficients)) + 1e-6
    for _ in range(draws):
        target, source = rng.choice(k, 2, replace=False)
        link = int(target), int(source) + k * int(rng.integers(order))
        direction = float(rng.choice([-1, 1]))
        for size in (direction * float(sizes[link]), -direction * float(sizes[link])):
            if spectral_radius(_changed(model, link, size)) <= limit:
                yield _Change(model.random(1, rng)[0], link, size)
                break


def _changed(model: WildBootstrap, link: tuple[int, int], size: float) -> Array:
    """Return the common coefficients (K, p K) after a change of one link."""
    coefficients = model.coefficients.copy()
    coefficients[link] += size
    return coefficients


def _batches(changes: list[_Change], size: int) -> Iterator[list[_Change]]:
    """Cut a list into jobs."""
    return (changes[first : first + size] for first in range(0, len(changes), size))


def _reached(common: tuple[WildBootstrap, float], changes: list[_Change]) -> list[float]:
    """Scores that the changed links reach, in units of what is needed, against the change if negative."""
    model, critical = common
    scores = []
    for change in changes:
        after = _changed(model, change.link, change.size)
        a, b = model.sample(0, change.signs[0]), model.sample(1, change.signs[1], after)
        found = difference(a, b, (model.coefficients, model.variances))
        scores.append(float(-np.sign(change.size) * (found.student / found.bound)[change.link] / critical))
    return scores
