"""The difference map: where the coefficients that differ between two frame sets drive, or draw, more in one of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.result import Comparison
from napari_varae.core.fit.fit import Fit
from napari_varae.core.maps.contribution import weighted_map
from napari_varae.core.movie.stack import Stack

__all__ = ["difference_map"]

Image = NDArray[np.float32]


def difference_map(
    fit: Fit, stack: Stack, comparison: Comparison, kind: Literal["driver", "effect"] = "driver"
) -> Image:
    """Map where the coefficients that differ between two ranges drive, or draw, more in A than in B.

    Own past is among them when it differs. Each range has its own coefficients, as the comparison estimated them.

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie, (T, Y, X).
    comparison : Comparison
        Of two ranges of this movie by this fit. Those with an adjusted p-value above its level count as equal.
    kind : {"driver", "effect"}
        As for :func:`contribution_map`.

    Returns
    -------
    image : array, shape (Y, X)
        Map of A minus map of B, both without sign; zero when none differs.

    Raises
    ------
    ValueError
        When the comparison is one of latents or of another fit, or `kind` is not possible.
    """
    fit.check(stack)
    if comparison.fit != fit.id:
        raise ValueError(
            f"The comparison is of {f'fit {comparison.fit}' if comparison.fit else 'latents alone'}, and this is fit "
            f"{fit.id}. Compare the ranges with nv.compare and this fit."
        )
    links = comparison.differing
    image: Image = np.zeros(fit.shape, dtype=np.float32)
    unit = comparison.test.scale / fit.var.scale
    for sign, name in ((1, "a"), (-1, "b")):
        weights = np.zeros((comparison.test.order, fit.latents, fit.latents))
        size = links[name] * unit[links["target"]] / unit[links["source"]]
        weights[links["lag"] - 1, links["target"], links["source"]] = size
        if weights.any():
            runs = comparison.frames[name].with_pairs(comparison.test.order)
            image += np.float32(sign) * weighted_map(kind, fit, stack, runs, weights, signed=False)
    return image
