"""The vector autoregression on latents: its l1 estimate, and what follows from its coefficients.

z_t = sum_k A_k z_(t-k) + innovation, on latents standardised over the estimation window, without intercept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_varae.core.companion import companion, spectral_radius
from napari_varae.core.lasso import LassoPath, lasso
from napari_varae.core.moments import Moments, lag_moments, lag_pairs, standardise
from napari_varae.core.selection import cross_validation, information_criterion, useful_path

__all__ = ["VAR", "Moments", "estimate_var", "lag_moments", "lag_pairs", "link_weights", "standardise"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VAR:
    """A vector autoregression with p lags on K latents.

    Attributes
    ----------
    coefficients : array, shape (p, K, K)
        A_k as [lag, target, source], on standardised latents.
    mean, scale : array, shape (K,)
        What standardises: (latent - mean) / scale.
    penalty : float
        The l1 penalty (lambda), 0 to about 1.
    order : int
        Number of lags p, in frames.
    n_pairs : int
        Number of lag pairs of the estimate.
    gram, cross, covariance : array, shapes (p K, p K), (K, p K), (K, K)
        Second moments of predictors and targets, from which any other penalty is estimated exactly.
    weights : array, shape (p, K, K)
        Factors of the penalty of each coefficient.
    """

    coefficients: Array
    mean: Array
    scale: Array
    penalty: float
    order: int
    n_pairs: int
    gram: Array
    cross: Array
    covariance: Array
    weights: Array

    @property
    def latents(self) -> int:
        """Number of latents K."""
        return len(self.mean)

    @cached_property
    def path(self) -> LassoPath:
        """Solution paths of all targets, from no penalised coefficient to a hundredth of the largest useful penalty."""
        return useful_path(self.gram, self.cross, _flat(self.weights))

    def at(self, penalty: float) -> VAR:
        """Return the VAR estimated from the same moments with another penalty."""
        on_path = penalty >= float(self.path.min_penalty.max())
        beta = self.path.at(penalty) if on_path else lasso(self.gram, self.cross, penalty, _flat(self.weights))
        changed = replace(self, coefficients=_by_lag(beta, self.order), penalty=float(penalty))
        changed.__dict__["path"] = self.path
        return changed

    @property
    def intercept(self) -> Array:
        """What the prediction adds in the units of the latents, shape (K,): how far the past mean falls short."""
        intercept: Array = self.mean - self.scale * (self.coefficients.sum(0) @ (self.mean / self.scale))
        return intercept

    @cached_property
    def innovation_covariance(self) -> Array:
        """Covariance of the one-step errors on standardised latents, shape (K, K)."""
        a = _flat(self.coefficients)
        return self.covariance - a @ self.cross.T - self.cross @ a.T + a @ self.gram @ a.T

    def standardise(self, latents: ArrayLike) -> Array:
        """Latents in units of their deviation, shape (T, K).

        Raises
        ------
        ValueError
            When they are not (T, K).
        """
        z = np.asarray(latents, dtype=np.float64)
        if z.ndim != 2 or z.shape[1] != self.latents:
            raise ValueError(f"latents has shape {z.shape}; this VAR needs (T, {self.latents}).")
        standardised: Array = (z - self.mean) / self.scale
        return standardised

    def unstandardise(self, standardised: ArrayLike) -> Array:
        """Undo :meth:`standardise`."""
        return np.asarray(standardised, dtype=np.float64) * self.scale + self.mean

    def predict(self, latents: ArrayLike, good: ArrayLike | None = None) -> Array:
        """Predict each frame from the p frames before it.

        Parameters
        ----------
        latents : array, shape (T, K)
            In their own units.
        good : array of bool, shape (T,), optional
            Frames to use.

        Returns
        -------
        predicted : array, shape (T, K)
            In the units of the latents; NaN where the p frames before are not all there and good.
        """
        z = self.standardise(latents)
        usable = np.ones(len(z), dtype=bool) if good is None else np.asarray(good, dtype=bool)
        predicted = np.full_like(z, np.nan)
        if len(z) > self.order:
            past = np.stack([usable[self.order - lag : len(z) - lag] for lag in range(1, self.order + 1)]).all(0)
            frames = np.flatnonzero(past) + self.order
            predicted[frames] = sum(z[frames - lag] @ a.T for lag, a in enumerate(self.coefficients, 1))
        return self.unstandardise(predicted)

    def companion(self) -> Array:
        """Matrix of the equivalent VAR of order 1, shape (p K, p K)."""
        return companion(_flat(self.coefficients))

    @cached_property
    def spectral_radius(self) -> float:
        """Largest absolute eigenvalue of the companion matrix; below 1 the VAR is stable."""
        return spectral_radius(_flat(self.coefficients))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the coefficients should know, in words."""
        found = []
        if self.spectral_radius >= 1:
            found.append(
                f"The VAR is unstable (spectral radius {self.spectral_radius:.3f}, must be below 1): it cannot be "
                "simulated or run forward. Remove drift, or choose a larger penalty or a lower order."
            )
        if self.n_pairs < 2 * self.order * self.latents:
            found.append(
                f"{self.n_pairs} lag pairs for {self.order * self.latents} coefficients per target: small penalties "
                "overfit."
            )
        return tuple(found)

    def simulate(self, n_frames: int, seed: int | np.random.Generator = 0) -> Array:
        """Draw latents from the VAR with Gaussian innovations, shape (n_frames, K), in the units of the latents.

        Raises
        ------
        ValueError
            When the VAR is unstable.
        """
        radius = self.spectral_radius
        if radius >= 1:
            raise ValueError(
                f"spectral radius {radius:.3f}: an unstable VAR cannot be simulated. Choose a larger penalty."
            )
        burn_in = 50 if radius == 0 else min(10_000, 50 + int(np.ceil(-10 / np.log(radius))))
        values, vectors = np.linalg.eigh(self.innovation_covariance)
        root = vectors * np.sqrt(values.clip(min=0))
        noise = np.random.default_rng(seed).standard_normal((burn_in + n_frames, self.latents)) @ root.T
        z = np.zeros((self.order + burn_in + n_frames, self.latents))
        for t in range(self.order, len(z)):
            z[t] = noise[t - self.order] + sum(a @ z[t - lag] for lag, a in enumerate(self.coefficients, 1))
        return self.unstandardise(z[self.order + burn_in :])


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
    good : array of bool, shape (T,), optional
        Frames to use.
    weights : "links", or array that broadcasts to (p, K, K) as [lag, target, source]
        Factors >= 0 of the penalty of each coefficient; 0 leaves it unpenalised, 1 / abs(estimate) makes the adaptive
        lasso (Zou 2006). "links": those of :func:`link_weights`, which leave own past unpenalised. A rule counts
        unpenalised coefficients as degrees of freedom.

    Raises
    ------
    ValueError
        When latents are not (T, K) of finite numbers, there are too few good frames, `penalty` is none of these, or
        weights do not fit, are negative or not finite.
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
    usable = torch.ones(len(z), dtype=torch.bool) if good is None else torch.tensor(np.asarray(good, dtype=bool))
    if usable.shape != (len(z),):
        raise ValueError(f"good has shape {tuple(usable.shape)}; it must be ({len(z)},), one per frame.")
    if not bool(z[usable].isfinite().all()):
        raise ValueError("latents has NaN or infinite values in good frames.")
    if len(lag_pairs(len(z), order, usable)) < 2:
        raise ValueError(
            f"{int(usable.sum())} good frames are too few: a VAR of order {order} needs at least two lag pairs, each "
            f"of {order + 1} good frames in a row."
        )
    standardised, mean, scale = standardise(z, usable)
    moments = lag_moments(standardised, order, usable)
    factors = _factors(weights, moments, order)
    chosen = _choose(z, usable, order, penalty, moments, _flat(factors))
    beta = lasso(moments.gram, moments.cross, chosen, _flat(factors))
    return VAR(
        coefficients=_by_lag(beta.numpy(), order),
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


def link_weights(moments: Moments, order: int) -> Array:
    """Weights (p, K, K) under which the penalty is about links between latents only, and as hard on each target.

    A latent's own past is free: what decays slowly is no link. The links into a latent weigh as much as the deviation
    of what its own past leaves of it, since chance correlations grow with that (Belloni, Chernozhukov, Wang 2011).
    """
    k = len(moments.cross)
    own = torch.arange(k)[:, None] + k * torch.arange(order)
    gram = moments.gram[own[:, :, None], own[:, None, :]] + 1e-9 * torch.eye(order, dtype=moments.gram.dtype)
    cross = moments.cross.gather(1, own)
    explained = (cross * torch.cholesky_solve(cross[:, :, None], torch.linalg.cholesky(gram))[:, :, 0]).sum(1)
    left = (moments.variance - explained).clamp(min=0).sqrt().numpy()
    left = np.where(moments.variance.numpy() > 0, np.maximum(left, 1e-3), 1.0)
    return np.tile(left[:, None] * (1 - np.eye(k)), (order, 1, 1))


def _by_lag(beta: Array, order: int) -> Array:
    """Turn coefficients (K, p K) into (p, K, K) [lag, target, source]."""
    return np.ascontiguousarray(beta.reshape(len(beta), order, len(beta)).transpose(1, 0, 2))


def _flat(by_lag: Array) -> Array:
    """Undo :func:`_by_lag`."""
    return np.concatenate(list(by_lag), axis=1)


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
    path = useful_path(gram, cross, weights)
    if penalty == "cv":
        frames = lag_pairs(len(latents), order, usable)
        return cross_validation(latents, frames, order, float(path.max_penalty.max()), weights)
    return information_criterion(path, cross, variance, moments.count, 0.5 if penalty == "ebic" else 0.0, weights)
