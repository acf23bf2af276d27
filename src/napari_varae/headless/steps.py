"""The steps of an analysis, each of which reads an analysis folder and writes its result there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

from napari_varae.core.maps.definition import define_map
from napari_varae.core.movie.frames import FrameRange
from napari_varae.core.settings import ComparisonConfig
from napari_varae.core.settings_file import AnalysisSettings
from napari_varae.errors import TrainingError
from napari_varae.io.analysis import Analysis
from napari_varae.session.ranges import Segments, parse_ranges, total
from napari_varae.session.results import Edge, Placebo, n_regressors, placebo_config

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from napari_varae.core.comparison.inference.resampling import Progress as ResamplingProgress
    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.comparison.robustness import Robustness
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.fit.report import EpochReport

__all__ = [
    "Kind", "compare_frames", "draw_map", "find_frames", "placebo_settings", "run_placebo", "run_robustness",
    "train_fit",
]  # fmt: skip

Phase = Callable[[str, float], None]
Kind = Literal["driver", "effect"]


def train_fit(
    analysis: Analysis,
    *,
    stop: Event | None = None,
    phase: Phase | None = None,
    report: Callable[[EpochReport], None] | None = None,
) -> Fit:
    """Train on the movie of an analysis and encode it, going on where an earlier training was cut short.

    Parameters
    ----------
    analysis : Analysis
        Its settings are those of the training. Fit and latents are written into it.
    stop : threading.Event, optional
        When set, training ends within a batch, and the best epoch so far is kept.
    phase : callable, optional
        Called with the name of a phase and the share of it that is done.
    report : callable, optional
        Called with the report of each epoch.

    Raises
    ------
    TrainingError, ValueError, StackError
        As :func:`napari_varae.train`.
    """
    show, note = phase or (lambda _name, _share: None), report or (lambda _report: None)
    if not analysis.has_fit:
        analysis.keep_fit(_train(analysis, stop, show, note))
    if analysis.latents is None:
        from napari_varae.core.fit.apply import apply_fit

        encoded = apply_fit(analysis.fit, analysis.stack, lambda done, total: show("encoding the movie", done / total))
        analysis.keep_latents(encoded.latents)
    return analysis.fit


def _train(analysis: Analysis, stop: Event | None, show: Phase, note: Callable[[EpochReport], None]) -> Fit:
    """Train, or resume the training of a checkpoint."""
    from napari_varae.core.training.checkpoint import SETTINGS
    from napari_varae.core.training.train import resume, train

    config, folder, stack = analysis.settings.fit, analysis.checkpoint, analysis.stack
    if text := analysis.caution:
        raise TrainingError(f"{text} Begin a new analysis of it.")
    if (folder / SETTINGS).is_file():
        analysis.log("resumed")
        steps = resume(folder, stack, stop, progress=show)
    else:
        kept = folder if config.network == "footprints" else None
        steps = train(stack, config, stop, progress=show, checkpoint=kept)
    while True:
        try:
            note(next(steps))
        except StopIteration as end:
            fit: Fit = end.value
            return fit


def find_frames(analysis: Analysis, text: str, unit: Literal["frames", "s"] = "frames", *, name: str) -> Segments:
    """Find the frames that a text means: ranges such as '0:400, 600:800', or a name.

    A name is that of a frame set, of a condition of the trials, or of a file where several were joined.

    Raises
    ------
    ValueError
        When it is none of them, lies outside the movie, or is in seconds while the frame rate is unknown.
    """
    text = text.strip()
    if text in analysis.frame_sets:
        return analysis.frame_sets[text]
    trials = analysis.trials
    if trials is not None and text in trials.conditions:
        return tuple(trials.frames(text, analysis.frame_rate))
    rate = analysis.frame_rate if unit == "s" else None
    if unit == "s" and rate is None:
        raise ValueError(
            f"{name} is in seconds, and the frame rate of {analysis.name!r} is unknown. Give it in frames."
        )
    try:
        return parse_ranges(text, rate, analysis.n_frames, name=name)
    except ValueError as error:
        source = analysis.stack.source
        files = dict(source.files) if source is not None else {}
        if text in files:
            return (files[text],)
        names = ", ".join([*analysis.frame_sets, *(trials.conditions if trials is not None else ()), *files])
        raise ValueError(f"{error} Or name one of: {names}." if names else str(error)) from error


def compare_frames(
    analysis: Analysis,
    a: Sequence[FrameRange],
    b: Sequence[FrameRange],
    config: ComparisonConfig | None = None,
    *,
    name: str = "comparison",
    covariates: ArrayLike | None = None,
    covariate_lags: int = 0,
    stop: Event | None = None,
    progress: ResamplingProgress | None = None,
) -> tuple[Comparison, Path]:
    """Compare two frame sets of an analysis, and write the result and its frames into it.

    Returns
    -------
    result : Comparison
    path : Path
        Where it was written.

    Raises
    ------
    ValueError, StackError
        As :func:`napari_varae.compare`.
    """
    from napari_varae.core.comparison.compare import compare

    config = config or analysis.settings.comparison
    latents = analysis.latents if analysis.caution is None else None
    result = compare(
        analysis.fit, analysis.stack, a, b, config, latents=latents, covariates=covariates,
        covariate_lags=covariate_lags, stop=stop, progress=progress,
    )  # fmt: skip
    path = analysis.keep_comparison(result, name)
    return result, path


def placebo_settings(settings: AnalysisSettings) -> AnalysisSettings:
    """Return the settings with those of the comparisons of a placebo."""
    return settings.changed(comparison=placebo_config(settings.comparison))


def run_placebo(
    analysis: Analysis,
    a: Segments,
    b: Segments,
    config: ComparisonConfig,
    *,
    within: Segments | None = None,
    permute: bool = False,
    repeats: int = 20,
    covariates: ArrayLike | None = None,
    covariate_lags: int = 0,
    stop: Event | None = None,
    progress: Callable[[NDArray[np.float64]], None] | None = None,
) -> tuple[NDArray[np.float64], dict[str, str], dict[str, str]]:
    """Compare where nothing should differ: pairs as long as A and B, or their segments permuted.

    Parameters and errors as :func:`napari_varae.placebo`. Returns the p-values; by name the verdicts of the
    comparisons to which the placebo was added, those of A and B by the same test; and why others could not be read.
    """
    from napari_varae.core.comparison.placebo import placebo

    if within is not None and len(within) != 1:
        raise ValueError("Give one range from which the pairs are drawn.")
    pairs: dict[str, Any] = (
        {"segments": (a, b)}
        if permute
        else {"lengths": (total(a), total(b)), "unlike": (a, b), "within": within[0] if within else None}
    )
    latents = analysis.latents if analysis.caution is None else None
    found = placebo(
        analysis.fit, analysis.stack, **pairs, repeats=repeats, config=config, latents=latents,
        covariates=covariates, covariate_lags=covariate_lags, stop=stop, progress=progress,
    )  # fmt: skip
    analysis.log("placebo", p_values=found.tolist())
    known = Placebo(found, pairs, config, n_regressors(covariates, covariate_lags))
    about = analysis.fit.id, analysis.stack.fingerprint(), sorted(a), sorted(b)

    def suits(kept: Comparison) -> bool:
        ranges = (sorted(kept.ranges.get(side, ())) for side in "ab")
        return (kept.fit, kept.movie, *ranges) == about and known.suits(kept)

    judged, unread = analysis.add_placebo(found, suits) if len(found) else ({}, {})
    return found, {name: f"{kept.verdict}: {kept.judgement.reason}" for name, kept in judged.items()}, unread


def run_robustness(
    analysis: Analysis,
    a: Sequence[FrameRange],
    b: Sequence[FrameRange],
    config: ComparisonConfig | None = None,
    *,
    vary: Sequence[str] | None = None,
    name: str = "robustness",
    covariates: ArrayLike | None = None,
    covariate_lags: int = 0,
    stop: Event | None = None,
    progress: Callable[[Robustness], None] | None = None,
) -> tuple[Robustness, Path]:
    """Compare two frame sets of an analysis under other choices, and write the table into it.

    Parameters, return value and errors as :func:`napari_varae.robustness`, with the path of the table.
    """
    from napari_varae.core.comparison.robustness import CHOICES, robustness

    found = robustness(
        analysis.fit, analysis.stack, a, b, config or analysis.settings.comparison, vary=CHOICES if vary is None else
        vary, latents=analysis.latents if analysis.caution is None else None, covariates=covariates,
        covariate_lags=covariate_lags, stop=stop, progress=progress,
    )  # fmt: skip
    return found, analysis.keep_robustness(found, name)


def draw_map(
    analysis: Analysis,
    kind: Kind = "driver",
    frames: Sequence[FrameRange] | None = None,
    target: int | None = None,
    edge: tuple[int, int, int] | None = None,
    own_past: bool = False,
    *,
    minus: Sequence[FrameRange] | None = None,
    frame: int | None = None,
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Draw a contribution map of an analysis; parameters and errors as :func:`napari_varae.contribution_map`.

    The map over the frames `minus` is subtracted. With `frame`, it is what this frame contributes.

    Returns
    -------
    image : array, shape (Y, X)
    about : dict
        What the map is, to be written with it; its name is among it.
    """
    from napari_varae.core.maps.contribution import contribution_map
    from napari_varae.core.maps.frame_contributions import FrameContributions

    fit, stack = analysis.fit, analysis.stack
    what: dict[str, Any] = {"target": target, "edge": edge, "own_past": own_past}
    if frame is not None:
        image = FrameContributions(fit, stack, **what)(frame, frame + 1)[0]
    else:
        image = contribution_map(fit, stack, kind=kind, frames=frames, **what)
        if minus is not None:
            image = image - contribution_map(fit, stack, kind=kind, frames=minus, **what)
    over = f" of frame {frame}" if frame is not None else f" over {_spans(frames)}" if frames else ""
    over += f" minus {_spans(minus)}" if minus else ""
    subject = "" if target is None and edge is None else f" of link {Edge(*edge)}" if edge else f" of latent {target}"
    about = {
        "name": f"{kind} map{subject}{over}",
        "definition": define_map(kind, own_past or edge is not None),
        "kind": kind,
        **what,
        "frames": frames if frame is None else ((frame, frame + 1),),
        "minus": minus,
        "fit": fit.id,
        "movie": stack.fingerprint(),
    }
    return image, about


def _spans(frames: Sequence[FrameRange]) -> str:
    """Name frames, so that maps over others have other names."""
    if len(frames) > 3:
        return f"{sum(stop - start for start, stop in frames)} frames from {frames[0][0]} to {frames[-1][1]}"
    return ", ".join(f"{start}-{stop}" for start, stop in frames)
