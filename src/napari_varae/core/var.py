"""The vector autoregression on latents: its moments, its l1 estimate, and what follows from its coefficients.

z_t = sum_k A_k z_(t-k) + innovation, on latents standardised over the estimation window, without intercept. Only lag
pairs inside one unbroken run of good frames count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_varae.core.lasso import LassoPath, lasso, lasso_path
from napari_varae.core.selection import information_criterion, one_standard_error

__all__ = ["VAR", "Moments", "estimate_var", "lag_moments", "lag_pairs", "standardise"]

PATH_FLOOR = 0.02
"""Share of the largest useful penalty down to which a VAR keeps its path; below it, estimates are made singly."""
FOLDS = 5
"""Blocks of frames that cross-validation predicts."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Second moments of n lag pairs with predictors x (P = p K, index (lag - 1) K + source) and targets y (K).

    Attributes
    ----------
    gram : Tensor, shape (P, P)
        Mean of x x'.
    cross : Tensor, shape (K, P)
        Mean of y x'.
    covariance : Tensor, shape (K, K)
        Mean of y y'.
    count : int
        Number of lag pairs n.
    """

    gram: Tensor
    cross: Tensor
    covariance: Tensor
    count: int

    @property
    def variance(self) -> Tensor:
        """Mean square of each target, shape (K,)."""
        return self.covariance.diagonal()


def standardise(latents: Tensor, good: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Give latents mean 0 and deviation 1 over the good frames; differentiable.

    The deviation has a floor, 1e-4 of the root mean square over latents, so that a dead latent stays dead.

    Parameters
    ----------
    latents : Tensor, shape (T, K)
    good : Tensor of bool, shape (T,), optional

    Returns
    -------
    standardised : Tensor, shape (T, K), float64
    mean, scale : Tensor, shape (K,)
    """
    latents = latents.double()
    used = latents if good is None else latents[good]
    mean = used.mean(0)
    variance = (used - mean).square().mean(0)
    with torch.no_grad():  # rounding of the mean is no signal either
        floor = 1e-8 * variance.mean() + (1e-12 * mean.abs().max()).square() + torch.finfo(torch.float64).tiny
    scale = variance.clamp(min=floor).sqrt()
    return (latents - mean) / scale, mean, scale


def lag_pairs(n_frames: int, order: int, good: Tensor | None = None) -> Tensor:
    """Frames t for which t - order to t are all good, in order."""
    usable = torch.ones(n_frames, dtype=torch.bool) if good is None else good
    if len(usable) <= order:
        return torch.arange(0, device=usable.device)
    return usable.unfold(0, order + 1, 1).all(1).nonzero()[:, 0] + order


def lag_moments(latents: Tensor, order: int, good: Tensor | None = None) -> Moments:
    """Collect the second moments of lagged latents; differentiable.

    Parameters
    ----------
    latents : Tensor, shape (T, K)
        Standardised latents.
    order : int
        Order p of the VAR.
    good : Tensor of bool, shape (T,), optional
        Frames to use; a lag pair counts only when all its frames are good.

    Raises
    ------
    ValueError
        When there is no lag pair.
    """
    return _moments(latents, lag_pairs(len(latents), order, good), order)


def _moments(latents: Tensor, frames: Tensor, order: int) -> Moments:
    if len(frames) == 0:
        raise ValueError(f"No run of more than {order} good frames: a VAR of order {order} cannot be estimated.")
    frames = frames.to(latents.device)
    x = torch.cat([latents[frames - lag] for lag in range(1, order + 1)], 1)
    y = latents[frames]
    return Moments(x.mT @ x / len(frames), y.mT @ x / len(frames), y.mT @ y / len(frames), len(frames))


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

    @property
    def latents(self) -> int:
        """Number of latents K."""
        return len(self.mean)

    @cached_property
    def path(self) -> LassoPath:
        """Solution paths of all targets, from no coefficient to `PATH_FLOOR` of the largest useful penalty."""
        return lasso_path(self.gram, self.cross, PATH_FLOOR * float(np.abs(self.cross).max()))

    def at(self, penalty: float) -> VAR:
        """Return the VAR estimated from the same moments with another penalty."""
        on_path = penalty >= float(self.path.min_penalty.max())
        beta = self.path.at(penalty) if on_path else lasso(self.gram, self.cross, penalty)
        changed = replace(self, coefficients=_by_lag(beta, self.order), penalty=float(penalty))
        changed.__dict__["path"] = self.path
        return changed

    @cached_property
    def innovation_covariance(self) -> Array:
        """Covariance of the one-step errors on standardised latents, shape (K, K)."""
        a = self._flat
        return self.covariance - a @ self.cross.T - self.cross @ a.T + a @ self.gram @ a.T

    @property
    def _flat(self) -> Array:
        return np.concatenate(list(self.coefficients), axis=1)

    def standardise(self, latents: ArrayLike) -> Array:
        """Latents in units of their deviation, shape (T, K)."""
        return (np.asarray(latents, dtype=np.float64) - self.mean) / self.scale

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
        if z.ndim != 2 or z.shape[1] != self.latents:
            raise ValueError(f"latents has shape {z.shape}; this VAR needs (T, {self.latents}).")
        usable = np.ones(len(z), dtype=bool) if good is None else np.asarray(good, dtype=bool)
        predicted = np.full_like(z, np.nan)
        if len(z) > self.order:
            past = np.stack([usable[self.order - lag : len(z) - lag] for lag in range(1, self.order + 1)]).all(0)
            frames = np.flatnonzero(past) + self.order
            predicted[frames] = sum(z[frames - lag] @ a.T for lag, a in enumerate(self.coefficients, 1))
        return self.unstandardise(predicted)

    def companion(self) -> Array:
        """Matrix of the equivalent VAR of order 1, shape (p K, p K)."""
        size = self.order * self.latents
        return np.vstack([self._flat, np.eye(size - self.latents, size)])

    @cached_property
    def spectral_radius(self) -> float:
        """Largest absolute eigenvalue of the companion matrix; below 1 the VAR is stable."""
        return float(np.abs(np.linalg.eigvals(self.companion())).max())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the coefficients should know, in words."""
        found = []
        if self.spectral_radius >= 1:
            found.append(
                f"The VAR is unstable (spectral radius {self.spectral_radius:.3f}, must be below 1): it cannot be simulated "
                "or run forward. Remove drift, or choose a larger penalty or a lower order."
            )
        if self.n_pairs < 2 * self.order * self.latents:
            found.append(
                f"{self.n_pairs} lag pairs for {self.order * self.latents} coefficients per target: small penalties overfit."
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
            raise ValueError(f"spectral radius {radius:.3f}: an unstable VAR cannot be simulated. Choose a larger penalty.")
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

    Raises
    ------
    ValueError
        When latents are not (T, K) of finite numbers, there are too few good frames, or `penalty` is none of these.
    """
    z = torch.as_tensor(latents).detach().cpu().double()
    if z.ndim != 2 or 0 in z.shape:
        raise ValueError(f"latents has shape {tuple(z.shape)}; it must be (T, K).")
    if order < 1:
        raise ValueError(f"order={order} must be at least 1.")
    usable = torch.ones(len(z), dtype=torch.bool) if good is None else torch.as_tensor(good, dtype=torch.bool).cpu()
    if usable.shape != (len(z),):
        raise ValueError(f"good has shape {tuple(usable.shape)}; it must be ({len(z)},), one per frame.")
    if not bool(z[usable].isfinite().all()):
        raise ValueError("latents has NaN or infinite values in good frames.")
    if len(lag_pairs(len(z), order, usable)) < 2:
        raise ValueError(f"Too few good frames: a VAR of order {order} needs two runs of {order + 1} good frames or more.")
    standardised, mean, scale = standardise(z, usable)
    moments = lag_moments(standardised, order, usable)
    chosen = _choose(z, usable, order, penalty, moments)
    beta = lasso(moments.gram, moments.cross, chosen)
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
    )


def _by_lag(beta: Array, order: int) -> Array:
    """Turn coefficients (K, p K) into (p, K, K) [lag, target, source]."""
    return np.ascontiguousarray(beta.reshape(len(beta), order, len(beta)).transpose(1, 0, 2))


def _choose(latents: Tensor, usable: Tensor, order: int, penalty: str | float, moments: Moments) -> float:
    if not isinstance(penalty, str):
        return float(penalty)
    floor = PATH_FLOOR * float(moments.cross.abs().max())
    if penalty in ("bic", "ebic"):
        path = lasso_path(moments.gram, moments.cross, floor)
        gamma = 0.0 if penalty == "bic" else 0.5
        return information_criterion(path, moments.cross, moments.variance, moments.count, gamma)
    if penalty == "cv":
        top = float(moments.cross.abs().max())
        return _cross_validate(latents, lag_pairs(len(latents), order, usable), order, top)
    raise ValueError(f"penalty={penalty!r} is none of 'bic', 'ebic', 'cv' and no number.")


def _cross_validate(latents: Tensor, frames: Tensor, order: int, top: float) -> float:
    """Choose a penalty by how well the lag pairs of a block are predicted from those before it."""
    blocks = frames.tensor_split(FOLDS + 1)
    if min(len(block) for block in blocks) < 2:
        raise ValueError(f"{len(frames)} lag pairs are too few for cross-validation; give a penalty or use 'bic'.")
    penalties = top * torch.logspace(0, np.log10(PATH_FLOOR), 60, dtype=torch.float64)
    errors = torch.empty(FOLDS, len(penalties), dtype=torch.float64)
    for fold in range(FOLDS):
        past = torch.cat(blocks[: fold + 1])
        seen = torch.zeros(len(latents), dtype=torch.bool)
        for lag in range(order + 1):
            seen[past - lag] = True
        standardised, _, _ = standardise(latents, seen)
        known, held_out = _moments(standardised, past, order), _moments(standardised, blocks[fold + 1], order)
        path = lasso_path(known.gram, known.cross, penalties[-1])
        for column, level in enumerate(penalties.tolist()):
            beta = path.at(level)
            fit = 2 * held_out.cross - beta @ held_out.gram
            errors[fold, column] = (held_out.variance - (fit * beta).sum(1)).sum()
    return one_standard_error(penalties, errors)
