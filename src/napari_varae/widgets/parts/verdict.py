"""What a comparison found, in the words of the Compare dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_varae.core.comparison.percent import percent
from napari_varae.session.ranges import name_ranges

if TYPE_CHECKING:
    from napari_varae.core.comparison.result import Comparison

__all__ = ["differing", "verdict"]

SLOW = 0.7
"""Share of independent frames below which that is worth a word."""
NULLS = {"VAR": "the latents are a VAR", "blocks": "blocks of the recording are alike"}


def differing(result: Comparison | None) -> int:
    """Count the coefficients that differ."""
    return 0 if result is None else len(result.differing)


def verdict(result: Comparison, rate: float | None) -> str:
    """Say what the test found, how finely it can tell, what it could not have seen, and what is no part of it."""
    level, smallest = result.config.level, 1 / (result.test.resamples + 1)
    compared = ", ".join(
        f"{letter.upper()} {name_ranges(parts, rate, short=True)}" for letter, parts in result.ranges.items()
    )
    low, high = result.effect_interval
    differs = result.p_value <= level
    differ = "The dynamics differ" if differs else "No difference was found"
    if smallest > level * (1 + 1e-9):
        differ = "These are too few resamples to find a difference at this level"
    at_most = " (the smallest value possible with these resamples)" if result.p_value <= smallest else ""
    both = " and ".join(f"{p:.3g} if {NULLS[name]}" for name, p in result.test.p_of_null.items())
    links = f" Among links alone, without own past: p = {result.p_links:.3g}." if differs else ""
    return (
        f"<b>{differ}: p = {result.p_value:.3g}</b>{at_most}. {compared}.<br>"
        f"It is {both}; the larger one counts.{links if np.isfinite(result.p_links) else ''}<br>"
        f"The largest difference of a coefficient is {result.effect_size:.3f}, {percent(1 - level)} interval {low:.3f} "
        f"to {high:.3f}. "
        f"{differing(result)} of {len(result.edges)} coefficients differ at the {percent(level)} level; "
        f"{int((result.edges['q_value'] <= level).sum())} at a false discovery rate of {percent(level)}.<br>"
        f"{_reach(result)}<br>{_apart(result)}"
    )


def _apart(result: Comparison) -> str:
    """Say how means and variances differ, which is no part of the test."""
    shifts, ratios = np.abs(result.test.mean_shift), result.test.variance_ratio[result.test.known]
    most = int(np.nanargmax(shifts))
    return (
        f"Apart from the test: means differ by up to {shifts[most]:.2g} SD (latent {most}), and innovations in "
        f"B have {ratios.min():.2g} to {ratios.max():.2g} times the variance of those in A."
    )


def _reach(result: Comparison) -> str:
    """Say what ranges like these can show."""
    between = result.edges["detectable"][result.edges["target"] != result.edges["source"]]
    detectable = float(np.median(between)) if len(between) else np.nan
    if np.isfinite(detectable):
        text = f"For half of the links a change by {detectable:.2f} would be found here three times in four."
    elif np.isinf(detectable):
        text = "These are too few resamples for single coefficients at this level."
    else:
        text = "How large a change would have been found is not known."
    if min(e / n for e, n in zip(result.test.effective_frames, result.test.n_pairs, strict=True)) < SLOW:
        text += (
            " Latents are slow: for a correlation, A is worth about {:.0f} independent frames and B {:.0f}."
        ).format(*result.test.effective_frames)
    return text
