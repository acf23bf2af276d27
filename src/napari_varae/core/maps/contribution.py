r"""Contribution maps: which regions drive the learned dynamics, and what the dynamics do to the image.

Driver maps attribute the one-step prediction of (standardised) latents to the pixels of the past frames: gradient
times input, :math:`\partial \hat z_{it} / \partial d_{t-k}(y, x) \; d_{t-k}(y, x)`, with d the difference from the
static image, summed over lags and averaged over frames; with several steps between the static image and the frame they
are integrated gradients (Sundararajan, Taly, Yan 2017), whose sum is the change of the prediction. Effect maps go the
other way: how strongly the predicted part moves each pixel, by the derivative of the decoded image at z = 0, so that
they need the covariance of the predictions only. Of a linear decoder that is exact, of another one to first order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.movie_latents import MovieLatents
from napari_varae.core.maps.frames import mean_distance, read_scaled, scaled
from napari_varae.core.movie.frames import FrameRange, check_ranges
from napari_varae.core.movie.stack import Stack
from napari_varae.core.var.lags import lag_pairs

__all__ = ["combinations", "contribution_map", "kept_coefficients", "spread", "steps_to_complete", "weighted_map"]
MAP_FRAMES = 256
"""Frames over which a driver map is averaged, evenly spread over the range; a quarter of it with integration."""
BATCH, PIXELS = 64, 1 << 21
"""Points that are differentiated at a time, and of how many pixels together where the network is not linear."""
ROWS = 32
"""Combinations of latents that are attributed between two looks at whether the map is still wanted."""
COMPLETE = 0.02
"""Largest error of completeness: root mean square of what attributions sum to, less the change of the prediction,
relative to that change."""
STEPS = (1, 4, 8, 16, 32, 64)
"""Numbers of steps of integration that are tried, until attributions are complete."""
Edge = tuple[int, int, int]
Image = NDArray[np.float32]


def contribution_map(
    fit: Fit,
    stack: Stack,
    kind: Literal["driver", "effect"] = "driver",
    frames: FrameRange | Sequence[FrameRange] | None = None,
    target: int | None = None,
    edge: Edge | None = None,
    signed: bool | None = None,
    own_past: bool = False,
    steps: int | None = None,
    latents: ArrayLike | None = None,
) -> Image:
    """Map where the dynamics come from ("driver") or what they change ("effect").

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie, (T, Y, X).
    kind : {"driver", "effect"}
        Driver: attribution of the prediction to pixels, in SDs of the predicted latent. Effect: SD over
        time of the predicted image, in the movie's units.
    frames : (int, int), or several of them, optional
        Half-open ranges over which to average; all frames when not given.
    target : int, optional
        Only the prediction of this latent; the whole VAR when neither this nor `edge` is given.
    edge : (lag, target, source), optional
        Only this coefficient; lag counted from 1.
    signed : bool, optional
        Whether contributions may cancel. By default they do for a target or an edge, and not for the whole VAR.
    own_past : bool
        Whether what a latent's own past predicts counts too (an `edge` always counts).
    steps : int, optional
        For driver maps. 1: gradient times input. More: integrated gradients by the midpoint rule, so many times slower.
        When not given, the least of :data:`STEPS` with which attributions sum to the change of the prediction, within
        :data:`COMPLETE`: 1 where the encoder is linear.
    latents : array, shape (T, K), optional
        The latents of all frames, where they are known (:meth:`.Fit.encode`): effect maps then read no frame.

    Returns
    -------
    image : array, shape (Y, X)

    Raises
    ------
    ValueError
        When `kind`, `target`, `edge` or `frames` are not possible, or the image size is another one.

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4, seed=0)).stack
    >>> fit = nv.fit(stack, nv.FitConfig(latents=4, epochs=1))
    >>> drivers = nv.contribution_map(fit, stack, kind="driver")  # which pixels the predictions rest on
    >>> drivers.shape
    (32, 32)
    >>> moved = nv.contribution_map(fit, stack, kind="effect", target=2, own_past=True)  # what one prediction changes
    >>> bool(abs(moved).max() > 0)
    True
    """
    fit.check(stack)
    segments = check_ranges(frames, stack.n_frames, minimum=fit.var.order + 1)
    weights = kept_coefficients(fit, target, edge, own_past)
    if signed is None:
        signed = target is not None or edge is not None
    if steps is not None and steps < 1:
        raise ValueError(f"steps={steps} must be at least 1.")
    return weighted_map(kind, fit, stack, segments, weights, signed, steps, latents)


def weighted_map(
    kind: str,
    fit: Fit,
    stack: Stack,
    segments: Sequence[FrameRange],
    weights: NDArray[np.float64],
    signed: bool,
    steps: int | None = None,
    latents: ArrayLike | None = None,
) -> Image:
    """Map what some coefficients (p, K, K) drive ("driver") or change ("effect"); as :func:`contribution_map`."""
    if kind == "driver":
        return _driver(fit, stack, segments, weights, signed, steps)
    if kind == "effect":
        return _effect(MovieLatents(fit, stack, latents), segments, weights, signed)
    raise ValueError(f"kind={kind!r} is neither 'driver' nor 'effect'.")


def kept_coefficients(fit: Fit, target: int | None, edge: Edge | None, own_past: bool) -> NDArray[np.float64]:
    """Coefficients (p, K, K) of the part that is asked for, zero elsewhere."""
    full, k = fit.var.coefficients, fit.latents
    kept = np.zeros_like(full)
    if edge is not None:
        lag, i, j = edge
        if not (1 <= lag <= fit.var.order and 0 <= i < k and 0 <= j < k):
            raise ValueError(
                f"edge={edge} is not a (lag, target, source) with lag 1 to {fit.var.order} and latents 0 to {k - 1}."
            )
        if target not in (None, i):
            raise ValueError(f"edge={edge} leads to latent {i}, not to target={target}. Give one of the two.")
        kept[lag - 1, i, j] = full[lag - 1, i, j]
        return kept
    if target is not None and not 0 <= target < k:
        raise ValueError(f"target={target} is not a latent: choose 0 to {k - 1}.")
    rows = slice(None) if target is None else slice(target, target + 1)
    kept[:, rows] = full[:, rows]
    if not own_past:
        kept[:, range(k), range(k)] = 0
    return kept


def combinations(fit: Fit, weights: NDArray[np.float64]) -> Tensor:
    """Return the combinations of latents (R, K) whose attributions make the driver map of coefficients (p, K, K)."""
    rows = torch.from_numpy((weights / fit.var.scale).astype(np.float32)).to(fit.device).flatten(0, 1)
    return rows[rows.abs().sum(1) > 0]


def _driver(
    fit: Fit,
    stack: Stack,
    segments: Sequence[FrameRange],
    weights: NDArray[np.float64],
    signed: bool,
    steps: int | None,
) -> Image:
    rows, chosen = combinations(fit, weights), spread(stack, segments)
    if not len(rows):  # nothing predicts
        return np.zeros(fit.shape, dtype=np.float32)
    if fit.network.linear:
        mean = mean_distance(fit, stack, chosen, signed)
        total = torch.zeros_like(mean[0])
        for some in rows.split(ROWS):
            stack.still_wanted()
            total += fit.network.attribute(some, mean, torch.zeros_like(mean[0]), signed)
        image: Image = total.cpu().numpy()
        return image
    origin, total = scaled(fit, fit.static), torch.zeros(fit.shape, device=fit.device)
    if steps is None:
        some = read_scaled(fit, stack, chosen[:: -(-len(chosen) // 16)])
        steps = steps_to_complete(fit, rows, some, origin, stack.still_wanted)
    if steps > 1:
        chosen = chosen[:: 4 if len(chosen) > MAP_FRAMES // 4 else 1]
    at_once = min(BATCH, max(1, PIXELS // math.prod(fit.shape)))
    for t in np.array_split(chosen, min(len(chosen), -(-len(chosen) * steps // at_once))):
        frames = read_scaled(fit, stack, t)
        for some in rows.split(ROWS):
            stack.still_wanted()
            total += fit.network.attribute(some, frames, origin, signed, steps)
    averaged: Image = (total / len(chosen)).cpu().numpy()
    return averaged


def incompleteness(fit: Fit, rows: Tensor, d: Tensor, origin: Tensor, steps: int) -> float:
    """Error of completeness; see :data:`COMPLETE`, parameters as for :meth:`Network.attributions`."""
    with torch.no_grad():
        change = (fit.network.encode(d) - fit.network.encode(origin[None])) @ rows.T
    summed = torch.stack([part.sum((1, 2)) for part in fit.network.attributions(rows, d, origin, steps)], 1)
    return float((summed - change).square().sum().sqrt() / change.square().sum().sqrt().clamp(min=1e-30))


def steps_to_complete(fit: Fit, rows: Tensor, d: Tensor, origin: Tensor, check: Check = go_on) -> int:
    """Choose the least of :data:`STEPS` with which some attributions are complete, or the most; `check` between."""
    some = rows[:: -(-len(rows) // 8)]
    for n in STEPS:
        check()
        if incompleteness(fit, some, d, origin, n) <= COMPLETE:
            return n
    return STEPS[-1]


def spread(stack: Stack, segments: Sequence[FrameRange]) -> NDArray[np.intp]:
    """Choose at most `MAP_FRAMES` good frames, evenly spread over the ranges."""
    good = np.concatenate([np.flatnonzero(stack.good_frames(*frames)) + frames[0] for frames in segments])
    if not len(good):
        raise ValueError(f"frames={segments} hold no good frame.")
    chosen: NDArray[np.intp] = good[np.unique(np.linspace(0, len(good) - 1, MAP_FRAMES).round().astype(int))]
    return chosen


def _effect(latents: MovieLatents, segments: Sequence[FrameRange], weights: NDArray[np.float64], signed: bool) -> Image:
    fit, stack = latents.fit, latents.stack
    order, found = len(weights), []
    for frames in segments:
        z = fit.var.standardise(latents.read(frames, stack.still_wanted))
        targets = lag_pairs(len(z), order, torch.from_numpy(stack.runs(*frames))).numpy()
        found.append(sum(z[targets - lag] @ a.T for lag, a in enumerate(weights, 1)) * fit.var.scale)
    ahead = np.concatenate(found)
    if len(ahead) < 2:
        raise ValueError(f"frames={segments} hold too few runs of {order + 1} good frames.")
    covariance = np.atleast_2d(np.cov(ahead, rowvar=False))
    values, vectors = np.linalg.eigh(covariance)
    variance = np.zeros(fit.shape, dtype=np.float32)
    for images in fit.combine((vectors * np.sqrt(values.clip(min=0))).T):
        stack.still_wanted()
        variance += np.square(images).sum(0)
    image: Image = np.sqrt(variance)
    if signed:
        image *= np.sign(next(fit.combine(np.sqrt(covariance.diagonal())[None]))[0])
    return image
