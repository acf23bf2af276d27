"""What a reader of a comparison should know, in words."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_varae.core.bootstrap import CommonModel
from napari_varae.core.model import Fit
from napari_varae.core.permutation import Deal
from napari_varae.core.stack import FrameRange
from napari_varae.core.two_sample import Sample

__all__ = ["cautions", "effective_frames", "own_past_caution", "range_cautions"]


def range_cautions(fit: Fit, ranges: dict[str, tuple[FrameRange, ...]], order: int) -> tuple[str, ...]:
    """Say what is noteworthy about the frames that are compared."""
    found = []
    gaps = [max(s2 - e1, s1 - e2) for s1, e1 in ranges["a"] for s2, e2 in ranges["b"]]
    if min(gaps) < order:
        found.append(
            f"The ranges touch: leave a gap of at least {order} frame(s), so that no frame predicts across it."
        )
    seen = []
    for parts in ranges.values():
        inside = sum(max(0, min(e, fit.frames[1]) - max(s, fit.frames[0])) for s, e in parts)
        seen.append(inside / sum(e - s for s, e in parts))
    if abs(seen[0] - seen[1]) > 0.1:
        found.append(
            f"{seen[0]:.0%} of A but {seen[1]:.0%} of B was seen in training: the latents may fit one range better. A "
            "placebo comparison tells how much that matters."
        )
    return tuple(found)


def cautions(
    samples: tuple[Sample, Sample], model: CommonModel, deal: Deal | None, made: int, wanted: int, silent: int
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
    elif (deals := math.comb(sum(deal.counts), deal.counts[0])) < 2 * made:
        found.append(f"There are only {deals} ways to deal {sum(deal.counts)} stretches: p cannot be finer than that.")
    if made < wanted:
        found.append(
            f"Stopped after {made} of {wanted} resamples: a p at which one stops because it is small is too small."
        )
    if made < 199:
        found.append(f"With {made} resamples p cannot be smaller than {1 / (made + 1):.3g}.")
    return tuple(found)


def own_past_caution(p_value: float, p_links: float, level: float) -> tuple[str, ...]:
    """Say so when no link differs."""
    text = "Only own past differs for sure, no link: it also changes with noise, and with how often a cell is active."
    return (text,) if p_value <= level < p_links else ()


def effective_frames(segments: list[Tensor]) -> float:
    """Independent frames that would say as much about a correlation between latents; median over latents.

    The variance of a correlation of two series with autocorrelations r is (1 + 2 sum of their products) / n (Bartlett
    1935). Summed up to the first lag at which r is within chance.
    """
    n = sum(len(z) for z in segments)
    mean = torch.cat(segments).mean(0)
    centred = [z - mean for z in segments]
    variance = torch.cat(centred).square().sum(0)
    factor, open_ = torch.ones_like(mean), torch.ones_like(mean, dtype=torch.bool)
    for lag in range(1, max(len(z) for z in segments)):
        products = sum(((z[lag:] * z[:-lag]).sum(0) for z in centred if len(z) > lag), torch.zeros_like(mean))
        r = products / variance
        open_ &= r > 2 / math.sqrt(n)
        if not open_.any():
            break
        factor += 2 * torch.where(open_, r.square(), 0)
    return float((n / factor).median())
