"""What a reader of a comparison should know, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike

from napari_varae.core.comparison.inference.bootstrap import CommonModel
from napari_varae.core.comparison.inference.permutation import Deal
from napari_varae.core.comparison.inference.two_sample import Sample
from napari_varae.core.comparison.result import Comparison
from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.frames import FrameRange, overlap
from napari_varae.core.movie.good_frames import closeness

__all__ = ["cautions", "effective_frames", "own_past_caution", "range_cautions", "whole_image_cautions"]

FEW = 10
"""Independent frames in a stretch below which dealing stretches does not protect much from what is no VAR."""
HANGS = 0.1
"""Correlation of what a VAR leaves over, or of its size, with that of the frame before, from which it is no VAR."""


def range_cautions(fit: Fit, movie: str, ranges: dict[str, tuple[FrameRange, ...]], order: int) -> tuple[str, ...]:
    """Say what is noteworthy about the frames that are compared, of the movie with this fingerprint."""
    if foreign := fit.caution(movie):
        return foreign, *([close] if (close := closeness(ranges["a"], ranges["b"], order)) else [])
    found = [close] if (close := closeness(ranges["a"], ranges["b"], order)) else []
    seen = [overlap([fit.frames], parts) / sum(e - s for s, e in parts) for parts in ranges.values()]
    if abs(seen[0] - seen[1]) > 0.1:
        found.append(
            f"{seen[0]:.0%} of A but {seen[1]:.0%} of B was seen in training: the latents may fit one range better. A "
            "placebo comparison tells how much that matters."
        )
    return tuple(found)


def cautions(
    samples: tuple[Sample, Sample],
    model: CommonModel,
    deal: Deal | None,
    effective: tuple[float, float],
    made: int,
    wanted: int,
    silent: int,
) -> tuple[str, ...]:
    """Say what is noteworthy about latents, nulls and draws."""
    found = []
    predictors = samples[0].x.shape[-1]
    for name, sample in zip("AB", samples, strict=True):
        if sample.count < 2 * predictors:
            found.append(
                f"{name} has {sample.count} lag pairs for {predictors} predictors: only large changes can be found. "
                "Longer ranges or fewer latents help."
            )
    if silent:
        found.append(f"{silent} latent(s) do not vary in one of the ranges and were left out.")
    if model.radius > 0.98:
        found.append(
            f"The dynamics are close to a unit root (spectral radius {model.radius:.3f}): drift may look like dynamics."
        )
    if deal is None:
        found.append("Every frame counts as independent given its past: on a recording p is then far too small.")
    else:
        if deal.ways < 2 * made:
            found.append(
                f"There are only {deal.ways} ways to deal {sum(deal.counts)} stretches: p cannot be finer than that."
            )
        pairs, stretch = sum(sample.count for sample in samples), deal.x.shape[1]
        worth = stretch * min(e / sample.count for e, sample in zip(effective, samples, strict=True))
        if worth < FEW and _hanging(model) > max(HANGS, 3 / math.sqrt(pairs)):
            alone = "one independent frame" if worth < 1.5 else f"{worth:.0f} independent ones"
            found.append(
                f"The latents are no VAR of order {model.order}: what it leaves over hangs together over time. Long "
                f"stretches protect then, but one of {stretch} frames is worth about {alone}: p may be several times "
                "too small. Longer ranges help, sometimes a higher order."
            )
    if made < wanted:
        found.append(
            f"Stopped after {made} of {wanted} resamples: a p at which one stops because it is small is too small."
        )
    if made < 199:
        found.append(f"With {made} resamples p cannot be smaller than {1 / (made + 1):.3g}.")
    return tuple(found)


def _hanging(model: CommonModel) -> float:
    """Correlation of the residuals, or of their squares, with those of the frame before; mean over latents."""

    def correlation(parts: list[torch.Tensor]) -> torch.Tensor:
        after = sum(((part[1:] * part[:-1]).sum(0) for part in parts), torch.zeros(()))
        return after / sum((part.square().sum(0) for part in parts), torch.zeros(())).clamp_min(1e-30)

    residuals = [part for side in model.residuals for part in side]
    squares = [
        part.square() - variance for side, variance in zip(model.residuals, model.variances, strict=True)
        for part in side
    ]  # fmt: skip
    return max(float(correlation(residuals).square().mean().sqrt()), float(correlation(squares).mean()))


def own_past_caution(p_value: float, p_links: float, level: float) -> tuple[str, ...]:
    """Say so when no link can be shown to differ."""
    text = "No link alone can be shown to differ. Own past changes with noise and activity before anything else does."
    return (text,) if p_value <= level < p_links else ()


def whole_image_cautions(fit: Fit, found: Comparison) -> tuple[str, ...]:
    """Name the latents of the whole image among the coefficients that differ."""
    differ = found.edges[found.edges["p_adjusted"] <= found.level]
    involved = {int(k) for name in ("target", "source") for k in differ[name]} & fit.whole_image.keys()
    if not involved:
        return ()
    names = ", ".join(f"{k} ({fit.whole_image[k]})" for k in sorted(involved))
    return (f"Among the differences are latents of the whole image: {names}. They say nothing about cells.",)


def effective_frames(segments: Sequence[ArrayLike], starts: Sequence[int] | None = None) -> float:
    """Independent frames that would say as much about a correlation between latents; median over latents.

    The correlation of two series with autocorrelations r has a variance of (1 + 2 sum of r squared) / n (Bartlett
    1935), summed here up to the first lag at which r is within chance, from the pairs of frames that are there.

    Parameters
    ----------
    segments : sequence of array, shape (T_s, K)
    starts : sequence of int, optional
        First frame of each; without them segments count as far apart.
    """
    parts = [torch.as_tensor(np.asarray(z, dtype=np.float64)) for z in segments]
    if starts is None:
        longest = max(map(len, parts))
        starts = np.cumsum([0, *(len(z) + longest for z in parts[:-1])]).tolist()
    first = min(starts)
    frames = max(start + len(part) for start, part in zip(starts, parts, strict=True)) - first
    z = torch.zeros(frames, parts[0].shape[1], dtype=torch.float64)
    there = torch.zeros(frames, dtype=torch.float64)
    mean = torch.cat(parts).mean(0)
    for start, part in zip(starts, parts, strict=True):
        z[start - first :][: len(part)] = part - mean
        there[start - first :][: len(part)] = 1
    n = float(there.sum())
    variance = z.square().sum(0).clamp_min(1e-30) / n
    factor, rising = torch.ones_like(mean), torch.ones_like(mean, dtype=torch.bool)
    for lag in range(1, frames):
        pairs = float(there[lag:] @ there[:-lag])
        if not pairs:
            break
        r = (z[lag:] * z[:-lag]).sum(0) / pairs / variance
        rising &= r > 2 / math.sqrt(pairs)
        if not rising.any():
            break
        factor += 2 * pairs / n * torch.where(rising, r.square(), 0)
    return float((n / factor).median())
