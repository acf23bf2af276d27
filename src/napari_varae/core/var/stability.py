"""The VAR of order 1 that does what one of order p does: its matrix shows whether series stay bounded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["companion", "spectral_radius"]

Array = NDArray[np.float64]


def companion(coefficients: Array) -> Array:
    """Matrix (p K, p K) that takes z_t-1 ... z_t-p to z_t ... z_t-p+1, of coefficients (K, p K), lag 1 first."""
    k, size = coefficients.shape
    return np.vstack([coefficients, np.eye(size - k, size)])


def spectral_radius(coefficients: Array) -> float:
    """Largest absolute eigenvalue of the companion matrix; below 1 the VAR is stable, without latents 0."""
    return float(np.abs(np.linalg.eigvals(companion(coefficients))).max(initial=0.0))
