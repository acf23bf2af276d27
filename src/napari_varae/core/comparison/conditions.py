"""Do the dynamics differ between more than two conditions? One test over all, then pairs, with family-wise control.

Pairs are compared as two ranges are, and their p-values adjusted by Holm (1979): the chance that any pair is called
different in which nothing differs is at most the level, whatever differs elsewhere.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.comparison import notes
from napari_varae.core.comparison.compare import STOPPED, Ranges, compare, read_segments
from napari_varae.core.comparison.covariates import with_lags
from napari_varae.core.comparison.export import plain
from napari_varae.core.comparison.inference.resampling import Running
from napari_varae.core.comparison.inference.segment_noise import SegmentNoise
from napari_varae.core.comparison.inference.several import Omnibus, omnibus_test
from napari_varae.core.comparison.latents import checked_order, given_noise, settled
from napari_varae.core.comparison.noise import measurement_noise
from napari_varae.core.comparison.percent import percent
from napari_varae.core.comparison.result import Comparison
from napari_varae.core.comparison.verdict import DIFFER, NO_DIFFERENCE
from napari_varae.core.compute.checkpoint import until
from napari_varae.core.compute.workers import Workers
from napari_varae.core.files import write_file
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.movie_latents import MovieLatents
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import ComparisonConfig

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Conditions", "compare_conditions", "holm"]

Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Conditions:
    """What the comparison of several conditions found.

    Attributes
    ----------
    names : tuple of str
        The conditions, in order.
    omnibus : Omnibus
        The test over all of them.
    pairs : dict of (str, str) to Comparison
        Each pair by itself; its p-values are not adjusted for the number of pairs.
    p_adjusted : dict of str to dict
        P-values of each pair for "coupling" and for "persistence", adjusted for the number of pairs.
    config : ComparisonConfig
        The settings.
    """

    names: tuple[str, ...]
    omnibus: Omnibus
    pairs: dict[Pair, Comparison]
    p_adjusted: dict[str, dict[Pair, float]]
    config: ComparisonConfig

    def __repr__(self) -> str:
        p = ", ".join(f"{name} p = {self.omnibus.p_values[name]:.3g}" for name in self.p_adjusted)
        return f"Conditions({', '.join(self.names)}: {p} over all; {len(self.pairs)} pairs)"

    def verdict(self, a: str, b: str) -> str:
        """Give the verdict on coupling of a pair; a difference has to survive the adjustment for all pairs."""
        pair = (a, b) if (a, b) in self.pairs else (b, a)
        if pair not in self.pairs:
            raise ValueError(f"{a!r} and {b!r} are not two of the conditions {', '.join(self.names)}.")
        alone = self.pairs[pair].verdict
        return NO_DIFFERENCE if alone == DIFFER and self.p_adjusted["coupling"][pair] > self.config.level else alone

    @property
    def table(self) -> pd.DataFrame:
        """One row for each pair.

        P-values for coupling and persistence, alone and adjusted for the number of pairs; the largest difference of a
        link (a - b, latents of SD 1) with its interval; how many links differ in the pair; and the verdict.
        """
        import pandas as pd

        return pd.DataFrame([self._row(pair, found) for pair, found in self.pairs.items()])

    def _row(self, pair: Pair, found: Comparison) -> dict[str, Any]:
        low, high = found.coupling.interval
        return {
            "a": pair[0],
            "b": pair[1],
            "coupling_p": found.coupling.p_value,
            "coupling_p_adjusted": self.p_adjusted["coupling"][pair],
            "persistence_p": found.persistence.p_value,
            "persistence_p_adjusted": self.p_adjusted["persistence"][pair],
            "difference": found.coupling.difference,
            "low": low,
            "high": high,
            "n_differ": found.coupling.n_differ,
            "verdict": self.verdict(*pair),
        }

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and texts; each pair with all that a comparison holds."""
        omnibus = {
            "p_values": {name: plain(p) for name, p in self.omnibus.p_values.items()},
            "statistics": {name: plain(value) for name, value in self.omnibus.statistics.items()},
            "nulls": {name: [plain(value) for value in null] for name, null in self.omnibus.nulls.items()},
            "largest": {name: list(pair) for name, pair in self.omnibus.largest.items()},
            "resamples": self.omnibus.resamples,
            "whole_segments": self.omnibus.whole_segments,
            "n_units": self.omnibus.n_units,
            "n_strata": self.omnibus.n_strata,
        }
        pairs = [
            {"a": a, "b": b, "verdict_adjusted": self.verdict(a, b), **found.as_dict()}
            for (a, b), found in self.pairs.items()
        ]
        rows = [
            {key: plain(value) if isinstance(value, float) else value for key, value in self._row(pair, found).items()}
            for pair, found in self.pairs.items()
        ]
        return {"conditions": list(self.names), "omnibus": omnibus, "rows": rows, "pairs": pairs,
                "settings": self.config.model_dump(), "methods": self.methods_text()}  # fmt: skip

    def to_json(self, path: str | Path) -> None:
        """Write everything as JSON."""
        write_file(path, json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n")

    def to_csv(self, path: str | Path) -> None:
        """Write the table of pairs as CSV."""
        write_file(path, self.table.to_csv(index=False, lineterminator="\n"))

    def methods_text(self) -> str:
        """Return a paragraph for a methods section."""
        test, level = self.omnibus, percent(self.config.level)
        strata = f" within {test.n_strata} strata of time" if test.n_strata > 1 else ""
        units = f"whole segments{strata}" if test.whole_segments else "blocks of consecutive lag pairs"
        differ = [f"{a} and {b}" for a, b in self.pairs if self.verdict(a, b) == DIFFER]
        first = next(iter(self.pairs.values()))
        return (
            f"Conditions {', '.join(self.names)} were compared by the largest studentised difference of a coefficient "
            f"between any two of them; its null distribution came from a permutation of {units} among all conditions "
            f"({test.n_units} units, {test.resamples} resamples): coupling p = {test.p_values['coupling']:.3g}, "
            f"persistence p = {test.p_values['persistence']:.3g}. Pairs were then compared, and their p-values "
            f"adjusted by Holm's method at the {level} level. Pairs whose coupling differs: "
            f"{'; '.join(differ) or 'none'}. Each pair was compared as follows. {first.methods_text()}"
        )


def compare_conditions(
    fit: Fit,
    stack: Stack,
    conditions: Mapping[str, Ranges],
    config: ComparisonConfig = ComparisonConfig(),  # noqa: B008  # frozen
    *,
    order: int | None = None,
    latents: ArrayLike | MovieLatents | None = None,
    noise: Sequence[ArrayLike | Sequence[ArrayLike]] | None = None,
    covariates: ArrayLike | None = None,
    covariate_lags: int = 0,
    stop: Event | None = None,
    progress: Callable[[str, float], None] | None = None,
    workers: Workers | None = None,
    **overrides: Any,
) -> Conditions:
    """Test whether the VAR coefficients are the same in three or more conditions, and which pairs differ.

    One test over all conditions permutes segments among them where each has six or more, else blocks. Pairs are
    compared as by :func:`compare`, and their p-values adjusted (Holm 1979).

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie.
    conditions : mapping of str to (int, int), or to several of them
        Half-open ranges of frames of each condition.
    config, order, latents, covariates, covariate_lags, stop, workers
        As for :func:`compare`.
    noise : sequence of array, optional
        Measurement noise of the latents in each condition, as for :func:`compare`; estimated from the pixels of each
        segment when not given.
    progress : callable, optional
        Called with what is being compared, and the share of it that is done.
    **overrides
        Single settings instead of those of `config`.

    Returns
    -------
    Conditions

    Raises
    ------
    ValueError
        When there are fewer than three conditions, and as for :func:`compare`.
    StackError
        When frames cannot be read.
    StoppedError
        When it was stopped before all pairs were compared.

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=400, height=24, width=24, cells=3, seed=0)).stack
    >>> fit = nv.fit(stack, nv.FitConfig(latents=4, epochs=0))
    >>> trials = {name: [(s + 22 * i, s + 22 * i + 20) for s in range(0, 396, 66)] for i, name in enumerate("abc")}
    >>> found = nv.compare_conditions(fit, stack, trials, resamples=19, power_draws=0)
    >>> list(found.pairs), found.omnibus.n_units
    ([('a', 'b'), ('a', 'c'), ('b', 'c')], 18)
    """
    config = settled(config, overrides)
    order = fit.var.order if order is None else checked_order(order)
    if len(conditions) < 3:
        raise ValueError(f"There are {len(conditions)} conditions; two are compared by nv.compare. Give three or more.")
    known = latents if isinstance(latents, MovieLatents) else MovieLatents(fit, stack, latents)
    frames = {name: FrameSet.of(stack, ranges, name=name) for name, ranges in conditions.items()}
    for a, b in itertools.combinations(frames, 2):
        if notes.shared(frames[a], frames[b]):
            raise ValueError(f"{a} and {b} share frames: move one of them.")
    check, show = until(stop, STOPPED), progress or (lambda _what, _share: None)
    regressors = None if covariates is None else with_lags(stack, covariates, covariate_lags)
    believed: list[SegmentNoise] | None = None
    if config.correct_noise:
        believed = _noise(fit, stack, frames, noise, stop)
    sides = [
        read_segments(known, part, order, name, config, check, regressors, None if believed is None else believed[i])[0]
        for i, (name, part) in enumerate(frames.items())
    ]
    omnibus = omnibus_test(sides, order, config, stop, lambda made, of: show("all conditions", made / of), workers)
    pairs: dict[Pair, Comparison] = {}
    for (i, a), (j, b) in itertools.combinations(enumerate(frames), 2):
        show(f"{a} and {b}", 0.0)
        check()
        given = None if noise is None or believed is None else (believed[i], believed[j])
        pairs[a, b] = compare(
            fit, stack, frames[a].ranges, frames[b].ranges, config, order=order, latents=known, noise=given,
            covariates=covariates, covariate_lags=covariate_lags, stop=stop,
            progress=partial(_report, show, f"{a} and {b}"), workers=workers,
        )  # fmt: skip
    adjusted = {
        name: dict(zip(pairs, holm([getattr(found, name).p_value for found in pairs.values()]).tolist(), strict=True))
        for name in ("coupling", "persistence")
    }
    return Conditions(tuple(frames), omnibus, pairs, adjusted, config)


def _report(show: Callable[[str, float], None], what: str, now: Running) -> None:
    """Report how far the comparison of a pair is."""
    show(what, now.made / now.planned)


def _noise(
    fit: Fit, stack: Stack, frames: dict[str, FrameSet], given: Any, stop: Event | None
) -> list[SegmentNoise] | None:
    """Noise of the segments of each condition, where it is known."""
    if given is not None:
        return given_noise(given, fit.latents, [len(part.ranges) for part in frames.values()], list(frames))
    found = measurement_noise(fit, stack, list(frames.values()), until(stop, STOPPED))
    return None if found is None else found.of


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values so that the chance of any false one among those at most the level is at most the level.

    Holm (1979): the smallest of m is multiplied by m, the next one by m - 1, and so on, none below the one before.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return adjusted
