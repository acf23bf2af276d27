"""A comparison as a paragraph for a methods section: what was compared, how, and what was found."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from napari_varae.core.comparison.percent import percent
from napari_varae.core.comparison.verdict import PLACEBO_LEVEL, p_of_halves

if TYPE_CHECKING:
    from napari_varae.core.comparison.inference.answer import Answer
    from napari_varae.core.comparison.result import Comparison

__all__ = ["methods_text"]


def methods_text(comparison: Comparison) -> str:
    """Return a paragraph for a methods section."""
    return " ".join(part(comparison) for part in (_what, _how, _found))


def _what(comparison: Comparison) -> str:
    """Describe what was compared, and the null hypothesis."""
    test = comparison.test
    compared, silent = int(test.known.sum()), int((~test.known).sum())
    spans = "; ".join(
        f"{name.upper()}: frames " + ", ".join(f"{start} to {stop - 1}" for start, stop in parts)
        for name, parts in comparison.ranges.items()
    )
    n_bad = [frames.n_bad for frames in comparison.frames.values()]
    bad = ", {} and {} bad frames left out".format(*n_bad) if any(n_bad) else ""
    foreign = ", trained on another movie" if comparison.trained_on != comparison.movie else ""
    fit = f" (fit {comparison.fit}{foreign})" if comparison.fit else ""
    without = (
        ", after the mean over the trials of each range was subtracted" if comparison.config.subtract_responses else ""
    )
    if test.n_covariates:
        number = f"{test.n_covariates} covariate" + "s" * (test.n_covariates > 1)
        without += f", with {number} (lags counted) as exogenous regressors, whose coefficients may differ"
    left_out = f" ({silent} that do not vary in one of them left out)" if silent else ""
    return (
        f"The dynamics in two ranges of the recording ({spans or 'latents given'}; {test.n_pairs[0]} and "
        f"{test.n_pairs[1]} lag pairs{bad}) were compared with napari-varae {version('napari-varae')}{fit}{without}. "
        f"The null hypothesis was that the coefficients of a vector autoregression of order {test.order} on {compared} "
        f"latents{left_out} are the same in both ranges, while intercepts and innovation covariances may differ."
    )


def _how(comparison: Comparison) -> str:
    """Describe the statistic and its null distributions."""
    test, config = comparison.test, comparison.config
    permuted = _permuted(comparison)
    stopped = f"; stopped before the {config.resamples} that were planned" if test.resamples < config.resamples else ""
    larger = "; the larger p-value was taken" if permuted else ""
    noise = (
        " Measurement noise of the latents, estimated from the pixels or given, was subtracted from their covariances "
        "at lag 0 in each range and added again in the simulated data."
        if comparison.uncorrected is not None
        else ""
    )
    return (
        "Coefficients were estimated with an l1 penalty on their common part and on their difference and corrected for "
        "the bias of the penalty; the statistic was the largest absolute studentised difference, the coefficients of "
        "the common part and all others weighing the same as families, among links between latents (coupling) and "
        f"among each latent's own past (persistence).{noise} Null distributions came from a wild bootstrap "
        f"(Rademacher) of the common model{permuted}, {test.resamples} resamples each{stopped}, the whole statistic "
        f"being computed again in each (seed {config.seed}){larger}."
    )


def _permuted(comparison: Comparison) -> str:
    """Describe the permutation, if any."""
    test = comparison.test
    if test.n_strata:
        strata = f" within {test.n_strata} strata of time" if test.n_strata > 1 else ""
        return f" and from a permutation of whole segments{strata} ({test.n_blocks} segments)"
    if test.block_length:
        return (
            f" and from a block permutation (blocks of {test.block_length} lag pairs, assigned to the two ranges at "
            "random)"
        )
    return ""


def _found(comparison: Comparison) -> str:
    """Report the verdict, p-values, the largest differences, and what could have been found."""
    test, level = comparison.test, comparison.config.level
    judged = comparison.judgement
    text = f"Verdict on coupling: {judged.outcome}. {judged.reason}"
    for name, found in (("coupling", test.coupling), ("persistence", test.persistence)):
        if found.n_coefficients:
            text += f" {_of_question(name, found, level)}"
    low, high = test.effect_interval
    text += (
        f" Overall test of any coefficient: p = {test.p_value:.3g}, largest studentised difference "
        f"{test.effect_size:.3f} ({low:.3f} to {high:.3f}). P-values of single coefficients were adjusted by step-down "
        f"max-T (level {percent(level)}), their false discovery rate was estimated from the same draws."
    )
    if comparison.uncorrected is not None:
        text += (
            f" With measurement noise left in ({comparison.uncorrected.resamples} resamples): coupling p = "
            f"{comparison.uncorrected.coupling.p_value:.3g}, persistence p = "
            f"{comparison.uncorrected.persistence.p_value:.3g}."
        )
    if comparison.halves:
        text += (
            f" The halves of each range were compared as well, by the root of the sum of squares of their statistics "
            f"({p_of_halves(comparison.halves)})."
        )
    if comparison.placebo:
        low_ones = sum(p <= PLACEBO_LEVEL for p in comparison.placebo)
        text += (
            f" Of {len(comparison.placebo)} placebo pairs, between which no condition differs, {low_ones} had p ≤ "
            f"{PLACEBO_LEVEL:g} for coupling."
        )
    if np.isfinite(test.coupling.detectable):
        text += (
            f" By simulation from the common model ({comparison.config.power_draws} pairs of ranges), a change of a "
            f"link by {test.coupling.detectable:.2f} (median) would have been found in 80 %, one of own past by "
            f"{test.persistence.detectable:.2f}."
        )
    return text


def _of_question(name: str, found: Answer, level: float) -> str:
    """Report the answer to one question."""
    low, high = found.interval
    return (
        f"{name.capitalize()}: p = {found.p_value:.3g}, {found.n_differ} of {found.n_coefficients} coefficients "
        f"differ, largest difference (A - B) {found.difference:+.3f} (simultaneous {percent(1 - level)} interval "
        f"{low:+.3f} to {high:+.3f}; latents of SD 1)."
    )
