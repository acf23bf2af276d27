"""How large a change would have been found, by simulation from the fit."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from napari_varae.core.comparison.inference.bootstrap import LARGEST_RADIUS, CommonModel
from napari_varae.core.comparison.inference.nulls import BATCH_PAIRS
from napari_varae.core.comparison.inference.two_sample import Difference, Sample, difference
from napari_varae.core.compute.workers import Workers, in_order
from napari_varae.core.var.stability import spectral_radius

__all__ = ["POWER", "detectable"]

POWER = 0.8
"""Chance with which a change of the size `detectable` is found in ranges drawn from the fit.

A little less in ranges of the real process, which the fit does not know exactly (benchmarks/detectable.py)."""
FEWEST = 0.2
"""Share of the changes that must leave the series stable: fewer are no fair sample of the links."""


class _Plan(NamedTuple):
    """Some pairs of ranges to draw: signs of the residuals, coefficients in B (R, K, p K), and the changed links."""

    dealt: list[list[Tensor]]
    coefficients: Tensor
    link: tuple[Tensor, Tensor, Tensor]
    sign: Tensor


def detectable(
    model: CommonModel,
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
    scatters, tells which size it takes.

    Parameters
    ----------
    model : CommonModel
    observed : Difference
        Of the two ranges.
    critical : float
        Score at which a link is called different.
    draws, seed : int
    stop, workers
        As for :func:`napari_varae.core.comparison.inference.nulls.draw`.

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
    guess = 1 + ndtri(POWER) / (critical * observed.bound[0])
    sizes = critical * observed.bound[0] * observed.error[0] * guess
    plans = list(_plans(model, sizes, draws, np.random.default_rng((seed, 1))))
    reached = list(in_order(_reached, (model, critical), plans, workers, stop))
    if len(reached) < len(plans) or sum(map(len, reached)) < FEWEST * draws:
        return np.nan
    scores = torch.cat(reached)  # it takes 1 to be found
    planted = torch.cat([guess[plan.link[1:]] for plan in plans])
    kept = float((scores / planted).mean())  # what is left of a change of half a width
    unlucky = float((scores - kept * planted).quantile(1 - POWER))
    return (1 - unlucky) / kept if kept > 0 else np.nan


def _plans(model: CommonModel, sizes: Tensor, draws: int, rng: np.random.Generator) -> Iterator[_Plan]:
    """Choose links that change, up or down, so that the series stay as stable as they may be."""
    k, order = len(model.coefficients), model.order
    limit = max(LARGEST_RADIUS, spectral_radius(model.coefficients.numpy())) + 1e-6
    batch = max(1, BATCH_PAIRS // sum(len(r) for side in model.residuals for r in side))
    for first in range(0, draws, batch):
        changed, links, signs = [], [], []
        for _ in range(min(batch, draws - first)):
            target, source = rng.choice(k, 2, replace=False)
            link = int(target), int(source) + k * int(rng.integers(order))
            direction = float(rng.choice([-1, 1]))
            for sign in (direction, -direction):
                after = model.coefficients.clone()
                after[link] += sign * sizes[link]
                if spectral_radius(after.numpy()) <= limit:
                    changed.append(after)
                    links.append(link)
                    signs.append(sign)
                    break
        if changed:
            target_of, column_of = torch.tensor(links).T
            link_of = torch.arange(len(links)), target_of, column_of
            yield _Plan(model.deal(len(links), rng), torch.stack(changed), link_of, torch.tensor(signs))


def _reached(common: tuple[CommonModel, float], plan: _Plan) -> Tensor:
    """Scores that the changed links reach, in units of what is needed, against the change if negative."""
    model, critical = common
    a = Sample.of(model.series(0, plan.dealt[0]), model.order)
    b = Sample.of(model.series(1, plan.dealt[1], plan.coefficients), model.order)
    found = difference(a, b, (model.coefficients, model.variances))
    return -plan.sign * (found.student / found.bound)[plan.link] / critical
