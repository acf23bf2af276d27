"""Are the dynamics in two ranges of a recording the same? From frames to the latents that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_varae.core.comparison import notes
from napari_varae.core.comparison.covariates import check_known, with_lags
from napari_varae.core.comparison.inference.lag_pairs import Array
from napari_varae.core.comparison.inference.resampling import Progress
from napari_varae.core.comparison.inference.segment_noise import SegmentNoise
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.two_sample import UnusableRangesError, two_sample_test
from napari_varae.core.comparison.inference.within import compare_halves
from napari_varae.core.comparison.latents import NoiseLike, checked_order, given_noise, settled, without_correction
from napari_varae.core.comparison.motion import following_shifts
from napari_varae.core.comparison.noise import measurement_noise
from napari_varae.core.comparison.responses import FEWEST_TRIALS, mean_response
from napari_varae.core.comparison.result import Comparison
from napari_varae.core.compute.checkpoint import Check, until
from napari_varae.core.compute.workers import Workers
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.movie_latents import MovieLatents
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.frames import FrameRange
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import ComparisonConfig

__all__ = ["STOPPED", "compare", "read_segments"]

STOPPED = "Stopped while the movie was encoded, before anything was compared."

Ranges = FrameRange | Sequence[FrameRange]

HALVES_RESAMPLES = 99
"""Draws for the comparison of the halves of each range: enough for a level of 5 %."""
HALVES_BLOCKS = 4
"""Blocks in a half, at most."""


def compare(
    fit: Fit,
    stack: Stack,
    a: Ranges,
    b: Ranges,
    config: ComparisonConfig = ComparisonConfig(),  # noqa: B008  # frozen
    *,
    order: int | None = None,
    latents: ArrayLike | MovieLatents | None = None,
    noise: NoiseLike | None = None,
    covariates: ArrayLike | None = None,
    covariate_lags: int = 0,
    stop: Event | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
    **overrides: Any,
) -> Comparison:
    """Test whether the VAR coefficients are the same in two ranges of a recording.

    Measurement noise, known from the pixels, is accounted for in each segment. The halves of each range are compared as
    well: where these differ, a difference between the ranges means little. Where each range has six or more parts, such
    as trials, these are what is permuted.

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie.
    a, b : (int, int) or several of them
        Half-open ranges of frames.
    config : ComparisonConfig
        How to compare.
    order : int, optional
        Order p of the VAR that is compared; that of the fit when not given.
    latents : array, shape (T, K), or MovieLatents, optional
        The latents of the whole movie by this fit, where they are encoded already. Otherwise the ranges are read.
    noise : array (K,), or a pair of arrays (K,) or (K, K), or of lists of these, optional
        Measurement noise of the latents, as for :func:`compare_latents`; estimated from the pixels of each segment
        when not given.
    covariates : array, shape (T,) or (T, n), optional
        What is regressed out first, one row for each frame of the movie, such as running speed: regressors of the VAR
        beside its lags, with coefficients of their own in A and in B.
    covariate_lags : int
        How many frames before each one are regressors as well.
    stop, progress, workers
        As for :func:`compare_latents`. Stopped while it encodes, there is no answer.
    **overrides
        Single settings instead of those of `config`, such as `resamples=999, seed=0`.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When a range lies outside the movie, the ranges overlap or are too short, settings are impossible, or the image
        size is another one.
    TypeError
        When there is no such setting.
    StackError
        When frames cannot be read.
    """
    config = settled(config, overrides)
    order = fit.var.order if order is None else checked_order(order)
    known = latents if isinstance(latents, MovieLatents) else MovieLatents(fit, stack, latents)
    for name, part in (("a", a), ("b", b)):
        if part is None:
            raise ValueError(f"{name} is None. Give a range of frames (start, stop), or several.")
    frames = {name: FrameSet.of(stack, part, name=f"Range {name.upper()}") for name, part in (("a", a), ("b", b))}
    if text := notes.shared(frames["a"], frames["b"]):
        raise ValueError(text)
    regressors = None if covariates is None else with_lags(stack, covariates, covariate_lags)
    believed, warnings = _noise(fit, stack, frames, noise, stop) if config.correct_noise else ({}, [])
    segments: dict[str, Segments] = {}
    for name, side in frames.items():
        segments[name], found = read_segments(
            known, side, order, f"Range {name.upper()}", config, until(stop, STOPPED), regressors, believed.get(name)
        )
        warnings = found + warnings
    empty = dict[str, float](), dict[str, float]()
    halves, own_halves = _halves(segments, order, config, stop, workers) if config.halves else empty
    both = segments["a"], segments["b"]
    test = two_sample_test(*both, order, config, stop, progress, workers)
    uncorrected = without_correction(*both, order, config, stop, workers)
    sides = frames["a"], frames["b"]
    movie = stack.fingerprint()
    foreign = fit.caution(movie)  # then the frames that were seen in training are those of another movie
    before = foreign or notes.seen_in_training(fit.frames, *sides), notes.closeness(*sides, order)
    return Comparison(
        test,
        config,
        (
            *(text for text in before if text),
            *warnings,
            *_motion(known, stack, sides),
            *notes.halves(halves, own_halves, test.n_strata),
            *notes.whole_image(fit, test, config),
            *notes.of_test(test, config),
        ),
        frames,
        halves,
        own_halves,
        uncorrected,
        fit=fit.id,
        movie=movie,
        trained_on=fit.movie,
    )


def _motion(latents: MovieLatents, stack: Stack, sides: Sequence[FrameSet]) -> list[str]:
    """Warn of latents that follow the shifts of registration, where these are known."""
    if stack.shifts is None:
        return []
    runs = [run for side in sides for run in side.runs]
    return notes.motion(following_shifts(np.concatenate([latents.read(run) for run in runs]), stack.shifts, sides))


def _noise(
    fit: Fit, stack: Stack, frames: dict[str, FrameSet], given: Any, stop: Event | None
) -> tuple[dict[str, SegmentNoise], list[str]]:
    """Noise of the segments of A and B, where it is known, and what is noteworthy about it."""
    if given is not None:
        parts = given_noise(given, fit.latents, [len(side.ranges) for side in frames.values()])
        return dict(zip(frames, parts, strict=True)), []
    found = measurement_noise(fit, stack, list(frames.values()), until(stop, STOPPED))
    if found is None:
        return {}, notes.noise([])
    return dict(zip(frames, found.of, strict=True)), notes.noise(found.whiteness)


def read_segments(
    latents: MovieLatents,
    frames: FrameSet,
    order: int,
    name: str,
    config: ComparisonConfig,
    check: Check,
    regressors: Array | None = None,
    noise: SegmentNoise | None = None,
) -> tuple[Segments, list[str]]:
    """Latents of the runs of good frames of a range, and what is noteworthy about its trials.

    `noise` is that of each of its parts.
    """
    if short := notes.shortage(frames.n_pairs(order), order, name):
        raise UnusableRangesError(short)
    runs = frames.with_pairs(order)
    starts = tuple(start for start, _ in runs)
    begins = [start for start, _ in frames.ranges]
    ranges = tuple((np.searchsorted(begins, starts, "right") - 1).tolist())
    known: tuple[Array, ...] = ()
    if regressors is not None:
        check_known(regressors, frames, name)
        known = tuple(regressors[start:stop] for start, stop in runs)
    of_runs = None if noise is None else noise.taken(ranges)
    segments = Segments(tuple(latents.read(run, check) for run in runs), starts, ranges, True, known, of_runs)
    response = mean_response(frames, segments)
    if not config.subtract_responses:
        return segments, notes.response(name, response.strongest(segments) if response else None)
    if response is None:
        lengths = sorted({stop - start for start, stop in frames.ranges})
        raise ValueError(
            f"{name} has {len(frames.ranges)} parts of {lengths[0]} to {lengths[-1]} frames. To subtract the mean "
            f"response of its trials, at least {FEWEST_TRIALS} of one length are needed."
        )
    return response.subtracted_from(segments), []


def _halves(
    segments: dict[str, Segments],
    order: int,
    config: ComparisonConfig,
    stop: Event | None,
    workers: Workers | None,
) -> tuple[dict[str, float], dict[str, float]]:
    """P-values of the halves of each range, where they can be compared, until the user stops.

    For coupling, unless there is a single latent, and for persistence; "any" is that of one test for both ranges.
    """
    few = ComparisonConfig(resamples=HALVES_RESAMPLES, seed=config.seed, blocks=min(config.blocks, HALVES_BLOCKS))
    cut = {name: tuple(half.with_pairs(order) for half in parts.halves()) for name, parts in segments.items()}
    long = {
        name: (before, after)
        for name, (before, after) in cut.items()
        if not notes.shortage(min(before.n_pairs(order), after.n_pairs(order)), order, name)
    }
    found = compare_halves(long, order, few, stop, workers)
    return found["coupling"], found["persistence"]
