"""Do the dynamics differ? The verdict on a comparison, and every rule by which it is withheld.

The verdict is about coupling: links between latents. Own past follows noise and the level of activity before anything
else, and is reported beside it. A p-value is not enough for a verdict: it may rest on assumptions that the recording
violates, or on ranges that could not have shown anything.

Needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_varae.core.comparison.percent import percent

if TYPE_CHECKING:
    from napari_varae.core.comparison.inference.two_sample import TwoSampleTest
    from napari_varae.core.comparison.result import Comparison

__all__ = [
    "CANNOT", "DIFFER", "NO_DIFFERENCE", "PLACEBO_LEVEL", "POWER_WORDS", "Verdict", "drifts", "judge",
    "not_a_var", "p_of_halves", "placebo_rejects", "worth",
]  # fmt: skip

DIFFER, NO_DIFFERENCE, CANNOT = "differ", "no difference found", "cannot be decided"

FEWEST_INDEPENDENT = 5
"""Independent frames in a range below which nothing can be decided."""
EXPLOSIVE = 1.02
"""Spectral radius from which dynamics are not stationary: less is within chance for slow latents in short ranges."""
TOO_FEW = 5
"""Independent frames in a block below which permuting blocks does not protect from latents that are not a VAR."""
AUTOCORRELATED = 0.1
"""Correlation of the residuals of a VAR, or of their squares, with the frame before, from which it is not one."""
HALVES_LEVEL = 0.05
"""P-value of the halves of A and B up to which these differ: by chance, one verdict in 20 at most is withheld."""
HALVES_PAIRS = 2
"""Lag pairs in a half, for each predictor, below which halves do not show drift (benchmarks/comparison/halves.py)."""
PLACEBO_LEVEL = 0.05
"""P-value up to which a pair of a placebo is counted as different."""
PLACEBO_CHANCE = 0.05
"""Chance of as many differing pairs, if these were independent, from which down the placebo rejects."""
POWER_WORDS = "about 3 of 4 such comparisons"
"""How often a detectable change is found: 80 % by simulation, 72 to 80 % as measured
(benchmarks/comparison/detectable.py)."""
UNINFORMATIVE = 1.0
"""Detectable change of a link, on latents of SD 1, from which finding no difference means nothing."""


@dataclass(frozen=True)
class Verdict:
    """What a comparison found.

    Attributes
    ----------
    outcome : str
        "differ", "no difference found" or "cannot be decided".
    reason : str
        Why, in one sentence.
    remedy : str
        What would help; empty where a difference was found.
    """

    outcome: str
    reason: str
    remedy: str = ""


Rule = Callable[["Comparison"], tuple[str, str] | None]


def judge(comparison: Comparison) -> Verdict:
    """Give the verdict on coupling."""
    p, level = comparison.coupling.p_value, comparison.config.level
    for rule in ALWAYS:
        if found := rule(comparison):
            return Verdict(CANNOT, *found)
    for rule in IF_DIFFERENT if p <= level else IF_NOT:
        if found := rule(comparison):
            return Verdict(CANNOT, f"p = {p:.3g}, but {found[0]}", found[1])
    if p <= level:
        return Verdict(DIFFER, _difference(comparison))
    return Verdict(NO_DIFFERENCE, _sensitivity(comparison), "A larger number of frames would show smaller changes.")


def _difference(comparison: Comparison) -> str:
    """Report how many links differ."""
    found = comparison.coupling
    counted = f"{found.n_differ} of {found.n_coefficients} links differ"
    drift = drift_of(comparison)
    return f"{counted}{f'; {drift}' if drift else ''}."


def drift_of(comparison: Comparison) -> str:
    """Name why drift and condition cannot be separated, where that is so."""
    if not comparison.frames or comparison.test.n_strata > 1:
        return ""
    single = all(len(side.ranges) == 1 for side in comparison.frames.values())
    what = "A and B are single segments" if single else "A and B do not take turns often enough"
    return f"{what}, so slow drift of the recording cannot be separated from a condition"


def _sensitivity(comparison: Comparison) -> str:
    """Report how large a change would have been found."""
    size, none = comparison.coupling.detectable, "No link differs"
    if not math.isfinite(size):
        return f"{none}; how large a change would have been found is not known."
    return f"{none}; for half of the links, a change of {size:.2f} would have been found in {POWER_WORDS}."


# Rules that hold whatever p is


def no_links(comparison: Comparison) -> tuple[str, str] | None:
    """Withhold it from a single latent, which has no links."""
    if comparison.coupling.n_coefficients:
        return None
    return "There is only one latent to compare, and no link.", "Use a fit with more latents."


def too_few_draws(comparison: Comparison) -> tuple[str, str] | None:
    """Withhold it when p cannot become as small as the level."""
    made, level = comparison.test.resamples, comparison.config.level
    if 1 / (made + 1) <= level * (1 + 1e-9):
        return None
    return f"{made} resamples are too few to find a difference at the {percent(level)} level.", "Draw more resamples."


def too_few_pairs(comparison: Comparison) -> tuple[str, str] | None:
    """Withhold it from fewer lag pairs than predictors: least squares would fit them exactly."""
    test = comparison.test
    predictors = int(test.known.sum()) * test.order
    name, pairs = min(zip("AB", test.n_pairs, strict=True), key=lambda side: side[1])
    if pairs >= predictors:
        return None
    return (
        f"{name} has {pairs} lag pairs for {predictors} predictors of each latent.",
        "Use longer ranges or fewer latents.",
    )


def too_few_independent(comparison: Comparison) -> tuple[str, str] | None:
    """Withhold it from latents so slow that a range is worth a few frames."""
    name, frames = min(zip("AB", comparison.test.effective_frames, strict=True), key=lambda side: side[1])
    if frames >= FEWEST_INDEPENDENT:
        return None
    return f"{name} is worth about {frames:.0f} independent frames: its latents are slow.", "Use longer ranges."


def not_stationary(comparison: Comparison) -> tuple[str, str] | None:
    """Withhold it from common dynamics that explode."""
    radius = comparison.test.spectral_radius
    if radius < EXPLOSIVE:
        return None
    return (
        f"The estimated dynamics are not stationary (spectral radius {radius:.3f}).",
        "Use longer ranges, fewer latents, or a recording without drift.",
    )


# Rules for a p-value that is small


def placebo_differs(comparison: Comparison) -> tuple[str, str] | None:
    """Withhold it where pairs between which nothing should differ, differ."""
    if not placebo_rejects(comparison.placebo):
        return None
    low = sum(p <= PLACEBO_LEVEL for p in comparison.placebo)
    reason = (
        f"{low} of {len(comparison.placebo)} placebo pairs, between which no condition differs, have p ≤ "
        f"{PLACEBO_LEVEL:g} too."
    )
    return reason, "Compare more segments of each condition that take turns."


def halves_differ(comparison: Comparison) -> tuple[str, str] | None:
    """Withhold it where the halves of a range differ as well; segments that take turns share such drift."""
    if comparison.test.n_strata > 1 or not drifts(comparison.halves):
        return None
    return (
        f"the dynamics drift: the halves of a range differ from each other too ({p_of_halves(comparison.halves)}).",
        "Compare segments of each condition that take turns, six or more of each.",
    )


def halves_too_short(comparison: Comparison) -> tuple[str, str] | None:
    """Withhold it where the halves of a range are too short to show whether its dynamics drift."""
    test = comparison.test
    if not (comparison.frames and comparison.config.halves) or test.n_strata > 1:
        return None
    predictors = int(test.known.sum()) * test.order
    name, pairs = min(zip("AB", test.n_pairs, strict=True), key=lambda side: side[1])
    if pairs // 2 >= HALVES_PAIRS * predictors:
        return None
    reason = (
        f"the halves of {name} have {pairs // 2} lag pairs for {predictors} predictors of each latent, too few to see "
        f"whether the dynamics drift within {name}."
    )
    return reason, "Use longer ranges or fewer latents, or segments of each condition that take turns."


def autocorrelated_residuals(comparison: Comparison) -> tuple[str, str] | None:
    """Withhold it where latents are not a VAR of this order, and blocks are too short to protect from that."""
    test = comparison.test
    if not not_a_var(test) or worth(test) >= TOO_FEW:
        return None
    reason = (
        f"the residuals of the VAR are autocorrelated, and blocks of {test.block_length} frames are worth about "
        f"{max(worth(test), 1):.0f} independent frames each."
    )
    return reason, "Use longer ranges, more segments, or a higher order."


# Rules for a p-value that is not small


def not_sensitive(comparison: Comparison) -> tuple[str, str] | None:
    """Withhold it where only a huge change would have been found."""
    size = comparison.coupling.detectable
    if math.isnan(size) or size < UNINFORMATIVE:
        return None
    return (
        f"only a change of a link of {size:.2g} or more would have been found in {POWER_WORDS}.",
        "Use longer ranges or fewer latents.",
    )


ALWAYS: tuple[Rule, ...] = (no_links, too_few_draws, too_few_pairs, too_few_independent, not_stationary)
IF_DIFFERENT: tuple[Rule, ...] = (placebo_differs, halves_differ, halves_too_short, autocorrelated_residuals)
IF_NOT: tuple[Rule, ...] = (not_sensitive,)


# What the rules rest on, and cautions as well


def drifts(halves: dict[str, float]) -> bool:
    """Whether the halves of A or of B differ, by one test for both."""
    return halves.get("any", 1.0) <= HALVES_LEVEL


def p_of_halves(halves: dict[str, float]) -> str:
    """Report the p-value of the halves, and that of each range where there are two."""
    sides = {name.upper(): p for name, p in halves.items() if name != "any"}
    if len(sides) == 1:
        return f"p = {halves['any']:.2g} within {next(iter(sides))}"
    each = ", ".join(f"{name} alone {p:.2g}" for name, p in sides.items())
    return f"p = {halves['any']:.2g} for {' and '.join(sides)} together; {each}"


def placebo_rejects(p_values: tuple[float, ...]) -> bool:
    """Whether more pairs of a placebo differ than chance allows (binomial)."""
    n, low = len(p_values), sum(p <= PLACEBO_LEVEL for p in p_values)
    tail = sum(math.comb(n, k) * PLACEBO_LEVEL**k * (1 - PLACEBO_LEVEL) ** (n - k) for k in range(low, n + 1))
    return low > 0 and tail <= PLACEBO_CHANCE


def not_a_var(test: TwoSampleTest) -> bool:
    """Whether residuals, or their squares, are autocorrelated by more than chance."""
    return test.autocorrelation > max(AUTOCORRELATED, 3 / math.sqrt(sum(test.n_pairs)))


def worth(test: TwoSampleTest) -> float:
    """Independent frames that a permuted block is worth; infinite for whole segments, which are units of their own."""
    if test.n_strata:
        return math.inf
    share = min(e / n for e, n in zip(test.effective_frames, test.n_pairs, strict=True))
    return max(test.block_length, 1) * share
