"""Do dynamics drift within frame sets? The halves of each compared, and all of these in one test."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from threading import Event

import numpy as np

from napari_varae.core.comparison.inference.design import Design
from napari_varae.core.comparison.inference.draws import Draws, p_value
from napari_varae.core.comparison.inference.lag_pairs import Array
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.units import UnusableRangesError
from napari_varae.core.compute.threads import one_blas_thread
from napari_varae.core.compute.workers import Workers
from napari_varae.core.settings import ComparisonConfig
from napari_varae.errors import StoppedError

__all__ = ["compare_halves"]


@one_blas_thread()
def compare_halves(
    sides: Mapping[str, tuple[Segments, Segments]],
    order: int,
    config: ComparisonConfig,
    stop: Event | None = None,
    workers: Workers | None = None,
) -> dict[str, dict[str, float]]:
    """Test whether the halves of frame sets follow the same VAR: for each frame set, and in one test for all.

    The statistic for all is the root of the sum of squares of theirs, and frame sets are drawn from independently: as a
    VAR or from its blocks, whichever gives the larger p-value. If no frame set drifts, that p-value is at most 5 % in
    at most 5 % of comparisons. Drift in several frame sets adds up: with four blocks in each half, one frame set has
    some 35 permutations and two have 1225.

    Parameters
    ----------
    sides : dict of str to (Segments, Segments)
        The halves of each frame set. Those that cannot be compared are left out.
    order : int
        Order p of the VAR.
    config : ComparisonConfig
        Of which resamples, seed and blocks count.
    stop, workers
        As for :func:`napari_varae.core.comparison.latents.compare_latents`. What is stopped too early is left out.

    Returns
    -------
    dict of str to dict of str to float
        For coupling and for persistence, the p-value of each frame set and, as "any", that of all; no entry where none
        can be compared.
    """
    scores: dict[str, dict[str, Array]] = {}
    draws: dict[str, list[Draws]] = {}
    seeds = np.random.SeedSequence(config.seed).generate_state(len(sides))
    for (name, halves), seed in zip(sides.items(), seeds.tolist(), strict=True):
        try:
            design = Design.of(*halves, order, config)
            draws[name] = design.draw(config.changed(seed=seed), stop, workers=workers)
        except UnusableRangesError:  # a half in which nothing varies has no dynamics to compare
            continue
        except StoppedError:
            break
        scores[name] = design.observed.scores
    return {
        question: _p_values(
            {name: float(found[question].max()) for name, found in scores.items() if len(found[question])},
            {name: [part.questions[question].largest for part in parts] for name, parts in draws.items()},
        )
        for question in ("coupling", "persistence")
    }


def _p_values(statistics: dict[str, float], draws: dict[str, list[Array]]) -> dict[str, float]:
    """P-values of the frame sets that have a statistic, and of all; the larger one of all null distributions counts."""
    if not statistics:
        return {}
    made = min(len(draws[name][0]) for name in statistics)
    nulls = itertools.product(*(draws[name] for name in statistics))  # one may be a VAR, and the other's blocks alike
    joint = [np.linalg.norm([part[:made] for part in parts], axis=0) for parts in nulls]
    return {
        **{name: max(p_value(null, found) for null in draws[name]) for name, found in statistics.items()},
        "any": max(p_value(null, math.hypot(*statistics.values())) for null in joint),
    }
