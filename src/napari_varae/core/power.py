"""How large a change would have been found, by simulation from the fit."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import ndtri

from napari_varae.core.bootstrap import LARGEST_RADIUS, CommonModel, spectral_radius
from napari_varae.core.two_sample import Difference, Sample, difference

__all__ = ["POWER", "detectable"]

POWER = 0.8
"""Chance with which a change of the size `detectable` is found in ranges drawn from the fit.

A little less in ranges of the real process, which the fit does not know exactly (benchmarks/detectable.py)."""


def detectable(model: CommonModel, observed: Difference, critical: float, draws: int, seed: int) -> float:
    """Size of a change that is found with a chance of :data:`POWER`, in half widths of its interval.

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

    Returns
    -------
    size : float
        NaN without draws or without links; infinite when `critical` is.
    """
    k, order = len(model.coefficients), model.order
    if not np.isfinite(critical):
        return np.inf
    if k == 1 or not draws:
        return np.nan
    rng = np.random.default_rng((seed, 1))
    half = critical * observed.bound[0] * observed.error[0]
    guess = 1 + ndtri(POWER) / (critical * observed.bound[0])
    changed = model.coefficients.repeat(draws, 1, 1)
    links, signs = [], []
    for r in range(draws):
        target, source = rng.choice(k, 2, replace=False)
        link = int(target), int(source) + k * int(rng.integers(order))
        step = float(guess[link] * half[link] * rng.choice([-1, 1]))
        for sign in (1, -1):  # one direction may make the series explode, both rarely do
            changed[(r, *link)] = model.coefficients[link] + sign * step
            if spectral_radius(changed[r].numpy(), order) < LARGEST_RADIUS:
                links.append((r, *link))
                signs.append(sign * np.sign(step))
                break
        else:
            changed[r] = model.coefficients
    if not links:
        return np.nan
    dealt = model.deal(draws, rng)
    a, b = Sample.of(model.series(0, dealt[0]), order), Sample.of(model.series(1, dealt[1], changed), order)
    found = difference(a, b, (model.coefficients, model.variances))
    index = tuple(torch.tensor(links).T)
    reached = -torch.tensor(signs) * (found.student / found.bound)[index] / critical  # it takes 1 to be found
    planted = guess[index[1:]]
    kept = float((reached / planted).mean())  # what is left of a change of half a width
    unlucky = float((reached - kept * planted).quantile(1 - POWER))
    return (1 - unlucky) / kept if kept > 0 else np.inf
