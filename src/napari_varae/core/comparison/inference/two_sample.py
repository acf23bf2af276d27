"""The test of whether the latents of two frame sets follow the same VAR."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.inference.answer import Answer, answer, critical_scores
from napari_varae.core.comparison.inference.design import Design
from napari_varae.core.comparison.inference.edges import edge_table
from napari_varae.core.comparison.inference.lag_pairs import Array
from napari_varae.core.comparison.inference.permutation import SegmentPermutation
from napari_varae.core.comparison.inference.power import detectable
from napari_varae.core.comparison.inference.resampling import Progress
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.statistic import Difference
from napari_varae.core.comparison.inference.units import UnusableRangesError
from napari_varae.core.compute.threads import one_blas_thread
from napari_varae.core.compute.workers import Workers
from napari_varae.core.settings import ComparisonConfig

__all__ = ["TwoSampleTest", "UnusableRangesError", "two_sample_test"]


@dataclass(frozen=True, eq=False)
class TwoSampleTest:
    """What the test found.

    Attributes
    ----------
    p_value : float
        Chance, under equal coefficients, of a statistic at least as large; at least 1 / (resamples + 1).
    statistic : float
        Largest absolute studentised difference of a coefficient, in units of the size that chance reaches in its
        family (:attr:`napari_varae.core.comparison.inference.statistic.Difference.score`).
    p_of_null : dict
        The p-value of each null distribution: "VAR", if the latents are one; "blocks" or "segments", if these are
        exchangeable.
    coupling, persistence : Answer
        The same questions about links between latents alone, and about each latent's own past alone.
    null : array, shape (R,)
        The statistic in each draw, from the null distribution with the larger p-value.
    effect_size : float
        Size of the largest studentised difference of a coefficient, on latents of SD 1.
    effect_interval : (float, float)
        Its simultaneous confidence interval at 1 - level, which allows for its having been picked among all: above
        zero where p <= level.
    edges : structured array
        One row per coefficient among latents that vary in both ranges, the largest studentised difference first: lag
        (from 1), target, source; the coefficient in a and b (corrected for the penalty's bias, on latents standardised
        over both ranges); difference a - b with its interval low to high, simultaneous over all links or over all own
        past; student, the studentised
        difference; p_adjusted, by step-down max-T over all coefficients (Westfall, Young 1993); p_within, over all
        links or over all own past; q_value, the false discovery rate among the coefficients down to this one;
        detectable, the size of a change that is found in about three of four such pairs of ranges (infinite when draws
        are too few for the level, NaN where unknown).
    scale : array, shape (K,)
        SD of the latents in the two ranges, the unit of the coefficients.
    mean_shift : array, shape (K,)
        Mean in b minus mean in a, in SD. No part of the test.
    variance_ratio : array, shape (K,)
        Innovation variance in b over that in a; NaN for a silent latent. No part of the test.
    order : int
        Order p of the VAR.
    resamples : int
        Draws from each null; fewer than planned when it was stopped.
    n_pairs : (int, int)
        Lag pairs in a and b.
    effective_frames : (float, float)
        Independent frames that would give a correlation as precisely (Bartlett 1935): latents are slow.
    block_length : int
        Consecutive lag pairs that were permuted together; 0 when whole segments were, or none.
    n_blocks : int
        Blocks or segments in both ranges.
    n_strata : int
        Groups of segments nearby in time, within which these were permuted; 1 when A and B do not take turns, or their
        places are unknown; 0 when no segments were permuted.
    permutations : int
        Ways to permute them that may give different statistics.
    spectral_radius : float
        That of the common coefficients.
    autocorrelation : float
        Of the residuals, or of their squares, with the frame before, beyond what measurement noise gives.
    unsettled : int
        Latents for which the estimate did not converge.
    unsettled_draws : int
        Draws in which that happened.
    noise_share : (array, array), shape (K,)
        Share of the variance of each latent in a and b that was taken for measurement noise; 0 where none was.
    n_covariates : int
        Covariates that were regressed out, their lags counted.
    """

    p_value: float
    statistic: float
    p_of_null: dict[str, float]
    coupling: Answer
    persistence: Answer
    null: Array
    effect_size: float
    effect_interval: tuple[float, float]
    edges: NDArray[Any]
    scale: Array
    mean_shift: Array
    variance_ratio: Array
    order: int
    resamples: int
    n_pairs: tuple[int, int]
    effective_frames: tuple[float, float]
    block_length: int
    n_blocks: int
    n_strata: int
    permutations: int
    spectral_radius: float
    autocorrelation: float
    unsettled: int
    unsettled_draws: int
    noise_share: tuple[Array, Array]
    n_covariates: int = 0

    def __repr__(self) -> str:
        return f"TwoSampleTest(p = {self.p_value:.3g}, {self.resamples} resamples, {int(self.known.sum())} latents)"

    @property
    def p_links(self) -> float:
        """P-value of coupling; NaN for a single latent."""
        return self.coupling.p_value

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which latents vary in both ranges and were compared, shape (K,)."""
        found: NDArray[np.bool_] = np.isfinite(self.variance_ratio)
        return found


@one_blas_thread()
def two_sample_test(
    a: Segments,
    b: Segments,
    order: int,
    config: ComparisonConfig,
    stop: Event | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> TwoSampleTest:
    """Test whether the segments of two frame sets follow the same VAR.

    Parameters
    ----------
    a, b : Segments
        Latents, in any units. Each segment holds a lag pair. Their noise, if known, is accounted for.
    order : int
        Order p of the VAR.
    config : ComparisonConfig
    stop, progress, workers
        As for :func:`napari_varae.core.comparison.latents.compare_latents`.

    Raises
    ------
    UnusableRangesError
        When no latent varies, or a range is too short for the blocks.
    StoppedError
        When it was stopped before there was an answer.
    """
    design = Design.of(a, b, order, config)
    units, scaled, samples, observed = design.units, design.scaled, design.samples, design.observed
    model, blocks = design.model, design.blocks
    draws = design.draw(config, stop, progress, workers)
    statistic = float(observed.score.max())
    critical = critical_scores(draws, config.level)
    size = detectable(model, observed, critical, config.power_draws, config.seed, stop, workers)
    edges = edge_table(observed, draws, order, critical, size)
    by_null = {null.name: d for null, d in zip(design.nulls, draws, strict=True)}
    coupling, persistence = (
        answer(question, observed, by_null, critical[question], edges, units.alive, config.level)
        for question in ("coupling", "persistence")
    )
    edges["target"], edges["source"] = units.alive[edges["target"]], units.alive[edges["source"]]
    ratio = samples[1].residual_variance(observed.b) / samples[0].residual_variance(observed.a)
    return TwoSampleTest(
        p_value=float(edges["p_adjusted"][0]),
        statistic=statistic,
        p_of_null={name: d.questions["any"].p_value(statistic) for name, d in by_null.items()},
        coupling=coupling,
        persistence=persistence,
        null=max((d.questions["any"] for d in draws), key=lambda d: d.p_value(statistic)).largest,
        effect_size=abs(float(edges["difference"][0])),
        effect_interval=_interval_of_size(float(edges["difference"][0]), critical["any"] * _largest_width(observed)),
        edges=edges,
        scale=np.ldexp(units.deviation, units.exponent),
        mean_shift=units.spread((units.means[1] - units.means[0])[units.alive] / units.deviation[units.alive]),
        variance_ratio=units.spread(ratio),
        order=order,
        resamples=draws[0].made,
        n_pairs=(samples[0].count, samples[1].count),
        effective_frames=(a.effective_frames, b.effective_frames),
        block_length=blocks.length if blocks else 0,
        n_blocks=sum(blocks.counts) if blocks else 0,
        n_strata=len(blocks.strata) if isinstance(blocks, SegmentPermutation) else 0,
        permutations=blocks.ways if blocks else 0,
        spectral_radius=model.radius,
        autocorrelation=model.autocorrelation,
        unsettled=observed.unsettled,
        unsettled_draws=sum(d.unsettled for d in draws),
        noise_share=(units.share(scaled[0], samples[0].noise), units.share(scaled[1], samples[1].noise)),
        n_covariates=a.covariates[0].shape[1] if a.covariates else 0,
    )


def _largest_width(observed: Difference) -> float:
    """Width, for a score of 1, of the coefficient with the largest score."""
    return float((observed.bound * observed.error).flat[observed.score.argmax()])


def _interval_of_size(difference: float, half: float) -> tuple[float, float]:
    """Interval of the absolute value of what lies within half a width of a difference."""
    low, high = difference - half, difference + half
    sizes = sorted((abs(low), abs(high)))
    return (0.0 if low <= 0 <= high else sizes[0], sizes[1])
