"""The same test where nothing should differ: what the assumptions leave out shows here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.comparison.compare import STOPPED, compare
from napari_varae.core.comparison.inference.two_sample import UnusableRangesError
from napari_varae.core.comparison.latents import settled
from napari_varae.core.comparison.noise import measurement_noise
from napari_varae.core.compute.checkpoint import until
from napari_varae.core.compute.workers import Workers
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.movie_latents import MovieLatents
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.frames import FrameRange, check_range, overlap
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import ComparisonConfig
from napari_varae.errors import StoppedError

__all__ = ["permuted_pairs", "placebo", "placed_pairs"]

FEWEST_SEGMENTS = 4
"""Segments of each range that can be permuted in more than a few ways."""
MOST_ALIKE = 0.5
"""Share of frames up to which a pair is another one than that of the comparison."""
ATTEMPTS = 1000
"""Pairs that are drawn before there seem to be no others."""
UNUSABLE = 100
"""Pairs in a row that cannot be compared, after which the placebo ends."""

Pair = tuple[list[FrameRange], list[FrameRange]]


def placebo(
    fit: Fit,
    stack: Stack,
    lengths: tuple[int, int] | None = None,
    within: FrameRange | None = None,
    unlike: tuple[Sequence[FrameRange], Sequence[FrameRange]] | None = None,
    segments: tuple[Sequence[FrameRange], Sequence[FrameRange]] | None = None,
    repeats: int = 20,
    config: ComparisonConfig = ComparisonConfig(resamples=99),  # noqa: B008  # frozen
    *,
    latents: ArrayLike | MovieLatents | None = None,
    covariates: ArrayLike | None = None,
    covariate_lags: int = 0,
    stop: Event | None = None,
    progress: Callable[[NDArray[np.float64]], None] | None = None,
    workers: Workers | None = None,
    **overrides: Any,
) -> NDArray[np.float64]:
    """P-values of coupling on random pairs of ranges between which no condition differs.

    Those of own past where there is a single latent.

    Under the null, and if the assumptions hold, a share x of them lies below x. Drift, bleaching and latents that
    were fitted on the same frames show here. Either `lengths` or `segments` define what a pair is. A pair that cannot
    be compared, since it has too few good frames or latents that do not vary, is replaced by another one. Each frame is
    encoded once, and measurement noise estimated once: for each segment, or for all of `within`.

    Parameters
    ----------
    fit : Fit
    stack : Stack
    lengths : (int, int), optional
        Frames in A and B, which are then two ranges from one that is believed to be homogeneous.
    within : (int, int), optional
        That range; all frames when not given.
    unlike : (sequence of (int, int), sequence of (int, int)), optional
        Ranges A and B of the comparison: pairs that lie for more than half of their frames as these do are not drawn,
        since they would find the same difference.
    segments : (sequence of (int, int), sequence of (int, int)), optional
        Segments of A and of B, permuted, half of each to either side: right where conditions take turns.
    repeats : int
        Number of pairs.
    config : ComparisonConfig
        As for :func:`compare`; responses are those of `segments`. Halves are not compared and power is not simulated.
    latents, workers
        As for :func:`compare`.
    covariates, covariate_lags
        As for :func:`compare`.
    stop : threading.Event, optional
        When set, the p-values so far are returned.
    progress : callable, optional
        Called with the p-values so far.
    **overrides
        Single settings instead of those of `config`.

    Returns
    -------
    p_values : array, shape (repeats,)

    Raises
    ------
    ValueError
        When the range is too short for two ranges with a gap, or for any unlike those of the comparison, segments are
        too few to be permuted, or no pair can be compared.
    """
    config = settled(config, overrides).changed(halves=False, power_draws=0)
    if (lengths is None) == (segments is None):
        raise ValueError("A placebo needs either the lengths of the ranges or their segments.")
    draw: Callable[[np.random.Generator], Pair]
    if segments is not None:
        draw = permuted_pairs(*segments)
    elif lengths is not None:
        config = config.changed(subtract_responses=False)
        draw = placed_pairs(lengths, check_range(within, stack.n_frames, name="within"), fit.var.order, unlike)
    known = latents if isinstance(latents, MovieLatents) else MovieLatents(fit, stack, latents)
    whole = FrameSet.of(stack, within if segments is None else [*segments[0], *segments[1]])
    rng, stop = np.random.default_rng(config.seed), stop or Event()
    try:
        noise = measurement_noise(fit, stack, [whole], until(stop, STOPPED)) if config.correct_noise else None
    except StoppedError:
        return np.zeros(0)
    config = config.changed(correct_noise=noise is not None)
    found: list[float] = []
    unusable = 0
    while len(found) < repeats and not stop.is_set():
        settings = config.changed(seed=config.seed + len(found))
        pair = draw(rng)
        believed = None if noise is None else [noise.of[0].taken(_places(side, whole)) for side in pair]
        try:
            result = compare(
                fit, stack, *pair, settings, latents=known, noise=believed, covariates=covariates,
                covariate_lags=covariate_lags, stop=stop, workers=workers,
            )  # fmt: skip
        except StoppedError:
            break
        except UnusableRangesError as error:
            unusable += 1
            if unusable == UNUSABLE:
                raise ValueError(
                    f"{UNUSABLE} pairs in a row could not be compared, the last one for this reason: {error}"
                ) from error
            continue
        if result.test.resamples < settings.resamples:  # stopped on the way: not a p-value like the others
            break
        unusable = 0
        found.append(result.coupling.p_value if result.coupling.n_coefficients else result.p_value)
        if progress is not None:
            progress(np.array(found))
    return np.array(found)


def _places(side: Sequence[FrameRange], whole: FrameSet) -> list[int]:
    """Which range of the whole each range of a side lies in, in order of time."""
    starts = np.array([start for start, _ in whole.ranges])
    return [int(np.searchsorted(starts, start, "right")) - 1 for start, _ in sorted(side)]


def placed_pairs(
    lengths: tuple[int, int],
    within: FrameRange,
    gap: int,
    unlike: tuple[Sequence[FrameRange], Sequence[FrameRange]] | None = None,
) -> Callable[[np.random.Generator], Pair]:
    """Draw two ranges at random places, with a gap between them and in either order, unlike a given pair."""
    start, stop = within
    free = stop - start - sum(lengths) - gap
    if free < 0:
        raise ValueError(
            f"within=({start}, {stop}) is too short for {lengths[0]} + {lengths[1]} frames and a gap of {gap}."
        )

    def place(rng: np.random.Generator) -> Pair:
        before, between = np.sort(rng.integers(0, free + 1, 2)).tolist()
        sizes = lengths if rng.random() < 0.5 else lengths[::-1]
        first = (start + before, start + before + sizes[0])
        second = first[1] + gap + between - before
        return [first], [(second, second + sizes[1])]

    def draw(rng: np.random.Generator) -> Pair:
        for _ in range(ATTEMPTS):
            pair = place(rng)
            if unlike is None or _likeness(pair, unlike) <= MOST_ALIKE:
                return pair
        raise ValueError(
            f"Pairs of {lengths[0]} and {lengths[1]} frames from {start} to {stop} are nearly A and B themselves, and "
            "would find the same difference. Choose shorter ranges, or draw the pairs within one of them."
        )

    return draw


def _likeness(pair: Pair, other: tuple[Sequence[FrameRange], Sequence[FrameRange]]) -> float:
    """Share of the frames of a pair that lie as in another one, or as in this one with its sides swapped."""
    straight, swapped = (overlap(pair[0], a) + overlap(pair[1], b) for a, b in (other, other[::-1]))
    return max(straight, swapped) / sum(stop - start for side in pair for start, stop in side)


def permuted_pairs(a: Sequence[FrameRange], b: Sequence[FrameRange]) -> Callable[[np.random.Generator], Pair]:
    """Permute segments so that both sides hold the same share of what was A, as nearly as numbers allow.

    A condition that matters then differs between the sides hardly at all, and the true assignment is never drawn.
    """
    if min(len(a), len(b)) < FEWEST_SEGMENTS:
        raise ValueError(
            f"A has {len(a)} segments and B {len(b)}: at least {FEWEST_SEGMENTS} of each are needed to permute them. "
            "Compare random ranges instead."
        )
    share = len(a) * len(a) / (len(a) + len(b))

    def draw(rng: np.random.Generator) -> Pair:
        stay = int(share + rng.random())  # as often up as down where it is no whole number
        of_a, of_b = ([side[i] for i in rng.permutation(len(side))] for side in (a, b))
        come = len(a) - stay
        return of_a[:stay] + of_b[:come], of_a[stay:] + of_b[come:]

    return draw
