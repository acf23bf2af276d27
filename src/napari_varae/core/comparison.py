"""What a comparison of two ranges found, with its tables, files and words."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.edges import EDGE
from napari_varae.core.stack import FrameRange

__all__ = ["Comparison"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    p_value : float
        Chance, under equal coefficients, of a statistic as large; at least 1 / (resamples + 1).
    statistic : float
        Largest absolute studentised difference of a coefficient, in units of the size that chance reaches in its
        family (:attr:`napari_varae.core.two_sample.Difference.score`).
    p_of_null : dict
        The p-value of each null distribution: "VAR", if the latents are one; "stretches", if these are alike.
    p_links : float
        The same for links between latents alone; of use where p_value is small. Noise and activity change a latent's
        own past first, and links of correlated latents as well: a small value does not rule them out. NaN for a single
        latent.
    null : array, shape (R,)
        The statistic in each draw, from the null distribution with the larger p-value.
    effect_size : float
        Size of the surest difference of a coefficient, on latents of deviation 1.
    effect_interval : (float, float)
        Its simultaneous confidence interval at 1 - `level`, which allows for its having been picked among all: above
        zero where p <= `level`.
    edges : structured array
        One row per coefficient among latents that vary in both ranges, the surest first: lag (from 1), target, source;
        the coefficient in a and b (corrected for the penalty's bias, on latents standardised over both ranges);
        difference a - b with its simultaneous interval low to high; student, the studentised difference; p_adjusted,
        by step-down max-T over all coefficients (Westfall, Young 1993); q_value, the false discovery rate among the
        coefficients down to this one; detectable, the size of a change of a link that is found in about three of
        four such pairs of ranges (infinite when draws are too few for the level, NaN for own past and where unknown).
    scale : array, shape (K,)
        Deviation of the latents in the two ranges, the unit of the coefficients.
    mean_shift : array, shape (K,)
        Mean in b minus mean in a, in deviations. No part of the test.
    variance_ratio : array, shape (K,)
        Innovation variance in b over that in a; NaN for a silent latent. No part of the test.
    warnings : tuple of str
        What a reader should know, in words.
    order, resamples, seed, level
        Settings.
    lengths : (int, int)
        Lag pairs in a and b.
    effective : (float, float)
        Independent frames that would say as much about a correlation (Bartlett 1935): latents are slow.
    stretch : int
        Consecutive lag pairs that were dealt together; 0 when none were.
    ranges : dict
        Frame ranges of a and b; empty when latents were compared.
    within : dict
        P-values of the first half of each range against its second half; empty when latents were compared.
    fit : str
        Identity of the fit; empty when latents were compared.
    """

    p_value: float
    statistic: float
    p_of_null: dict[str, float]
    p_links: float
    null: Array
    effect_size: float
    effect_interval: tuple[float, float]
    edges: NDArray[Any]
    scale: Array
    mean_shift: Array
    variance_ratio: Array
    warnings: tuple[str, ...]
    order: int
    resamples: int
    seed: int
    level: float
    lengths: tuple[int, int]
    effective: tuple[float, float]
    stretch: int
    ranges: dict[str, tuple[FrameRange, ...]]
    within: dict[str, float]
    fit: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and texts."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name, value in plain.items():
            if isinstance(value, np.ndarray | tuple) and name not in ("edges", "warnings"):
                plain[name] = [_plain(x) for x in value]
            elif isinstance(value, float):
                plain[name] = _plain(value)
        plain["edges"] = [dict(zip(EDGE.names or (), map(_plain, row.tolist()), strict=True)) for row in self.edges]
        plain["methods"] = self.methods_text()
        return plain

    def to_json(self, path: str | Path) -> None:
        """Write everything as JSON."""
        Path(path).write_text(json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")

    def to_csv(self, path: str | Path) -> None:
        """Write the edges as CSV."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(EDGE.names or ())
            writer.writerows(row.tolist() for row in self.edges)

    def methods_text(self) -> str:
        """Give a paragraph for a methods section."""
        from importlib.metadata import version

        latents = len(self.mean_shift)
        spans = "; ".join(
            f"{name.upper()}: frames " + ", ".join(f"{start} to {stop - 1}" for start, stop in parts)
            for name, parts in self.ranges.items()
        )
        dealt = f" and from dealing stretches of {self.stretch} frames to the two ranges anew" if self.stretch else ""
        alone = f" (links between latents alone: p = {self.p_links:.3g})" if np.isfinite(self.p_links) else ""
        larger = "; the larger p-value counts" if self.stretch else ""
        return (
            f"The dynamics in two ranges of the recording ({spans or 'latents given'}; {self.lengths[0]} and "
            f"{self.lengths[1]} lag pairs) were compared with napari-varae {version('napari-varae')}"
            f"{f' (fit {self.fit})' if self.fit else ''}. The null hypothesis was that the coefficients of a vector "
            f"autoregression of order {self.order} on the {latents} latents are the same in both ranges, while "
            "intercepts and innovation covariances may differ. Coefficients were estimated with an l1 penalty on their "
            "common part and on their difference and corrected for the bias of the penalty; the statistic was the "
            "largest absolute studentised difference, the coefficients of the common part and all others weighing the "
            "same as families. Null distributions came from a wild bootstrap (Rademacher) of the common model"
            f"{dealt}, {self.resamples} resamples each, the whole statistic being computed anew in each "
            f"(seed {self.seed}){larger}. Global test: p = {self.p_value:.3g}{alone}. "
            "The surest difference of a coefficient was "
            f"{self.effect_size:.3f} (simultaneous {1 - self.level:.0%} interval {self.effect_interval[0]:.3f} to "
            f"{self.effect_interval[1]:.3f}; latents of deviation 1). P-values of single coefficients were adjusted by "
            "step-down max-T, their false discovery rate was estimated from the same draws."
        )


def _plain(number: Any) -> float | int | None:
    """Give a number as JSON has it: none that is infinite or NaN."""
    value = number.item() if isinstance(number, np.generic) else number
    return value if np.isfinite(value) else None
