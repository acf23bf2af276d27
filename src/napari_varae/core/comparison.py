"""Are the dynamics in two ranges of one recording the same? A bootstrap test on the latents of one fit."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_varae.core.bootstrap import EDGE, CommonModel, Progress, edge_table, effect_size
from napari_varae.core.model import Fit
from napari_varae.core.stack import FrameRange, Stack, check_range
from napari_varae.core.two_sample import Sample, difference

__all__ = ["Comparison", "compare", "compare_latents"]

Array = NDArray[np.float64]
Ranges = FrameRange | Sequence[FrameRange]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    p_value : float
        Chance, under equal coefficients, of a statistic as large; at least 1 / (resamples + 1).
    statistic : float
        Largest absolute studentised difference of a coefficient.
    null : array, shape (R,)
        The statistic in each resample.
    effect_size : float
        Root of the summed squared differences of the coefficients into one latent, averaged over latents and corrected
        for noise; 0 when there is no more difference than noise makes.
    effect_interval : (float, float)
        Bootstrap interval of the effect size at 1 - `level`.
    edges : structured array
        One row per coefficient, the smallest p first: lag (from 1), target, source; the coefficient in a and b
        (corrected for the penalty's bias, on latents standardised over both ranges); difference a - b; student;
        p_adjusted, by step-down max-T over all coefficients (Westfall, Young 1993).
    mean_shift : array, shape (K,)
        Mean in b minus mean in a, in deviations. No part of the test.
    variance_ratio : array, shape (K,)
        Innovation variance in b over that in a. No part of the test.
    warnings : tuple of str
        What a reader should know, in words.
    order, resamples, seed, level
        Settings.
    lengths : (int, int)
        Lag pairs in a and b.
    ranges : dict
        Frame ranges of a and b; empty when latents were compared.
    fit : str
        Identity of the fit; empty when latents were compared.
    """

    p_value: float
    statistic: float
    null: Array
    effect_size: float
    effect_interval: tuple[float, float]
    edges: NDArray[Any]
    mean_shift: Array
    variance_ratio: Array
    warnings: tuple[str, ...]
    order: int
    resamples: int
    seed: int
    level: float
    lengths: tuple[int, int]
    ranges: dict[str, tuple[FrameRange, ...]]
    fit: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and texts."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name, value in plain.items():
            if isinstance(value, np.ndarray) and value.dtype.names is None:
                plain[name] = value.tolist()
        plain["edges"] = [dict(zip(EDGE.names or (), row.tolist(), strict=True)) for row in self.edges]
        plain["methods"] = self.methods_text()
        return plain

    def to_json(self, path: str | Path) -> None:
        """Write everything as JSON."""
        Path(path).write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")

    def to_csv(self, path: str | Path) -> None:
        """Write the edges as CSV."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(EDGE.names or ())
            writer.writerows(row.tolist() for row in self.edges)

    def methods_text(self) -> str:
        """Give a paragraph for a methods section."""
        from importlib.metadata import version

        latents = len(self.mean_shift)
        spans = "; ".join(
            f"{name.upper()}: frames " + ", ".join(f"{start} to {stop - 1}" for start, stop in parts)
            for name, parts in self.ranges.items()
        )
        return (
            f"The dynamics in two ranges of the recording ({spans or 'latents given'}; {self.lengths[0]} and "
            f"{self.lengths[1]} "
            f"lag pairs) were compared with napari-varae {version('napari-varae')}"
            f"{f' (fit {self.fit})' if self.fit else ''}. The null hypothesis was that the coefficients of a vector "
            f"autoregression of order {self.order} on the {latents} latents are the same in both ranges, while "
            "intercepts and "
            "innovation covariances may differ. Coefficients were estimated with an l1 penalty on their common "
            "part and on their "
            "difference and corrected for the bias of the penalty; the statistic was the largest absolute "
            "studentised difference. Its null distribution came from a wild bootstrap (Rademacher) with "
            f"{self.resamples} resamples from the common model, the whole statistic being computed anew in each (seed "
            f"{self.seed}). Global test: p = {self.p_value:.3g}. Effect size: {self.effect_size:.3f} "
            f"({1 - self.level:.0%} interval {self.effect_interval[0]:.3f} to {self.effect_interval[1]:.3f}). "
            "P-values of "
            "single coefficients were adjusted by step-down max-T."
        )


def compare(
    fit: Fit,
    stack: Stack,
    a: Ranges,
    b: Ranges,
    resamples: int = 999,
    seed: int = 0,
    level: float = 0.05,
    stop: Event | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Test whether the VAR coefficients are the same in two ranges of a recording.

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie.
    a, b : (int, int) or several of them
        Half-open ranges of frames.
    resamples, seed, level, stop, progress
        As for :func:`compare_latents`.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When a range lies outside the movie, the ranges overlap or are too short, or the image size is another one.
    StackError
        When frames cannot be read.
    """
    fit.check(stack)
    order = fit.var.order
    ranges = {name: _segments(part, stack, name) for name, part in (("a", a), ("b", b))}
    used = np.zeros(stack.n_frames, dtype=int)
    for start, end in (*ranges["a"], *ranges["b"]):
        used[start:end] += 1
    if (used > 1).any():
        raise ValueError(
            f"The ranges share {int((used > 1).sum())} frames, first frame {int(used.argmax())}. Move one of them."
        )
    segments = {name: _latents(fit, stack, parts, order) for name, parts in ranges.items()}
    warnings = _range_warnings(fit, ranges, order)
    found = compare_latents(segments["a"], segments["b"], order, resamples, seed, level, stop, progress)
    changes = {"warnings": (*warnings, *found.warnings), "ranges": ranges, "fit": fit.id}
    return Comparison(**({name: getattr(found, name) for name in found.__dataclass_fields__} | changes))


def compare_latents(
    za: ArrayLike | Sequence[ArrayLike],
    zb: ArrayLike | Sequence[ArrayLike],
    order: int = 1,
    resamples: int = 999,
    seed: int = 0,
    level: float = 0.05,
    stop: Event | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Test whether two stretches of latents follow the same VAR.

    The statistic is the largest studentised difference of a coefficient (:mod:`napari_varae.core.two_sample`). Its
    null distribution comes from a wild bootstrap: series are drawn from the common model with each frame's own
    residuals times a random sign, which keeps their skewness in size, their correlation across latents and their
    changing variance, and everything that looked at the data is repeated on each.

    Parameters
    ----------
    za, zb : array (nA, K) and (nB, K), or lists of such segments
        Latents, in any units.
    order : int
        Number of lags p.
    resamples : int
        Bootstrap repeats R.
    seed : int
        Seed of the bootstrap.
    level : float
        1 minus the coverage of the interval.
    stop : threading.Event, optional
        When set, the answer rests on the resamples made so far.
    progress : callable, optional
        Called with (resamples made, resamples).

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When latents are not (n, K) of finite numbers, are too few, or settings are impossible.
    """
    if resamples < 19 or not 0 < level < 1 or order < 1:
        raise ValueError(
            f"resamples={resamples}, level={level}, order={order}: needed are >= 19, between 0 and 1, >= 1."
        )
    parts_a, parts_b = _checked(za, order, "za"), _checked(zb, order, "zb")
    if parts_a[0].shape[1] != parts_b[0].shape[1]:
        raise ValueError(f"za has {parts_a[0].shape[1]} latents and zb {parts_b[0].shape[1]}.")
    deviation = np.sqrt((np.concatenate(parts_a).var(0) + np.concatenate(parts_b).var(0)) / 2)
    deviation = np.maximum(deviation, 1e-6 * deviation.max())
    if not deviation.max() > 0:
        raise ValueError("The latents do not vary in these ranges: there are no dynamics to compare.")
    means = [np.concatenate(parts).mean(0) for parts in (parts_a, parts_b)]
    scaled = [
        [torch.from_numpy((z - mean) / deviation)[None] for z in parts]
        for parts, mean in zip((parts_a, parts_b), means, strict=True)
    ]
    a, b = (Sample.of(parts, order) for parts in scaled)
    observed = difference(a, b, iterations=600)
    model = CommonModel(scaled, (a, b), observed, order)
    null = model.draw(resamples, np.random.default_rng(seed), stop, progress)
    student, values = observed.student[0].abs().numpy(), (observed.a - observed.b)[0].numpy()
    statistic = float(student.max())
    made = len(null.student)
    if made < 19:
        raise ValueError(f"Stopped after {made} resamples: too few for an answer.")
    maxima = null.student.max(1)
    effect, interval = effect_size(values, null.difference, level)
    residual = [sample.residual_variance(c)[0].numpy() for sample, c in ((a, observed.a), (b, observed.b))]
    return Comparison(
        p_value=(1 + int((maxima >= statistic).sum())) / (made + 1),
        statistic=statistic,
        null=maxima,
        effect_size=effect,
        effect_interval=interval,
        edges=edge_table(observed, null.student, order),
        mean_shift=(means[1] - means[0]) / deviation,
        variance_ratio=residual[1] / residual[0],
        warnings=_warnings((a, b), model.radius, made, resamples),
        order=order,
        resamples=made,
        seed=seed,
        level=level,
        lengths=(a.count, b.count),
        ranges={},
    )


def _checked(latents: ArrayLike | Sequence[ArrayLike], order: int, name: str) -> list[Array]:
    """Segments of latents long enough to hold a lag pair."""
    single = isinstance(latents, np.ndarray | Tensor) and latents.ndim == 2
    parts = [np.asarray(z, dtype=np.float64) for z in ([latents] if single else latents)]  # type: ignore[union-attr]
    if not parts or any(z.ndim != 2 or z.shape[1] != parts[0].shape[-1] for z in parts):
        raise ValueError(f"{name} has shapes {[z.shape for z in parts]}; needed are (n, K) with the same K.")
    if not all(np.isfinite(z).all() for z in parts):
        raise ValueError(f"{name} has NaN or infinite values.")
    parts = [z for z in parts if len(z) > order]
    pairs, need = sum(len(z) - order for z in parts), 10 * order + 20
    if pairs < need:
        raise ValueError(f"{name} has {pairs} lag pairs; at least {need} are needed to compare VARs of order {order}.")
    return parts


def _segments(part: Ranges, stack: Stack, name: str) -> tuple[FrameRange, ...]:
    several = list(part) if len(part) and isinstance(part[0], Iterable) else [part]
    if not several:
        raise ValueError(f"Range {name} is empty. Choose frames.")
    return tuple(check_range(one, stack.n_frames, name=name) for one in several)  # type: ignore[arg-type]


def _latents(fit: Fit, stack: Stack, parts: tuple[FrameRange, ...], order: int) -> list[Array]:
    """Latents of the runs of good frames in these ranges."""
    runs = []
    for start, end in parts:
        z = fit.encode(stack, (start, end)).astype(np.float64)
        bad = np.flatnonzero(~stack.good_frames(start, end))
        runs += [run[1:] if i else run for i, run in enumerate(np.split(z, bad))]
    kept = [run for run in runs if len(run) > order]
    if not kept:
        raise ValueError(f"The ranges {parts} hold no run of more than {order} good frames.")
    return kept


def _range_warnings(fit: Fit, ranges: dict[str, tuple[FrameRange, ...]], order: int) -> tuple[str, ...]:
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
            f"{seen[0]:.0%} of A but {seen[1]:.0%} of B was seen in training: the latents may fit one range "
            "better. A placebo "
            "comparison tells how much that matters."
        )
    return tuple(found)


def _warnings(samples: tuple[Sample, Sample], radius: float, made: int, wanted: int) -> tuple[str, ...]:
    found = []
    predictors = samples[0].x.shape[-1]
    for name, sample in zip("AB", samples, strict=True):
        if sample.count < 2 * predictors:
            found.append(
                f"{name} has {sample.count} lag pairs for {predictors} predictors: only large changes can be found. "
                "Longer ranges or fewer latents help."
            )
    if radius > 0.98:
        found.append(
            f"The dynamics are close to a unit root (spectral radius {radius:.3f}): drift may look like dynamics."
        )
    if made < wanted:
        found.append(f"Stopped after {made} of {wanted} resamples.")
    if made < 199:
        found.append(f"With {made} resamples p cannot be smaller than {1 / (made + 1):.3g}.")
    return tuple(found)
