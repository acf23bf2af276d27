"""What a reader of a comparison should know, in words: every sentence and its rule.

Needs no torch, so that the window can show what is known before anything is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_varae.core.comparison.verdict import drifts, not_a_var, p_of_halves, worth
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.frames import FrameRange, overlap
from napari_varae.core.settings import ComparisonConfig

if TYPE_CHECKING:
    from napari_varae.core.comparison.inference.two_sample import TwoSampleTest
    from napari_varae.core.fit.fit import Fit

__all__ = [
    "closeness", "fewest_pairs", "halves", "motion", "noise", "of_ranges", "of_test", "response", "seen_in_training",
    "shared", "shortage", "trained_on", "whole_image",
]  # fmt: skip

FEW = 10
"""Independent frames in a block below which permuting blocks protects little from latents that are not a VAR."""
SEEN = 0.1
"""Difference between the shares of A and B that were seen in training from which it is worth a word."""
WHITE = 0.8
"""Change over one frame relative to that over two below which pixel noise is not white in time."""
UNIT_ROOT = 0.98
"""Spectral radius from which drift may look like dynamics."""
UNSETTLED = 0.01
"""Share of draws without a converged estimate from which that is worth a word."""


def fewest_pairs(order: int) -> int:
    """Lag pairs that a range needs to be compared."""
    return 10 * order + 20


# Before a comparison


def of_ranges(a: FrameSet, b: FrameSet, order: int, trained: FrameRange | None) -> list[str]:
    """List what speaks against comparing A and B, or should be known; `trained` are the training frames of the fit."""
    found = [shared(a, b), *(shortage(s.n_pairs(order), order, f"Range {n}") for n, s in (("A", a), ("B", b)))]
    found.append(closeness(a, b, order))
    if trained is not None:
        found.append(seen_in_training(trained, a, b))
    return [text for text in found if text]


def shared(a: FrameSet, b: FrameSet) -> str | None:
    """Warn of frames that A and B have in common."""
    frames = overlap(a.ranges, b.ranges)
    return f"A and B share {frames} frames: move one of them." if frames else None


def shortage(pairs: int, order: int, name: str) -> str | None:
    """Warn of too few lag pairs for a VAR of this order."""
    need = fewest_pairs(order)
    if pairs >= need:
        return None
    before = "preceding frame is" if order == 1 else f"{order} preceding frames are"
    return (
        f"{name} has {pairs} good frames whose {before} good too; at VAR order {order} at least {need} are needed. "
        "Choose longer ranges."
    )


def closeness(a: FrameSet, b: FrameSet, order: int) -> str | None:
    """Warn of fewer than `order` frames between A and B."""
    gap = a.gap(b)
    if not 0 <= gap < order:
        return None
    apart = "touch" if gap == 0 else f"are {gap} frame{'s' * (gap > 1)} apart"
    return (
        f"A and B {apart}: neighbouring frames are correlated. Leave a gap of {order} frame{'s' * (order > 1)} or more."
    )


def seen_in_training(trained: FrameRange, a: FrameSet, b: FrameSet) -> str | None:
    """Warn when one range was seen in training more than the other."""
    seen = [overlap([trained], side.ranges) / len(side) for side in (a, b)]
    if abs(seen[0] - seen[1]) <= SEEN:
        return None
    return (
        f"{seen[0]:.0%} of A but {seen[1]:.0%} of B was seen in training: the latents may fit one range better. A "
        "placebo comparison shows how much that matters."
    )


def trained_on(trained: FrameRange, a: FrameSet, b: FrameSet) -> str:
    """Report whether a fit was trained on A and on B, in the same share."""
    seen = [overlap([trained], side.ranges) / len(side) for side in (a, b)]
    if min(seen) == 1:
        return "The fit was trained on both A and B."
    if max(seen) == 0:
        return "The fit was trained on neither A nor B."
    return seen_in_training(trained, a, b) or f"The fit was trained on {seen[0]:.0%} of A and {seen[1]:.0%} of B."


# After a comparison


def of_test(test: TwoSampleTest, config: ComparisonConfig) -> tuple[str, ...]:
    """List what is noteworthy about latents, nulls and draws."""
    return (*_own_past(test, config), *_data(test), *_blocks(test), *_draws(test, config))


def _own_past(test: TwoSampleTest, config: ComparisonConfig) -> list[str]:
    """Warn when no link can be shown to differ."""
    if not test.p_value <= config.level < test.p_links:
        return []
    return ["Own past differs, but no link does. Own past changes with noise and activity before anything else does."]


def noise(whiteness: list[float]) -> list[str]:
    """Warn of noise that is not known, or is shared by frames; `whiteness` of each range, where it is known."""
    if not whiteness:
        return ["The measurement noise of the latents is not known here, and was left in."]
    if min(whiteness) >= WHITE:
        return []
    text = (
        f"Pixels change less from frame to frame than noise that is independent in time would ({min(whiteness):.0%}): "
        "the frames were smoothed, or hold activity that the latents miss. The noise correction is only partial."
    )
    return [text]


def _data(test: TwoSampleTest) -> list[str]:
    """List what the latents do not allow."""
    found, predictors = [], int(test.known.sum()) * test.order
    for name, pairs in zip("AB", test.n_pairs, strict=True):
        if pairs < 2 * predictors:
            found.append(
                f"{name} has {pairs} lag pairs for {predictors} predictors: only large changes can be found. "
                "Longer ranges or fewer latents help."
            )
    if silent := int((~test.known).sum()):
        found.append(f"{silent} latent(s) do not vary in one of the ranges and were left out.")
    if test.unsettled or test.unsettled_draws > UNSETTLED * test.resamples:
        found.append(
            f"The estimate did not converge for {test.unsettled} latent(s), nor in {test.unsettled_draws} draws: "
            "latents are nearly the same, or nearly constant. Fewer latents, a lower order or longer ranges help."
        )
    if test.spectral_radius > UNIT_ROOT:
        found.append(
            f"The dynamics are close to a unit root (spectral radius {test.spectral_radius:.3f}): drift may look like "
            "dynamics."
        )
    return found


def _blocks(test: TwoSampleTest) -> list[str]:
    """List what the block permutation cannot do."""
    if not test.block_length and not test.n_strata:
        return ["Every frame counts as independent given its past: on a recording p is then far too small."]
    found, length = [], test.block_length
    if test.permutations < 2 * test.resamples:
        found.append(
            f"There are only {test.permutations} ways to permute {test.n_blocks} "
            f"{'segments' if test.n_strata else 'blocks'}: this limits the resolution of p."
        )
    if worth(test) < FEW and not_a_var(test):
        alone = "one independent frame" if worth(test) < 1.5 else f"{worth(test):.0f} independent ones"
        found.append(
            f"The latents are not a VAR of order {test.order}: its residuals are autocorrelated. Long blocks "
            f"would guard against this, but a block of {length} frames holds only about {alone}: p may be several "
            "times too small. Longer ranges help, sometimes a higher order."
        )
    return found


def _draws(test: TwoSampleTest, config: ComparisonConfig) -> list[str]:
    """List what so many draws do not allow."""
    found, made = [], test.resamples
    if made < config.resamples:
        found.append(
            f"Stopped after {made} of {config.resamples} resamples: stopping because p is small biases it downwards."
        )
    if made < 199:
        found.append(f"With {made} resamples p cannot be smaller than {1 / (made + 1):.3g}.")
    return found


def response(name: str, latent: int | None) -> list[str]:
    """Warn of trials with a response, strongest in this latent, if any."""
    if latent is None:
        return []
    text = (
        f"{name} consists of trials with a response at a fixed time (latent {latent} most). To this test a response is "
        "a change of dynamics: subtract it (Subtract responses), unless you ask about both."
    )
    return [text]


def halves(coupling: dict[str, float], persistence: dict[str, float], n_strata: int) -> list[str]:
    """Warn of ranges whose halves differ as well, by the p-values of coupling and of persistence.

    Where A and B take turns (`n_strata` of segments above 1), they share such drift.
    """
    if n_strata > 1:
        return []
    return [
        f"{what} drifts: the halves of a range differ too ({p_of_halves(p_values)}). A difference between A and B is "
        "then expected, and is weak evidence about a condition."
        for what, p_values in (("Coupling", coupling), ("Persistence", persistence))
        if drifts(p_values)
    ]


def motion(following: dict[int, float]) -> list[str]:
    """Warn of latents that follow the shifts of registration, by their correlation with these."""
    if not following:
        return []
    listed = ", ".join(f"{k} (r = {r:.2f})" for k, r in following.items())
    text = (
        f"Latents that follow the shifts of registration: {listed}. Their activity may be motion. Mark frames with "
        "large shifts as bad, or regress the shifts out (covariates=stack.shifts)."
    )
    return [text]


def whole_image(fit: Fit, test: TwoSampleTest, config: ComparisonConfig) -> list[str]:
    """Warn of latents of the whole image among the coefficients that differ."""
    differ = test.edges[test.edges["p_within"] <= config.level]
    involved = {int(k) for name in ("target", "source") for k in differ[name]} & fit.whole_image.keys()
    if not involved:
        return []
    names = ", ".join(f"{k} ({fit.whole_image[k]})" for k in sorted(involved))
    return [f"Among the differences are latents of the whole image: {names}. They are not evidence about cells."]
