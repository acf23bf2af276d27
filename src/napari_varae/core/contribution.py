r"""Contribution maps: which regions drive the learned dynamics, and what the dynamics do to the image.

Driver maps attribute the one-step prediction of (standardised) latents to the pixels of the past frames: gradient
times input, :math:`\partial \hat z_{it} / \partial d_{t-k}(y, x) \; d_{t-k}(y, x)`, with d the difference from the
static image, summed over lags and averaged over frames. Effect maps go the other way: how strongly the predicted part
moves each pixel. Since the decoder is linear in the latents, effect maps need the covariance of the predictions only.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.model import Fit
from napari_varae.core.stack import FrameRange, Stack, check_range

__all__ = ["attribute", "contribution_map"]

MAP_FRAMES = 256
"""Frames over which a driver map is averaged, evenly spread over the range."""

Edge = tuple[int, int, int]
Image = NDArray[np.float32]


def contribution_map(
    fit: Fit,
    stack: Stack,
    kind: Literal["driver", "effect"] = "driver",
    frames: FrameRange | None = None,
    target: int | None = None,
    edge: Edge | None = None,
    signed: bool | None = None,
    own_past: bool = False,
) -> Image:
    """Map where the dynamics come from ("driver") or what they change ("effect").

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie, (T, Y, X).
    kind : {"driver", "effect"}
        Driver: attribution of the prediction to pixels, in deviations of the predicted latent. Effect: deviation over
        time of the predicted image, in the movie's units.
    frames : (int, int), optional
        Half-open range over which to average; all when not given.
    target : int, optional
        Only the prediction of this latent; the whole VAR when neither this nor `edge` is given.
    edge : (lag, target, source), optional
        Only this coefficient; lag counted from 1.
    signed : bool, optional
        Whether contributions may cancel. By default they do for a target or an edge, and not for the whole VAR.
    own_past : bool
        Whether what a latent's own past predicts counts too (an `edge` always counts).

    Returns
    -------
    image : array, shape (Y, X)

    Raises
    ------
    ValueError
        When `kind`, `target`, `edge` or `frames` are not possible, or the image size is another one.
    """
    fit.check(stack)
    start, stop = check_range(frames, stack.n_frames, minimum=fit.var.order + 1)
    weights = _coefficients(fit, target, edge, own_past)
    if signed is None:
        signed = target is not None or edge is not None
    if kind == "driver":
        return _driver(fit, stack, (start, stop), weights, signed)
    if kind == "effect":
        return _effect(fit, stack, (start, stop), weights, signed)
    raise ValueError(f"kind={kind!r} is neither 'driver' nor 'effect'.")


def _coefficients(fit: Fit, target: int | None, edge: Edge | None, own_past: bool) -> NDArray[np.float64]:
    """Coefficients (p, K, K) of the part that is asked for, zero elsewhere."""
    full, k = fit.var.coefficients, fit.latents
    kept = np.zeros_like(full)
    if edge is not None:
        lag, i, j = edge
        if not (1 <= lag <= fit.var.order and 0 <= i < k and 0 <= j < k):
            raise ValueError(
                f"edge={edge} is no (lag, target, source) with lag 1 to {fit.var.order} and latents 0 to {k - 1}."
            )
        if target not in (None, i):
            raise ValueError(f"edge={edge} leads to latent {i}, not to target={target}. Give one of the two.")
        kept[lag - 1, i, j] = full[lag - 1, i, j]
        return kept
    if target is not None and not 0 <= target < k:
        raise ValueError(f"target={target} is no latent: choose 0 to {k - 1}.")
    rows = slice(None) if target is None else slice(target, target + 1)
    kept[:, rows] = full[:, rows]
    if not own_past:
        kept[:, range(k), range(k)] = 0
    return kept


def _driver(fit: Fit, stack: Stack, frames: FrameRange, weights: NDArray[np.float64], signed: bool) -> Image:
    rows = torch.from_numpy((weights / fit.var.scale).astype(np.float32)).to(fit.device).flatten(0, 1)
    rows = rows.sum(0, keepdim=True) if signed else rows[rows.abs().sum(1) > 0]
    filters, origin = fit.banks[0], _scaled(fit, fit.static)
    total = torch.zeros(fit.shape, device=fit.device)
    chosen = _spread(stack, frames)
    for t in np.array_split(chosen, -(-len(chosen) // 64)):
        block = np.concatenate([stack.read(int(i), int(i) + 1) for i in t])
        d = _scaled(fit, block).requires_grad_()
        z = fit.network.encode(d, filters)
        for row in rows:
            gradient = torch.autograd.grad((z @ row).sum(), d, retain_graph=True)[0]
            part = gradient * (d.detach() - origin)
            total += (part if signed else part.abs()).sum(0)
    image: Image = (total / len(chosen)).cpu().numpy()
    return image


def _scaled(fit: Fit, images: Image) -> Tensor:
    """Give images as the network takes them."""
    return torch.from_numpy((images - fit.baseline) / np.float32(fit.scale)).to(fit.device)


def _spread(stack: Stack, frames: FrameRange) -> NDArray[np.intp]:
    """Choose at most `MAP_FRAMES` good frames, evenly spread over the range."""
    good = np.flatnonzero(stack.good_frames(*frames)) + frames[0]
    if not len(good):
        raise ValueError(f"frames={frames} hold no good frame.")
    chosen: NDArray[np.intp] = good[np.unique(np.linspace(0, len(good) - 1, MAP_FRAMES).round().astype(int))]
    return chosen


def _effect(fit: Fit, stack: Stack, frames: FrameRange, weights: NDArray[np.float64], signed: bool) -> Image:
    z = fit.var.standardise(fit.encode(stack, frames))
    z[~stack.good_frames(*frames)] = np.nan
    order = fit.var.order
    ahead = np.asarray(sum(z[order - lag : len(z) - lag] @ a.T for lag, a in enumerate(weights, 1))) * fit.var.scale
    ahead = ahead[np.isfinite(ahead).all(1)]
    if len(ahead) < 2:
        raise ValueError(f"frames={frames} hold too few runs of {order + 1} good frames.")
    covariance = np.atleast_2d(np.cov(ahead, rowvar=False))
    drawn = fit.footprints.reshape(fit.latents, -1)
    deviation = np.sqrt(np.einsum("kp,kl,lp->p", drawn, covariance, drawn, optimize=True).clip(min=0))
    if signed:
        deviation = deviation * np.sign(np.sqrt(covariance.diagonal()) @ drawn)
    image: Image = deviation.reshape(fit.shape).astype(np.float32)
    return image


def attribute(fit: Fit, frame: Image, target: int, lag: int = 1, steps: int = 1) -> tuple[Image, float]:
    """Attribute one lag's share of the prediction of a latent to the pixels of one frame, from the static image.

    Parameters
    ----------
    fit : Fit
    frame : array, shape (Y, X)
        A frame of the movie, `lag` frames before the predicted one.
    target : int
        Latent whose prediction is explained.
    lag : int
        Which coefficient matrix, counted from 1.
    steps : int
        1 is gradient times input; more are integrated gradients (Sundararajan, Taly, Yan 2017) by the midpoint rule.

    Returns
    -------
    image : array, shape (Y, X)
        Attribution, in deviations of the latent.
    gap : float
        Difference between the prediction from the frame and from the static image, minus the sum of the image: goes to
        zero with `steps` (completeness).

    Raises
    ------
    ValueError
        When there is no such latent or lag, or the frame has another size.
    """
    if not (0 <= target < fit.latents and 1 <= lag <= fit.var.order):
        raise ValueError(
            f"target={target}, lag={lag}: choose latents 0 to {fit.latents - 1}, lags 1 to {fit.var.order}."
        )
    if frame.shape != fit.shape:
        raise ValueError(f"The frame has shape {frame.shape}; this fit is for images of {fit.shape}.")
    row = torch.from_numpy((fit.var.coefficients[lag - 1, target] / fit.var.scale).astype(np.float32)).to(fit.device)
    filters = fit.banks[0]
    origin, d = _scaled(fit, fit.static), _scaled(fit, frame)

    def predicted(x: Tensor) -> Tensor:
        return fit.network.encode(x, filters) @ row

    share = (torch.arange(steps, device=fit.device) + 0.5) / steps if steps > 1 else torch.ones(1, device=fit.device)
    points = (origin + share[:, None, None] * (d - origin)).requires_grad_()
    gradient = torch.autograd.grad(predicted(points).sum(), points)[0].mean(0)
    image = gradient * (d - origin)
    with torch.no_grad():
        ends = predicted(torch.stack([d, origin]))
    return image.cpu().numpy(), float(ends[0] - ends[1] - image.sum())
