"""How many latents and which order, before anything is compared: held-out prediction as curves, from one compression.

The movie is compressed once, and its places are ranked once. For each number of latents K the places are chosen and
read as at the start of a training, which is near its end; for each order p a VAR is estimated on the frames trained on.
Reconstruction and one-step prediction are judged on the same held-out frames throughout. Suggested is the smallest K,
and of its orders the smallest, whose prediction lies within one standard error of the best there is (Breiman, Friedman,
Olshen, Stone 1984). The standard error is that of the paired difference over pieces of the held-out frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.compute.checkpoint import until
from napari_varae.core.compute.threads import default_threads, threads
from napari_varae.core.files import write_file
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import MOST_LATENTS, FitConfig
from napari_varae.core.training.compress import PER_LATENT, Progress, compress
from napari_varae.core.training.places import Places
from napari_varae.core.training.reading import Reading
from napari_varae.core.training.split import Split
from napari_varae.core.training.state import rule
from napari_varae.core.var.estimate import estimate_var
from napari_varae.errors import StoppedError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Choice", "choose"]

HELD_OUT = 0.2
"""Share of the frames that is held out, if the settings name less: standard errors need many."""
PIECE = 20
"""Held-out frames, about, that are one observation of a standard error."""
ORDERS = (1, 2, 3, 4)
MOST_PREDICTORS = 640
"""Predictors K p up to which an order is tried, where orders are not given."""
STEPS = (1 / 16, 1 / 11, 1 / 8, 1 / 5.7, 1 / 4, 1 / 2.8, 1 / 2, 1 / 1.4, 1, 1.5)
"""Numbers of latents that are tried, as shares of the automatic one."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Choice:
    """Held-out reconstruction and prediction by number of latents and order, and what they suggest.

    Attributes
    ----------
    latents : array of int, shape (L,)
        Numbers of latents K, increasing.
    orders : array of int, shape (P,)
        Orders p of the VAR.
    reconstruction : array, shape (L,)
        Fraction of the variance of held-out frames around the static image that is reconstructed.
    prediction : array, shape (L, P)
        The same, predicted one step ahead; NaN where K p would be too many predictors.
    behind, error : array, shape (L, P)
        How far the prediction is behind the best one, and the standard error of that difference.
    best, suggested : (int, int)
        Number of latents and order with the best prediction, and the smallest ones that are as good.
    automatic : int
        Number of latents that `latents="auto"` takes.
    automatic_reconstruction : float
        Fraction that these reconstruct. They are the places with a signal of their own, not those that vary most.
    automatic_prediction : array, shape (P,)
        Fraction that they predict one step ahead; NaN where K p would be too many predictors.
    n_frames, n_pieces : int
        Held-out frames that were judged, and the pieces over which standard errors are taken.
    """

    latents: NDArray[np.int64]
    orders: NDArray[np.int64]
    reconstruction: Array
    prediction: Array
    behind: Array
    error: Array
    best: tuple[int, int]
    suggested: tuple[int, int]
    automatic: int
    automatic_reconstruction: float
    automatic_prediction: Array
    n_frames: int
    n_pieces: int

    def __repr__(self) -> str:
        tried = f"{self.latents[0]} to {self.latents[-1]} latents, orders {self.orders[0]} to {self.orders[-1]}"
        return "Choice({} latents and order {} suggested; {} tried)".format(*self.suggested, tried)

    @property
    def table(self) -> pd.DataFrame:
        """One row for each number of latents and order that was tried."""
        import pandas as pd

        shape = self.prediction.shape
        columns = {
            "latents": np.broadcast_to(self.latents[:, None], shape),
            "order": np.broadcast_to(self.orders, shape),
            "reconstruction_fve": np.broadcast_to(self.reconstruction[:, None], shape),
            "prediction_fve": self.prediction,
            "behind": self.behind,
            "standard_error": self.error,
        }
        return pd.DataFrame({name: values.ravel() for name, values in columns.items()}).dropna(ignore_index=True)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and texts."""
        return {
            "suggested": {"latents": self.suggested[0], "order": self.suggested[1]},
            "best": {"latents": self.best[0], "order": self.best[1]},
            "automatic": {
                "latents": self.automatic,
                "reconstruction_fve": self.automatic_reconstruction,
                "prediction_fve": {
                    order: value
                    for order, value in zip(self.orders.tolist(), self.automatic_prediction.tolist(), strict=True)
                    if np.isfinite(value)
                },
            },
            "held_out_frames": self.n_frames,
            "rows": self.table.to_dict("records"),
            "methods": self.methods_text(),
        }

    def to_csv(self, path: str | Path) -> None:
        """Write the table as CSV."""
        write_file(path, self.table.to_csv(index=False, lineterminator="\n"))

    def methods_text(self) -> str:
        """Return sentences for a methods section."""
        (k, p), (best_k, best_p) = self.suggested, self.best
        value, best = (self.prediction[self._at(*pair)] for pair in (self.suggested, self.best))
        same = "the best prediction" if self.suggested == self.best else (
            f"the smallest whose prediction ({value:.1%} of the variance) lies within one standard error of the best "
            f"({best:.1%}, {best_k} latents, order {best_p})"
        )  # fmt: skip
        rising = " Prediction still rose at the largest number of latents tried." if best_k == self.latents[-1] else ""
        return (
            f"Before any comparison, the number of latents and the order of the vector autoregression were chosen by "
            f"one-step prediction of {self.n_frames} held-out frames, among {self.latents[0]} to {self.latents[-1]} "
            f"latents and orders {self.orders[0]} to {self.orders[-1]}: {k} latents and order {p}, {same}; standard "
            f"errors are those of paired differences over {self.n_pieces} pieces of the recording.{rising}"
        )

    def _at(self, latents: int, order: int) -> tuple[int, int]:
        return int(np.flatnonzero(self.latents == latents)[0]), int(np.flatnonzero(self.orders == order)[0])


def choose(
    stack: Stack,
    config: FitConfig | None = None,
    *,
    latents: Sequence[int] | None = None,
    orders: Sequence[int] | None = None,
    stop: Event | None = None,
    progress: Progress | None = None,
) -> Choice:
    """Measure held-out prediction by number of latents and order of the VAR, and suggest both.

    Takes about as long as one fit. The fractions are those at the start of a training of the network 'footprints'.

    Parameters
    ----------
    stack : Stack
        The movie, (T, Y, X).
    config : FitConfig, optional
        All other settings: training frames, sparsity rule, seed. At least a fifth of the frames is held out.
    latents : sequence of int, optional
        Numbers of latents; when not given, from a sixteenth of the automatic number to one and a half times it.
    orders : sequence of int, optional
        Orders; when not given, 1 to 4 as long as there are at most 640 predictors.
    stop : threading.Event, optional
        When set, the answer rests on the numbers of latents tried so far.
    progress : callable, optional
        Called with the name of a phase and the share of it that is done.

    Returns
    -------
    Choice

    Raises
    ------
    ValueError
        When the network is another one, numbers are not possible, or there are too few frames.
    StackError
        When frames cannot be read or do not vary.
    StoppedError
        When it was stopped before there was an answer.

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=400, height=32, width=32, cells=4, seed=0)).stack
    >>> found = nv.choose(stack, latents=[2, 4, 8], orders=[1, 2])
    >>> found.prediction.shape
    (3, 2)
    >>> config = nv.FitConfig(latents=found.suggested[0], order=found.suggested[1])
    """
    config, show = config or FitConfig(), progress or (lambda _phase, _share: None)
    if config.network != "footprints":
        raise ValueError("Numbers of latents are compared for the network 'footprints' only. Leave out `network`.")
    tried = _numbers(orders, "orders", 20) if orders is not None else list(ORDERS)
    sizes = _numbers(latents, "latents", MOST_LATENTS) if latents is not None else None
    settings = config.changed(
        latents=max(sizes) if sizes else "auto", order=max(tried), held_out=max(config.held_out, HELD_OUT)
    )
    with threads(config.threads or default_threads()):
        check, split = until(stop, "Stopped before any number of latents was tried."), Split(stack, settings)
        movie = compress(stack, split, settings, show, check)
        split.leave_out(movie.odd)
        show("finding places", 0.0)
        places = Places(movie, split.trained_runs, split.start, min(tried), settings.prediction_weight, check)
        automatic = Reading.of(movie, places.choose("auto"))
        sizes = sizes or _ladder(automatic.latents, movie, split)
        judge = _Judge(stack, split, movie, tried)
        rows: list[Array] = []
        limit = np.inf if orders is not None else MOST_PREDICTORS
        by_signal = judge.errors(automatic, settings, MOST_PREDICTORS)
        for k in sizes:
            show("predicting", len(rows) / len(sizes))
            try:
                rows.append(judge.errors(Reading.of(movie, places.choose(k)), settings, limit))
            except StoppedError:
                if not rows:
                    raise
                break
    return _chosen(np.array(sizes[: len(rows)]), np.array(tried), np.array(rows), judge, automatic.latents, by_signal)


def _numbers(given: Sequence[int], name: str, most: int) -> list[int]:
    """Return numbers in order, each once."""
    numbers = sorted({int(number) for number in given})
    if not numbers or numbers[0] < 1 or numbers[-1] > most:
        raise ValueError(f"{name}={list(given)!r} must be whole numbers from 1 to {most}, at least one.")
    return numbers


def _ladder(automatic: int, movie: CompressedMovie, split: Split) -> list[int]:
    """Numbers of latents around the automatic one, for which there are components and frames."""
    components = max(movie.flat.shape[1] // PER_LATENT, automatic)
    most = min(components, int(split.trained.sum()) - 1, MOST_LATENTS)
    return sorted({int(np.clip(round(automatic * step), min(2, most), most)) for step in STEPS})


class _Judge:
    """The held-out frames that all numbers of latents and orders are judged on, cut into pieces."""

    def __init__(self, stack: Stack, split: Split, movie: CompressedMovie, orders: list[int]) -> None:
        self.split, self.movie, self.orders = split, movie, orders
        past = np.stack([np.roll(split.runs, lag) for lag in range(max(orders) + 1)])
        first = np.arange(len(split.runs)) >= max(orders)
        self.frames = np.flatnonzero(split.held_out & first & (past == split.runs).all(0) & split.good)
        if len(self.frames) < 2:
            raise ValueError(f"No held-out frames have {max(orders)} good frames before them. Choose lower orders.")
        self.components = movie.traces[split.start : split.stop]
        self.outside, self.around = self._power(stack)
        self.piece = self._pieces()

    def errors(self, reading: Reading, config: FitConfig, most: float) -> Array:
        """Sum over pieces the squares that are left by the reconstruction, then by the prediction of each order."""
        z = reading.encode(self.components)
        left = [self._left(reading, z[self.frames])]
        for order in self.orders:
            if order * reading.latents > most:
                left.append(np.full(self.piece[-1] + 1, np.nan))
                continue
            var = estimate_var(z, order, rule(config), self.split.trained_runs, "links")
            ahead = var.predict(z, self.split.runs)[self.frames]
            left.append(self._left(reading, ahead.astype(np.float32)))
        return np.array(left)

    def _left(self, reading: Reading, z: NDArray[np.float32]) -> Array:
        drawn = reading.draw(torch.from_numpy(z))
        frames = self.components[self.frames].transpose(0, 1)
        return self.sums((drawn - frames).square().sum((0, 2)).double().numpy() + self.outside)

    def sums(self, values: Array) -> Array:
        """Sum the values of the frames of each piece."""
        return np.asarray(np.bincount(self.piece, values), dtype=np.float64)

    def _power(self, stack: Stack) -> tuple[Array, Array]:
        """Squares of each frame that lie outside the components, and around the static image."""
        normalisation, power, around = self.movie.normalisation, np.zeros(len(self.frames)), np.zeros(len(self.frames))
        centred = replace(normalisation, skip=True)
        for i, t in enumerate((self.frames + self.split.start).tolist()):
            frame = stack.read(t, t + 1)[0]
            power[i] = np.square(normalisation.apply(frame), dtype=np.float64).sum()
            around[i] = np.square(centred.apply(frame), dtype=np.float64).sum()
        inside = self.components[self.frames].double().square().sum((1, 2)).numpy()
        return (power - inside).clip(min=0), around

    def _pieces(self) -> NDArray[np.int64]:
        """Give the frames the number of their piece, of about :data:`PIECE` consecutive ones."""
        piece, number = np.zeros(len(self.frames), np.int64), 0
        for run in np.split(np.arange(len(self.frames)), np.flatnonzero(np.diff(self.frames) > 1) + 1):
            for part in np.array_split(run, max(1, round(len(run) / PIECE))):
                piece[part] = number
                number += 1
        return piece


def _chosen(
    latents: NDArray[np.int64],
    orders: NDArray[np.int64],
    left: Array,
    judge: _Judge,
    automatic: int,
    by_signal: Array,
) -> Choice:
    """Choose from the sums of squares that are left (L, 1 + P, pieces), and by the automatic choice (1 + P, pieces)."""
    total = judge.around.sum()
    explained, by_signal = 1 - left.sum(2) / total, 1 - by_signal.sum(1) / total
    prediction, errors = explained[:, 1:], left[:, 1:]
    best = np.unravel_index(np.nanargmax(prediction), prediction.shape)
    behind, error = _difference(errors, errors[best], total)
    row, column = (int(i) for i in np.argwhere(behind <= error)[0])  # the smallest K, then the smallest order
    return Choice(
        latents, orders, explained[:, 0], prediction, behind, error,
        best=(int(latents[best[0]]), int(orders[best[1]])), suggested=(int(latents[row]), int(orders[column])),
        automatic=automatic, automatic_reconstruction=float(by_signal[0]), automatic_prediction=by_signal[1:],
        n_frames=len(judge.frames), n_pieces=left.shape[2],
    )  # fmt: skip


def _difference(errors: Array, best: Array, total: float) -> tuple[Array, Array]:
    """How much more of the variance is left than by the best, and the standard error of that, over the last axis."""
    more, n = errors - best, errors.shape[-1]
    spread = more.std(-1, ddof=1) if n > 1 else np.zeros(more.shape[:-1])
    return more.sum(-1) / total, np.sqrt(n) * spread / total
