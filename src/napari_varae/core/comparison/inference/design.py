"""Two frame sets, the difference of their coefficients, and the distributions from which a test draws."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

from napari_varae.core.comparison.inference.bootstrap import WildBootstrap
from napari_varae.core.comparison.inference.draws import Draws, Null
from napari_varae.core.comparison.inference.lag_pairs import Array, Sample
from napari_varae.core.comparison.inference.permutation import FEWEST_UNITS, BlockPermutation, SegmentPermutation
from napari_varae.core.comparison.inference.resampling import Progress, resample
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.statistic import Difference, difference
from napari_varae.core.comparison.inference.units import Units, UnusableRangesError
from napari_varae.core.compute.workers import Workers
from napari_varae.core.settings import ComparisonConfig
from napari_varae.errors import StoppedError

__all__ = ["FEWEST_DRAWS", "Design"]

FEWEST_DRAWS = 19
"""Fewest draws for an answer: with fewer, p cannot reach 5 %."""


@dataclass(frozen=True, eq=False)
class Design:
    """Two frame sets, and what is drawn if their coefficients are the same.

    Attributes
    ----------
    units : Units
        Which latents are compared, and their scale.
    scaled : (list of array (n, K'), list of array (n, K'))
        Segments of A and B in these units.
    samples : (Sample, Sample)
        Lag pairs of A and B.
    observed : Difference
    model : WildBootstrap
        The null distribution if the latents are a VAR.
    blocks : BlockPermutation, SegmentPermutation or None
        The null distribution if blocks or segments are exchangeable; None where the settings permute none.
    """

    units: Units
    scaled: tuple[list[Array], list[Array]]
    samples: tuple[Sample, Sample]
    observed: Difference
    model: WildBootstrap
    blocks: BlockPermutation | SegmentPermutation | None

    @classmethod
    def of(cls, a: Segments, b: Segments, order: int, config: ComparisonConfig) -> Design:
        """Standardise the latents of A and B, and estimate how their coefficients differ.

        Raises
        ------
        UnusableRangesError
            When no latent varies, or a range is too short for the blocks.
        """
        units = Units((a, b), order)
        whole = min(len(set(side.ranges)) for side in (a, b)) >= FEWEST_UNITS
        of_pairs = [side.range_of_pairs(order) if whole else None for side in (a, b)]
        scaled = units.scaled(a, whole), units.scaled(b, whole)
        samples = (
            Sample.of(scaled[0], order, units.noise(a), a.covariates, of_pairs[0]),
            Sample.of(scaled[1], order, units.noise(b), b.covariates, of_pairs[1]),
        )
        shorter = min(sample.count for sample in samples)
        if shorter < config.blocks and not whole:
            raise UnusableRangesError(
                f"The shorter range has {shorter} lag pairs and cannot be cut into {config.blocks} blocks. Choose "
                "fewer blocks, or longer ranges."
            )
        blocks: BlockPermutation | SegmentPermutation | None = None
        if config.blocks and whole:
            starts = (a.first_frames, b.first_frames) if a.placed and b.placed else None
            blocks = SegmentPermutation(samples, (a.range_of_pairs(order), b.range_of_pairs(order)), starts)
            observed = blocks.observed
        else:
            observed = difference(*samples)
            if config.blocks:
                blocks = BlockPermutation(samples, observed, shorter // config.blocks)
        model = WildBootstrap(scaled, samples, observed, order, (of_pairs[0], of_pairs[1]))
        return cls(units, scaled, samples, observed, model, blocks)

    @property
    def nulls(self) -> list[Null]:
        """The null distributions; the larger p-value counts."""
        return [self.model, self.blocks] if self.blocks else [self.model]

    def draw(
        self,
        config: ComparisonConfig,
        stop: Event | None = None,
        progress: Progress | None = None,
        workers: Workers | None = None,
    ) -> list[Draws]:
        """Draw from each null distribution.

        Raises
        ------
        StoppedError
            When it was stopped before there was an answer.
        """
        pairs = sum(sample.count for sample in self.samples)
        draws = resample(self.nulls, self.observed, pairs, config.resamples, config.seed, stop, progress, workers)
        if draws[0].made < FEWEST_DRAWS:
            raise StoppedError(f"Stopped after {draws[0].made} of {config.resamples} resamples: too few for an answer.")
        return draws
