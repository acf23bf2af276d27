"""What brings the latents of several ranges to common units, and which of them can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_varae.core.comparison.inference.lag_pairs import Array
from napari_varae.core.comparison.inference.segment_noise import SegmentNoise
from napari_varae.core.comparison.inference.segments import Segments

__all__ = ["Units", "UnusableRangesError"]

SILENT = 1e-9
"""SD up to which a latent does not vary, as a share of its largest value."""


class UnusableRangesError(ValueError):
    """Ranges that cannot be compared, where others can: too short, or without latents that vary."""


class Units:
    """What brings the latents of all ranges to mean 0 and SD 1, and which of them vary in each.

    Latents are first divided by a power of two near their largest value, so that no square overflows.

    Raises
    ------
    UnusableRangesError
        When no latent varies in all ranges.
    """

    def __init__(self, sides: Sequence[Segments], order: int) -> None:
        peak = np.abs(np.concatenate([side.joined for side in sides])).max(0)
        self.exponent = np.frexp(peak)[1]
        small = [side.replaced(np.ldexp(z, -self.exponent) for z in side.latents) for side in sides]
        self.means = [side.joined.mean(0) for side in small]
        self.deviation: Array = np.sqrt(np.mean([side.joined.var(0) for side in small], 0))
        least = np.min([side.least_deviation(order) for side in small], 0)
        self.alive = np.flatnonzero(least > SILENT * np.ldexp(peak, -self.exponent))
        if not self.alive.size:
            raise UnusableRangesError("The latents do not vary in these ranges: there are no dynamics to compare.")

    def scaled(self, side: Segments, whole: bool = False) -> list[Array]:
        """Latents of a frame set that vary, about its mean; or about that of each range, where whole ones are units."""
        small = [np.ldexp(z, -self.exponent) for z in side.latents]
        of = np.array(side.ranges if whole else [0] * len(small))
        means = {unit: np.concatenate([z for z, o in zip(small, of, strict=True) if o == unit]).mean(0) for unit in of}
        return [
            np.ascontiguousarray((z - means[unit])[:, self.alive] / self.deviation[self.alive])
            for z, unit in zip(small, of, strict=True)
        ]

    def noise(self, side: Segments) -> SegmentNoise | None:
        """Noise of the latents that vary, in each segment of a frame set."""
        if side.noise is None:
            return None
        return side.noise.scaled(self.alive, np.ldexp(1.0, -self.exponent[self.alive]) / self.deviation[self.alive])

    def share(self, scaled: list[Array], noise: Array | None) -> Array:
        """Share of the variance of each latent that is noise; NaN for a silent one."""
        variance = np.square(np.concatenate(scaled)).mean(0)
        return self.spread(np.zeros_like(variance) if noise is None else noise.diagonal() / variance)

    def spread(self, values: Array) -> Array:
        """Put values of the latents that vary among all, NaN for the others."""
        whole = np.full(len(self.deviation), np.nan)
        whole[self.alive] = values
        return whole
