"""The step of an analysis that compares several conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal

from napari_varae.core.settings import ComparisonConfig
from napari_varae.headless.steps import find_frames
from napari_varae.io.analysis import Analysis
from napari_varae.io.analysis_conditions import keep_conditions
from napari_varae.session.ranges import Segments

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_varae.core.comparison.conditions import Conditions

__all__ = ["compare_several", "find_condition"]


def find_condition(analysis: Analysis, text: str, unit: Literal["frames", "s"] = "frames") -> tuple[str, Segments]:
    """Find name and frames of a condition: a name that the analysis knows, or NAME=FRAMES.

    Raises
    ------
    ValueError
        As :func:`.find_frames`.
    """
    trials = analysis.trials
    name, sign, frames = text.rpartition("=")
    if not sign or text in analysis.frame_sets or (trials is not None and text in trials.conditions):
        return text, find_frames(analysis, text, unit, name=f"--condition {text}")
    return name.strip(), find_frames(analysis, frames, unit, name=f"--condition {name.strip()}")


def compare_several(
    analysis: Analysis,
    conditions: Mapping[str, Segments],
    config: ComparisonConfig,
    *,
    name: str = "conditions",
    covariates: ArrayLike | None = None,
    covariate_lags: int = 0,
    stop: Event | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> tuple[Conditions, Path]:
    """Compare conditions of an analysis, and write the result into it.

    Parameters and errors as :func:`napari_varae.compare_conditions`; returns the result, and where it was written.
    """
    from napari_varae.core.comparison.conditions import compare_conditions

    found = compare_conditions(
        analysis.fit, analysis.stack, conditions, config, covariates=covariates, covariate_lags=covariate_lags,
        latents=analysis.latents if analysis.caution is None else None, stop=stop, progress=progress,
    )  # fmt: skip
    return found, keep_conditions(analysis, found, name)
