"""How large a change would have been found, by simulation from the fit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from threading import Event
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from napari_varae.core.comparison.inference.bootstrap import LARGEST_RADIUS, Signs, WildBootstrap
from napari_varae.core.comparison.inference.lag_pairs import Array
from napari_varae.core.comparison.inference.resampling import BATCH_PAIRS
from napari_varae.core.comparison.inference.statistic import Difference, difference, own_past
from napari_varae.core.compute.workers import Workers, in_order
from napari_varae.core.var.stability import spectral_radius

__all__ = ["POWER", "detectable"]

POWER = 0.8
"""Chance with which a change of the size `detectable` is found in ranges drawn from the fit.

A little less in ranges of the real process, which the fit does not know exactly (benchmarks/detectable.py)."""
FEWEST = 0.2
"""Share of the changes that must leave the series stable: fewer are not a fair sample of the coefficients."""


class _Change(NamedTuple):
    """A pair of ranges to draw: signs of the residuals, the coefficients that change in B, and by how much.

    A link and the own past of another latent; -1 where no change of it leaves the series stable.
    """

    signs: Signs
    places: tuple[int, int]
    sizes: tuple[float, float]


def detectable(
    model: WildBootstrap,
    observed: Difference,
    critical: dict[str, float],
    draws: int,
    seed: int,
    stop: Event | None = None,
    workers: Workers | None = None,
) -> Array:
    """Size of a change of each coefficient that is found with a chance of :data:`POWER`, shape (K, p K).

    Ranges as long as the observed ones are drawn from their common model, after one of its links and the own past of
    another latent changed in B by about this size: as many pairs as `draws`, others each time. How large a difference
    comes out, and how much it scatters, gives the size that is needed.

    Parameters
    ----------
    model : WildBootstrap
    observed : Difference
        Of the two ranges.
    critical : dict
        Scores at which links ("coupling") and own past ("persistence") are called different.
    draws, seed : int
    stop, workers
        As for :func:`napari_varae.core.comparison.inference.resampling.resample`.

    Returns
    -------
    sizes : array, shape (K, p K)
        Infinite where `critical` is; NaN without draws, when hardly any change leaves the series stable, and when
        stopped.
    """
    own = own_past(*observed.score.shape)
    needed = np.where(own, critical["persistence"], critical["coupling"])
    bounds = needed * observed.bound_apart
    widths = bounds * observed.error
    if not np.isfinite(widths).all() or not draws or (stop is not None and stop.is_set()):
        return np.where(np.isinf(widths), np.inf, np.nan)
    guess = 1 + ndtri(POWER) / bounds
    changes: list[_Change] = []
    size = max(1, BATCH_PAIRS // sum(len(side.values) for side in model.residuals))

    def jobs() -> Iterator[list[_Change]]:
        """Choose changes while others are being drawn."""
        chosen = _changes(model, widths * guess, draws, np.random.default_rng((seed, 1)))
        while batch := list(islice(chosen, size)):
            changes.extend(batch)
            yield batch

    reached = [part for batch in in_order(_reached, (model, needed), jobs(), workers, stop) for part in batch]
    sizes = np.full(own.shape, np.nan)
    for which, mask in enumerate((~own, own)) if len(reached) == draws else ():
        made = [(score[which], change.places[which]) for score, change in zip(reached, changes, strict=True)]
        scores, places = np.array([part for part in made if part[1] >= 0]).reshape(-1, 2).T
        if len(scores) >= FEWEST * draws:
            bound = bounds.flat[places.astype(int)]
            kept, unlucky = _outcome(scores * bound, guess.flat[places.astype(int)] * bound)
            if kept > 0:
                # The largest bound: links that A and B share have a smaller one, but lose more to the common estimate.
                sizes[mask] = observed.error[mask] * (bounds[mask].max() - unlucky) / kept
    return sizes


def _outcome(reached: Array, planted: Array) -> tuple[float, float]:
    """Share of a planted change that is estimated, and what the unlucky ones lack, both in standard errors."""
    kept = float((reached / planted).mean())
    return kept, float(np.quantile(reached - kept * planted, 1 - POWER))


def _changes(model: WildBootstrap, sizes: Array, draws: int, rng: np.random.Generator) -> Iterator[_Change]:
    """Choose a link and an own lag that change, up or down, so that the series stay as stable as they may be."""
    k, order = len(model.coefficients), model.order
    limit = max(LARGEST_RADIUS, spectral_radius(model.coefficients)) + 1e-6
    for _ in range(draws):
        after, places, planted = model.coefficients.copy(), [-1, -1], [0.0, 0.0]
        drawn = rng.permutation(k)[:3]
        lag = int(rng.integers(order))
        for which in (0, 1):
            if not which and k == 1:
                continue
            target, source = (drawn[0], drawn[1]) if not which else (drawn[-1], drawn[-1])
            place = int(target) * k * order + int(source) + k * lag
            size = float(rng.choice([-1, 1])) * float(sizes.flat[place])
            for change in (size, -size):
                trial = after.copy()
                trial.flat[place] += change
                if spectral_radius(trial) <= limit:
                    after, places[which], planted[which] = trial, place, change
                    break
        yield _Change(model.random(1, rng)[0], (places[0], places[1]), (planted[0], planted[1]))


def _reached(common: tuple[WildBootstrap, Array], changes: list[_Change]) -> list[Array]:
    """Scores (2,) that the changed coefficients reach, in units of what is needed, against the change if negative."""
    model, needed = common
    scores = []
    for change in changes:
        after = model.coefficients.copy()
        for place, size in zip(change.places, change.sizes, strict=True):
            if place >= 0:
                after.flat[place] += size
        a, b = model.sample(0, change.signs), model.sample(1, change.signs, after)
        found = difference(a, b, (model.coefficients, model.variances))
        places = np.array(change.places)
        scores.append(-np.sign(change.sizes) * (found.student / found.bound_apart / needed).flat[places])
    return scores
