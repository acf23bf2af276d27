"""The vector autoregression on latents: its l1 estimate, and what follows from its coefficients.

z_t = sum_k A_k z_(t-k) + innovation, on latents standardised over the estimation window, without intercept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.lasso.estimate import lasso
from napari_varae.core.lasso.path import LassoPath
from napari_varae.core.var.lags import by_lag, flat
from napari_varae.core.var.selection import useful_path
from napari_varae.core.var.stability import companion, spectral_radius

__all__ = ["VAR"]
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

    def __repr__(self) -> str:
        links = int(
            np.count_nonzero(self.coefficients) - np.count_nonzero(self.coefficients.diagonal(axis1=1, axis2=2))
        )
        return f"VAR({self.latents} latents, order {self.order}, {links} links, penalty {self.penalty:.3g})"

    @staticmethod
    def shapes(latents: int, order: int) -> dict[str, tuple[int, ...]]:
        """Shape of each array for K latents and p lags."""
        lagged, by_lag = order * latents, (order, latents, latents)
        return {
            "coefficients": by_lag,
            "mean": (latents,),
            "scale": (latents,),
            "gram": (lagged, lagged),
            "cross": (latents, lagged),
            "covariance": (latents, latents),
            "weights": by_lag,
        }

    @property
    def latents(self) -> int:
        """Number of latents K."""
        return len(self.mean)

    @cached_property
    def path(self) -> LassoPath:
        """Solution paths of all targets, down to 1 % of the largest useful penalty, or to 64 links into a latent."""
        return useful_path(self.gram, self.cross, flat(self.weights))

    def at(self, penalty: float) -> VAR:
        """Return the VAR estimated from the same moments with another penalty."""
        on_path = penalty >= float(self.path.min_penalty.max())
        beta = self.path.at(penalty) if on_path else lasso(self.gram, self.cross, penalty, flat(self.weights))
        changed = replace(self, coefficients=by_lag(beta, self.order), penalty=float(penalty))
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
        a = flat(self.coefficients)
        return self.covariance - a @ self.cross.T - self.cross @ a.T + a @ self.gram @ a.T

    def standardise(self, latents: ArrayLike) -> Array:
        """Latents in units of their SD, shape (T, K).

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
        good : array of bool or int, shape (T,), optional
            Frames to use; or the number of the run of each frame (:meth:`.Stack.runs`), negative where it is bad: then
            nothing is predicted across a break.

        Returns
        -------
        predicted : array, shape (T, K)
            In the units of the latents; NaN where the p frames before are not all there, good and of the same run.
        """
        z = self.standardise(latents)
        given = np.ones(len(z), dtype=bool) if good is None else np.asarray(good)
        runs = given if given.dtype.kind in "iu" else np.where(given, 1, -1)  # a bad frame can be predicted
        predicted = np.full_like(z, np.nan)
        if len(z) > self.order:
            past = np.stack([runs[self.order - lag : len(z) - lag] for lag in range(1, self.order + 1)])
            frames = np.flatnonzero((past == np.abs(runs[self.order :])).all(0)) + self.order
            predicted[frames] = sum(z[frames - lag] @ a.T for lag, a in enumerate(self.coefficients, 1))
        return self.unstandardise(predicted)

    def companion(self) -> Array:
        """Matrix of the equivalent VAR of order 1, shape (p K, p K)."""
        return companion(flat(self.coefficients))

    @cached_property
    def spectral_radius(self) -> float:
        """Largest absolute eigenvalue of the companion matrix; below 1 the VAR is stable."""
        return spectral_radius(flat(self.coefficients))

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
