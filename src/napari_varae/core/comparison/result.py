"""What a comparison of two ranges found, with its tables, files and words."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.edges import EDGE
from napari_varae.core.comparison.percent import percent
from napari_varae.core.movie.frames import FrameRange

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
        family (:attr:`napari_varae.core.comparison.inference.two_sample.Difference.score`).
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
    order, resamples, seed, level, power_draws
        Settings. Fewer resamples than were `planned`, when it was stopped.
    planned : int
        Resamples that were asked for.
    lengths : (int, int)
        Lag pairs in a and b.
    effective : (float, float)
        Independent frames that would say as much about a correlation (Bartlett 1935): latents are slow.
    stretch : int
        Consecutive lag pairs that were dealt together; 0 when none were.
    ranges : dict
        Frame ranges of a and b; empty when latents were compared.
    bad : (int, int)
        Frames in a and b that were left out because they are bad.
    subtract_responses : bool
        Whether the mean over the trials of each range was taken away first.
    movie : str
        Fingerprint of the movie; empty when latents were compared.
    trained_on : str
        Fingerprint of the movie that the fit was trained on; empty when latents were compared.
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
    planned: int
    power_draws: int
    bad: tuple[int, int] = (0, 0)
    fit: str = ""
    movie: str = ""
    trained_on: str = ""
    subtract_responses: bool = False

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which latents vary in both ranges and were compared, shape (K,)."""
        found: NDArray[np.bool_] = np.isfinite(self.variance_ratio)
        return found

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and texts; None for what is not known, "infinite" as a text."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name, value in plain.items():
            if isinstance(value, np.ndarray | tuple) and name not in ("edges", "warnings"):
                plain[name] = [_plain(x) for x in value]
            elif isinstance(value, float):
                plain[name] = _plain(value)
        plain["edges"] = [dict(zip(EDGE.names or (), map(_plain, row.tolist()), strict=True)) for row in self.edges]
        plain["methods"] = self.methods_text()
        plain["napari-varae"] = version("napari-varae")
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
        compared, silent = int(self.known.sum()), int((~self.known).sum())
        spans = "; ".join(
            f"{name.upper()}: frames " + ", ".join(f"{start} to {stop - 1}" for start, stop in parts)
            for name, parts in self.ranges.items()
        )
        bad = f", {self.bad[0]} and {self.bad[1]} bad frames left out" if any(self.bad) else ""
        left_out = f" ({silent} that do not vary in one of them left out)" if silent else ""
        dealt = (
            f" and from dealing stretches of {self.stretch} lag pairs to the two ranges anew" if self.stretch else ""
        )
        stopped = f"; stopped before the {self.planned} that were planned" if self.resamples < self.planned else ""
        larger = "; the larger p-value counts" if self.stretch else ""
        alone = f" (links between latents alone: p = {self.p_links:.3g})" if np.isfinite(self.p_links) else ""
        without = ", after the mean over the trials of each range was taken away" if self.subtract_responses else ""
        foreign = ", trained on another movie" if self.trained_on != self.movie else ""
        halves = ", ".join(f"{name.upper()}: p = {p:.2g}" for name, p in self.within.items())
        detectable = self.edges["detectable"][np.isfinite(self.edges["detectable"])]
        return (
            f"The dynamics in two ranges of the recording ({spans or 'latents given'}; {self.lengths[0]} and "
            f"{self.lengths[1]} lag pairs{bad}) were compared with napari-varae {version('napari-varae')}"
            f"{f' (fit {self.fit}{foreign})' if self.fit else ''}{without}. The null hypothesis was that the "
            f"coefficients of a vector autoregression of order {self.order} on {compared} latents{left_out} are the "
            "same in both ranges, while intercepts and innovation covariances may differ. Coefficients were estimated "
            "with an l1 penalty on their common part and on their difference and corrected for the bias of the "
            "penalty; the "
            "statistic was the largest absolute studentised difference, the coefficients of the common part and all "
            "others weighing the same as families. Null distributions came from a wild bootstrap (Rademacher) of "
            "the common model"
            f"{dealt}, {self.resamples} resamples each{stopped}, the whole statistic being computed anew in each "
            f"(seed {self.seed}){larger}. Global test: p = {self.p_value:.3g}{alone}. "
            f"The surest difference of a coefficient was {self.effect_size:.3f} (simultaneous "
            f"{percent(1 - self.level)} interval {self.effect_interval[0]:.3f} to {self.effect_interval[1]:.3f}; "
            "latents of deviation 1). P-values of single coefficients were adjusted by step-down max-T (level "
            f"{percent(self.level)}), their false discovery rate was estimated from the same draws."
            + (f" Halves of the ranges were compared in the same way ({halves})." if halves else "")
            + (
                f" By simulation from the common model ({self.power_draws} pairs of ranges), a change of a link by "
                f"{np.median(detectable):.2f} (median) would have been found in 80 %."
                if len(detectable)
                else ""
            )
        )


def _plain(number: Any) -> float | int | str | None:
    """Give a number as JSON has it: none that is infinite or NaN."""
    value = number.item() if isinstance(number, np.generic) else number
    if np.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    return None if np.isnan(value) else value
