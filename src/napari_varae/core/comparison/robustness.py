"""Does the answer depend on choices? The same question with other latents, orders, seeds, noise and training frames."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import ArrayLike

from napari_varae.core.comparison import notes
from napari_varae.core.comparison.compare import Ranges, compare
from napari_varae.core.comparison.export import plain
from napari_varae.core.comparison.latents import settled
from napari_varae.core.comparison.result import Comparison
from napari_varae.core.compute.workers import Workers
from napari_varae.core.files import write_file
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.movie_latents import MovieLatents
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.frames import FrameRange
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import MOST_LATENTS, ComparisonConfig, FitConfig
from napari_varae.core.training.train import train
from napari_varae.core.training.trainer import default_window
from napari_varae.errors import StoppedError, TrainingError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHOICES", "Robustness", "Variation", "robustness"]

CHOICES = ("order", "noise", "latents", "seed", "frames")
"""What can be varied, the quick ones first; the last three train the fit again."""
TRAINS = ("latents", "seed", "frames")
ORDERS = (1, 2, 3)
UNCHANGED = "as chosen"


@dataclass(frozen=True, eq=False)
class Variation:
    """One row: the comparison with one choice changed.

    Attributes
    ----------
    change : str
        What was changed.
    latents, order, seed : int
        Those of the fit that was used, and the order of the VAR that was compared.
    result : Comparison or None
        What was found; None when it could not be compared.
    problem : str
        Why not; empty when there is a result.
    """

    change: str
    latents: int
    order: int
    seed: int
    result: Comparison | None
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the row of the table by the names of its columns."""
        row: dict[str, Any] = {
            "change": self.change, "latents": self.latents, "order": self.order, "seed": self.seed
        }  # fmt: skip
        if (found := self.result) is None:
            return row | {"reason": self.problem}
        low, high = found.coupling.interval
        return row | {
            "noise_corrected": found.uncorrected is not None,
            "verdict": found.verdict,
            "coupling_p": found.coupling.p_value,
            "persistence_p": found.persistence.p_value,
            "difference": found.coupling.difference,
            "low": low,
            "high": high,
            "n_differ": found.coupling.n_differ,
            "detectable": found.coupling.detectable,
            "reason": found.judgement.reason,
        }


@dataclass(frozen=True, eq=False)
class Robustness:
    """The answers to one question under several choices.

    Attributes
    ----------
    rows : tuple of Variation
        The comparison as it was chosen first, then one row for each change.
    planned : int
        Rows that there will be.
    running : str
        The change that is being computed; empty at the end.
    notes : tuple of str
        What a reader should know, in words: whether A and B were seen in training alike.
    """

    rows: tuple[Variation, ...]
    planned: int
    running: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Robustness({self.summary})"

    @property
    def table(self) -> pd.DataFrame:
        """One row for each variation.

        What was changed; `latents`, `order`, `seed`, `noise_corrected`; `verdict` and `reason`; the p-values of
        coupling and of persistence; the largest difference of a link (A - B, latents of SD 1) with its simultaneous
        interval `low` to `high`; how many links differ; and which change would have been found.
        """
        import pandas as pd

        return pd.DataFrame([row.as_dict() for row in self.rows])

    @property
    def summary(self) -> str:
        """How far the variations agree, in a sentence."""
        made = [row.result for row in self.rows if row.result is not None]
        if not made:
            return "Nothing was compared."
        first, p = made[0].verdict, [found.coupling.p_value for found in made]
        same = sum(found.verdict == first for found in made)
        failed = len(self.rows) - len(made)
        left = f" {failed} could not be compared." if failed else ""
        spread = (
            f" p for coupling lies between {min(p):.3g} and {max(p):.3g}." if made[0].coupling.n_coefficients else ""
        )
        return f"{same} of {len(made)} comparisons have the verdict “{first}”.{spread}{left}"

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and texts; None for what is not known."""
        rows = [
            {key: plain(value) if isinstance(value, float) else value for key, value in row.as_dict().items()}
            for row in self.rows
        ]
        return {"rows": rows, "summary": self.summary, "notes": list(self.notes), "methods": self.methods_text()}

    def methods_text(self) -> str:
        """Return sentences for a methods section."""
        changes = "; ".join(row.change for row in self.rows[1:])
        return (
            f"The comparison was repeated with one choice changed at a time ({changes}), fits being trained again "
            f"where needed. {self.summary} {' '.join(self.notes)}".strip()
        )

    def to_csv(self, path: str | Path) -> None:
        """Write the table as CSV."""
        write_file(path, self.table.to_csv(index=False, lineterminator="\n"))


class _Change(NamedTuple):
    """A change: settings of a fit to be trained, if it takes one, and frames that it shall not see; order; settings."""

    name: str
    fit: FitConfig | None
    unseen: tuple[FrameRange, ...]
    order: int
    config: ComparisonConfig


def robustness(
    fit: Fit,
    stack: Stack,
    a: Ranges,
    b: Ranges,
    config: ComparisonConfig = ComparisonConfig(resamples=199),  # noqa: B008  # frozen
    *,
    vary: Collection[str] = CHOICES,
    latents: ArrayLike | MovieLatents | None = None,
    covariates: ArrayLike | None = None,
    covariate_lags: int = 0,
    stop: Event | None = None,
    progress: Callable[[Robustness], None] | None = None,
    workers: Workers | None = None,
    **overrides: Any,
) -> Robustness:
    """Ask the same question again with one choice changed at a time.

    Half and twice the latents; VAR orders 1 to 3; another seed of the fit; with and without noise correction; and a fit
    that was trained on neither A nor B, or on both where it was not. Orders and noise need no new fit. The others train
    one each, with all other settings as they were.

    Parameters
    ----------
    fit : Fit
    stack : Stack
        The movie that the fit was trained on.
    a, b : (int, int) or several of them
        Half-open ranges of frames.
    config : ComparisonConfig
        How to compare.
    vary : collection of str
        What to change, among "order", "noise", "latents", "seed" and "frames".
    latents : array, shape (T, K), or MovieLatents, optional
        The latents of the whole movie by this fit, where they are encoded already.
    covariates, covariate_lags
        As for :func:`compare`.
    stop : threading.Event, optional
        When set, the rows that are complete are returned.
    progress : callable, optional
        Called before each row with what there is so far.
    workers
        As for :func:`compare_latents`.
    **overrides
        Single settings instead of those of `config`.

    Returns
    -------
    Robustness

    Raises
    ------
    ValueError
        As for :func:`compare`, and when the fit is of another movie while fits are to be trained.
    StackError
        When frames cannot be read.

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=24, width=24, cells=3, seed=0)).stack
    >>> fit = nv.fit(stack, nv.FitConfig(latents=4, epochs=0))
    >>> found = nv.robustness(fit, stack, (0, 90), (100, 190), resamples=39, vary=["order", "noise"])
    >>> found.table[["change", "order"]].values.tolist()
    [['as chosen', 1], ['order 2', 2], ['order 3', 3], ['without noise correction', 1]]
    """
    config, stop = settled(config, overrides), stop or Event()
    frames = tuple(FrameSet.of(stack, part, name=f"Range {name}") for name, part in (("A", a), ("B", b)))
    changes = list(_changes(fit, stack, frames, config, vary))
    known = latents if isinstance(latents, MovieLatents) else MovieLatents(fit, stack, latents)
    found = Robustness((), len(changes), notes=(notes.trained_on(fit.frames, *frames),))

    asked = {"covariates": covariates, "covariate_lags": covariate_lags, "workers": workers}

    def show(running: str) -> Robustness:
        now = replace(found, running=running)
        if progress is not None:
            progress(now)
        return now

    for change in changes:
        show(change.name)
        row = _row(fit, known, frames, change, stop, asked)
        if row is None:  # stopped
            break
        found = replace(found, rows=(*found.rows, row))
    return show("")


def _changes(
    fit: Fit, stack: Stack, frames: tuple[FrameSet, ...], config: ComparisonConfig, vary: Collection[str]
) -> Iterator[_Change]:
    """List the comparison as it is, and the changes."""
    if unknown := sorted(set(vary) - set(CHOICES)):
        raise ValueError(f"vary has {', '.join(unknown)}; choose among {', '.join(CHOICES)}.")
    training = [name for name in TRAINS if name in vary]
    if training and fit.caution(stack.fingerprint()):
        raise ValueError(
            f"The fit was trained on another movie, and {' and '.join(training)} can only be varied on its own. Train "
            f"on this movie first, or leave {'them' if len(training) > 1 else 'it'} out of `vary`."
        )
    order, base = fit.var.order, fit.config
    yield _Change(UNCHANGED, None, (), order, config)
    if "order" in vary:
        yield from (_Change(f"order {p}", None, (), p, config) for p in ORDERS if p != order)
    if "noise" in vary:
        name = "without noise correction" if config.correct_noise else "with noise correction"
        yield _Change(name, None, (), order, config.changed(correct_noise=not config.correct_noise))
    window = None if base.window == default_window(fit.latents) else base.window
    if "latents" in vary:
        for name, k in (("half of the latents", fit.latents // 2), ("twice the latents", 2 * fit.latents)):
            if 2 <= k <= MOST_LATENTS:
                yield _Change(name, base.changed(latents=k, window=window), (), order, config)
    if "seed" in vary:
        yield _Change("another seed", base.changed(seed=(base.seed + 1) % 2**63), (), order, config)
    if "frames" in vary:
        ranges = frames[0].ranges + frames[1].ranges
        yield _Change("trained on neither A nor B", base, ranges, order, config)
        if any(start < fit.frames[0] or stop > fit.frames[1] for start, stop in ranges):
            yield _Change("trained on all frames", base.changed(frames=None), (), order, config)


def _row(
    fit: Fit, known: MovieLatents, frames: tuple[FrameSet, ...], change: _Change, stop: Event, asked: dict[str, Any]
) -> Variation | None:
    """Train if need be, and compare; None when the user has stopped."""
    stack, settings = known.stack, change.fit or fit.config
    k = settings.latents if isinstance(settings.latents, int) else fit.latents
    try:
        if change.fit is not None:
            trained = _trained(stack, change, stop)
            known, k = MovieLatents(trained, stack), trained.latents
        a, b = (side.ranges for side in frames)
        result = compare(known.fit, stack, a, b, change.config, order=change.order, latents=known, stop=stop, **asked)
    except StoppedError:
        return None
    except (ValueError, TrainingError) as error:
        if stop.is_set():
            return None
        if change.name == UNCHANGED:
            raise
        return Variation(change.name, k, change.order, settings.seed, None, str(error))
    if stop.is_set() and result.test.resamples < change.config.resamples:
        return None
    return Variation(change.name, k, change.order, settings.seed, result)


def _trained(stack: Stack, change: _Change, stop: Event) -> Fit:
    """Train a fit, on all frames but those that it shall not see."""
    unseen = {frame for start, end in change.unseen for frame in range(start, end)}
    seen = stack.replace(bad_frames=stack.bad_frames | unseen) if unseen else stack
    steps = train(seen, change.fit, drop=stop)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            trained: Fit = end.value
            return trained
