"""The l1 estimate of a sparse VAR from latents."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_varae.core.lasso.estimate import entry_penalty, lasso
from napari_varae.core.var.lags import Moments, by_lag, flat, lag_moments, lag_pairs, standardise
from napari_varae.core.var.model import VAR
from napari_varae.core.var.selection import cross_validation, information_criterion

__all__ = ["estimate_var", "link_weights"]

Array = NDArray[np.float64]


def estimate_var(
    latents: Tensor | ArrayLike,
    order: int = 1,
    penalty: Literal["bic", "ebic", "cv"] | float = "bic",
    good: Any = None,
    weights: Literal["links"] | ArrayLike = 1.0,
) -> VAR:
    """Estimate a sparse VAR from latents.

    Parameters
    ----------
    latents : Tensor or array, shape (T, K)
        In any units; standardised here.
    order : int
        Number of lags p, in frames.
    penalty : {"bic", "ebic", "cv"} or float
        The l1 penalty on standardised latents, or how one for all targets is chosen: by an information criterion, or
        by forward-chaining cross-validation with the one-standard-error rule.
    good : array of bool or int, shape (T,), optional
        Frames to use; or the number of the run of each frame (:meth:`.Stack.runs`), negative where it is bad: then no
        lag pair crosses a break.
    weights : "links", or array that broadcasts to (p, K, K) as [lag, target, source]
        Factors >= 0 of the penalty of each coefficient; 0 leaves it unpenalised, 1 / abs(estimate) makes the adaptive
        lasso (Zou 2006). "links": those of :func:`link_weights`, which leave own past unpenalised. A rule counts
        unpenalised coefficients as degrees of freedom.

    Raises
    ------
    ValueError
        When latents are not (T, K) of finite numbers, there are too few good frames, `penalty` is none of these, or
        weights do not fit, are negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> rng = np.random.default_rng(0)
    >>> z = np.zeros((1000, 3))  # latents: each decays, and the first drives the last
    >>> for t in range(1, len(z)):
    ...     z[t] = 0.8 * z[t - 1] + 0.3 * np.array([0, 0, z[t - 1, 0]]) + rng.standard_normal(3)
    >>> var = nv.estimate_var(z, order=1, weights="links")  # coefficients [lag, target, source]
    >>> [(int(target), int(source)) for target, source in np.argwhere(var.coefficients[0]) if target != source]
    [(2, 0)]
    """
    z = (
        latents.detach().cpu().double()
        if isinstance(latents, Tensor)
        else torch.tensor(np.asarray(latents, dtype=float))
    )
    if z.ndim != 2 or 0 in z.shape:
        raise ValueError(f"latents has shape {tuple(z.shape)}; it must be (T, K).")
    if order < 1:
        raise ValueError(f"order={order} must be at least 1.")
    good = good.cpu() if isinstance(good, Tensor) else good
    usable = torch.ones(len(z), dtype=torch.bool) if good is None else _runs(good)
    if usable.shape != (len(z),):
        raise ValueError(f"good has shape {tuple(usable.shape)}; it must be ({len(z)},), one per frame.")
    if not bool(z[usable > 0].isfinite().all()):
        raise ValueError("latents has NaN or infinite values in good frames.")
    if len(lag_pairs(len(z), order, usable)) < 2:
        raise ValueError(
            f"{int((usable > 0).sum())} good frames are too few: a VAR of order {order} needs at least two lag pairs, "
            f"each of {order + 1} good frames in a row."
        )
    standardised, mean, scale = standardise(z, usable)
    moments = lag_moments(standardised, order, usable)
    factors = _factors(weights, moments, order)
    chosen = _choose(z, usable, order, penalty, moments, flat(factors))
    beta = lasso(moments.gram, moments.cross, chosen, flat(factors))
    return VAR(
        coefficients=by_lag(beta.numpy(), order),
        mean=mean.numpy(),
        scale=scale.numpy(),
        penalty=chosen,
        order=order,
        n_pairs=moments.count,
        gram=moments.gram.numpy(),
        cross=moments.cross.numpy(),
        covariance=moments.covariance.numpy(),
        weights=factors,
    )


def _runs(good: Any) -> Tensor:
    """Mask or numbers of runs, as a tensor."""
    given = np.asarray(good)
    return torch.tensor(given.astype(np.int64 if given.dtype.kind in "iu" else bool))


def link_weights(moments: Moments, order: int) -> Array:
    """Weights (p, K, K) under which the penalty is about links between latents only, and as hard on each target.

    A latent's own past is free: slow decay is not a link. The links into a latent weigh as much as its
    residual SD given its own past, since chance correlations grow with that (Belloni, Chernozhukov, Wang 2011).
    """
    k = len(moments.cross)
    own = torch.arange(k)[:, None] + k * torch.arange(order)
    gram = moments.gram[own[:, :, None], own[:, None, :]] + 1e-9 * torch.eye(order, dtype=moments.gram.dtype)
    cross = moments.cross.gather(1, own)
    explained = (cross * torch.cholesky_solve(cross[:, :, None], torch.linalg.cholesky(gram))[:, :, 0]).sum(1)
    left = (moments.variance - explained).clamp(min=0).sqrt().numpy()
    left = np.where(moments.variance.numpy() > 0, np.maximum(left, 1e-3), 1.0)
    return np.tile(left[:, None] * (1 - np.eye(k)), (order, 1, 1))


def _factors(weights: Literal["links"] | ArrayLike, moments: Moments, order: int) -> Array:
    if isinstance(weights, str):
        if weights != "links":
            raise ValueError(f"weights={weights!r} is neither 'links' nor an array.")
        return link_weights(moments, order)
    given, shape = np.asarray(weights, dtype=np.float64), (order, len(moments.cross), len(moments.cross))
    try:
        return np.broadcast_to(given, shape).copy()
    except ValueError:
        raise ValueError(
            f"weights has shape {given.shape}; it must fit {shape}, that is [lag, target, source]."
        ) from None


def _choose(
    latents: Tensor, usable: Tensor, order: int, penalty: str | float, moments: Moments, weights: Array
) -> float:
    if not isinstance(penalty, str):
        return float(penalty)
    if penalty not in ("bic", "ebic", "cv"):
        raise ValueError(f"penalty={penalty!r} is none of 'bic', 'ebic', 'cv' and no number.")
    gram, cross, variance = (moment.numpy() for moment in (moments.gram, moments.cross, moments.variance))
    if penalty == "cv":
        frames = lag_pairs(len(latents), order, usable)
        return cross_validation(latents, frames, order, float(entry_penalty(gram, cross, 1, weights).max()), weights)
    return information_criterion(gram, cross, variance, moments.count, 0.5 if penalty == "ebic" else 0.0, weights)
