"""The main directions in which latents move, for the trajectory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit

__all__ = ["COMPONENTS", "principal_components"]

COMPONENTS = 3


def principal_components(
    fit: Fit, latents: NDArray[Any], usual: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """First principal components of standardised latents (T, K), shape (T, 3), or (T, K) when K is smaller.

    They are those of the frames that are `usual` (T,): one flash would be the first component.
    """
    z = fit.var.standardise(latents)
    some = z if usual is None or not usual.any() else z[usual]
    z, some = z - some.mean(axis=0), some - some.mean(axis=0)
    _, directions = np.linalg.eigh(some.T @ some)
    main = directions[:, ::-1][:, :COMPONENTS]
    main = main * np.sign(main[np.abs(main).argmax(axis=0), np.arange(main.shape[1])])  # the sign means nothing
    components: NDArray[np.float64] = z @ main
    return components
