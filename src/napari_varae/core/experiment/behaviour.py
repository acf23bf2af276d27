"""Behaviour: traces at their own rate, their values at frames, and the frames in which they meet a condition."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.experiment.origin import Origin
from napari_varae.core.experiment.rows import listed, name_rows
from napari_varae.core.experiment.units import Unit, check_units
from napari_varae.core.movie.frames import FrameRange
from napari_varae.errors import DataError

__all__ = ["Behaviour"]

Values = NDArray[np.float64]

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<=": np.less_equal, ">=": np.greater_equal, "<": np.less, ">": np.greater, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip
MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
GAP = 5
"""Times the usual interval: a longer one is a gap, over which nothing is interpolated."""


@dataclass(frozen=True, eq=False)
class Behaviour:
    """Traces of behaviour (speed, position, pupil) that share their times.

    Between two samples a trace is interpolated linearly. The first and the last sample hold for half an interval more,
    as times are often rounded. Beyond that a trace is NaN, as it is beside a sample that is NaN, and within a gap: an
    interval more than five times as long as the median one.

    Parameters
    ----------
    names : sequence of str, length N
        Names of the traces.
    times : array, shape (n,)
        Time of each sample in `unit`, ascending; 0 is the first frame of the movie.
    values : array, shape (n, N)
        The samples; NaN where there is none.
    unit : {"s", "frames"}
        Unit of `times`.
    frame_rate : float, optional
        Frames of the movie per second (Hz).
    notes : tuple of str
        What the user should know about these traces.
    source : Origin, optional
        The file they were opened from. None for an array or a table.

    Raises
    ------
    DataError
        When there are fewer than two samples, times are not finite or do not ascend (with the rows), names occur twice,
        or a trace is infinite.
    ValueError
        When sizes, unit or frame rate make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> speed = np.array([[0, 0, 4, 4, 4, 0.0]]).T
    >>> behaviour = nv.Behaviour(["speed"], np.arange(6.0), speed, "s", frame_rate=10.0)
    >>> behaviour.at([1.5, 7.0])
    array([[ 2.],
           [nan]])
    >>> behaviour.frames("speed > 2", minimum=1.0)
    [(16, 45)]
    """

    names: tuple[str, ...]
    times: Values
    values: Values
    unit: Unit = "s"
    frame_rate: float | None = None
    notes: tuple[str, ...] = ()
    source: Origin | None = None

    def __post_init__(self) -> None:
        check_units(self.unit, self.frame_rate)
        names = tuple(str(name).strip() for name in self.names)
        times, values = (np.array(part, dtype=np.float64) for part in (self.times, self.values))
        if times.ndim != 1 or values.shape != (len(times), len(names)):
            raise ValueError(f"{len(names)} traces at {times.shape} times do not fit values of shape {values.shape}.")
        _check_samples(names, times, values)
        notes = tuple(dict.fromkeys((*self.notes, *_sample_notes(names, times, values))))
        times.flags.writeable = values.flags.writeable = False
        for field, value in (("names", names), ("times", times), ("values", values), ("notes", notes)):
            object.__setattr__(self, field, value)

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        span = f"{self.times[0]:g} to {self.times[-1]:g} {self.unit}"
        return f"Behaviour({listed(self.names)}; {len(self)} samples from {span})"

    def fingerprint(self) -> str:
        """Short hash of names, times and values: the same for the same traces."""
        digest = hashlib.sha256(json.dumps([self.names, self.unit]).encode())
        for part in (self.times, self.values):
            digest.update(part.astype("<f8").tobytes())
        return digest.hexdigest()[:16]

    def at(self, times: ArrayLike) -> Values:
        """Traces at other times, such as `stack.times()`, shape (n, N); NaN where they are unknown.

        Parameters
        ----------
        times : array-like, shape (n,)
            In the unit of the behaviour.

        Raises
        ------
        ValueError
            When these are not times.
        """
        wanted = np.asarray(times, dtype=np.float64)
        if wanted.ndim != 1:
            raise ValueError(f"times has shape {wanted.shape}; it must be one series of times.")
        after = np.clip(np.searchsorted(self.times, wanted), 1, len(self) - 1)
        before = after - 1
        step = self.times[after] - self.times[before]
        part = ((wanted - self.times[before]) / step)[:, None]
        low, high = self.values[before], self.values[after]
        with np.errstate(invalid="ignore"):  # infinite times, which lie outside
            between = (1 - part) * low + part * high
        found = np.where(part == 0, low, np.where(part == 1, high, between))
        steps = np.diff(self.times)
        inside = (wanted >= self.times[0]) & (wanted <= self.times[-1])
        bridged = (step <= GAP * np.median(steps)) | (part[:, 0] == 0) | (part[:, 0] == 1)
        found = np.where((inside & bridged)[:, None], found, np.nan)
        reach = np.median(steps) / 2
        found[(wanted < self.times[0]) & (wanted >= self.times[0] - reach)] = self.values[0]
        found[(wanted > self.times[-1]) & (wanted <= self.times[-1] + reach)] = self.values[-1]
        return found

    def at_frames(self, n_frames: int, frame_rate: float | None = None) -> Values:
        """Traces at the frames of a movie, shape (n_frames, N); NaN where they are unknown.

        Parameters
        ----------
        n_frames : int
            Frames of the movie.
        frame_rate : float, optional
            Frames per second (Hz); goes before that of the behaviour.

        Raises
        ------
        ValueError
            When the behaviour is in seconds and no frame rate is known.
        """
        return self.at(np.arange(n_frames) / self._rate(frame_rate))

    def _rate(self, frame_rate: float | None) -> float:
        """Choose the number of frames per unit of time."""
        if self.unit == "frames":
            return 1.0
        rate = self.frame_rate if frame_rate is None else frame_rate
        if rate is None:
            raise ValueError("These traces are in seconds: give frame_rate (Hz) to find their frames.")
        return float(rate)

    def frames(
        self, condition: str, minimum: float = 0.0, frame_rate: float | None = None, n_frames: int | None = None
    ) -> list[FrameRange]:
        """Frames in which traces meet a condition, as half-open ranges (start, stop).

        Parameters
        ----------
        condition : str
            Such as 'speed > 2', '2 < speed <= 5', 'speed > 2 and position < 50'. A trace that is NaN meets none.
        minimum : float
            Shortest range, in the unit of the behaviour; shorter ones are left out.
        frame_rate : float, optional
            Frames per second (Hz); goes before that of the behaviour.
        n_frames : int, optional
            Frames of the movie; as far as the traces reach when None.

        Raises
        ------
        ValueError
            When the condition cannot be read, names no trace, or no frame rate is known.
        """
        rate = self._rate(frame_rate)
        if not 0 <= minimum < np.inf:
            raise ValueError(f"minimum={minimum!r} must be a span of time in {self.unit}, 0 or more.")
        last = max(int(np.floor(round(self.times[-1] * rate, 6))) + 1, 0)
        met = self._met(condition, self.at(np.arange(last if n_frames is None else n_frames) / rate))
        edges = np.flatnonzero(np.diff(met.astype(np.int8), prepend=0, append=0))
        runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        return [(start, stop) for start, stop in runs if stop - start >= minimum * rate - 1e-6]

    def _met(self, condition: str, values: Values) -> NDArray[np.bool_]:
        """Mark the rows of `values` that meet a condition."""
        met = np.ones(len(values), dtype=bool)
        for part in re.split(r"\s+and\s+|&+", condition):
            terms = [term.strip() for term in re.split(r"(<=|>=|==|!=|<|>)", part)]
            traces = [term for term in terms[::2] if term in self.names]
            if len(terms) not in (3, 5) or len(traces) != 1:
                raise ValueError(
                    f"condition: {part.strip()!r} does not compare one trace with numbers. Write for instance "
                    f"'{self.names[0]} > 2' or '2 < {self.names[0]} <= 5'; there are {listed(self.names, 12)}."
                )
            trace = values[:, self.names.index(traces[0])]
            for (left, right), sign in zip(pairwise(terms[::2]), terms[1::2], strict=True):
                mirrored = right == traces[0]
                limit = _number(left if mirrored else right, part)
                met &= COMPARE[MIRRORED.get(sign, sign) if mirrored else sign](trace, limit) & ~np.isnan(trace)
        return met

    def choose(self, names: Sequence[str]) -> Behaviour:
        """Return some of the traces.

        Raises
        ------
        ValueError
            When there is no trace of a name.
        """
        if missing := [name for name in names if name not in self.names]:
            raise ValueError(f"There is no trace {listed(missing)}; there are {listed(self.names, 12)}.")
        columns = [self.names.index(name) for name in names]
        return Behaviour(tuple(names), self.times, self.values[:, columns], self.unit, self.frame_rate)


def _check_samples(names: tuple[str, ...], times: Values, values: Values) -> None:
    """Raise DataError for samples that do not make traces, with the rows."""
    if not names:
        raise DataError("There is no trace of numbers. Give at least one column beside the time.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"Several traces are named {listed(twice)}. Rename one.")
    if len(times) < 2:
        raise DataError(f"Found {len(times)} sample(s); a trace has at least two.")
    missing = ~np.isfinite(times)
    if missing.any():
        raise DataError(f"The time is missing or not finite in {name_rows(missing)}.")
    early = np.append(False, np.diff(times) <= 0)
    if early.any():
        raise DataError(f"The time is not after that of the row above in {name_rows(early)}. Sort by time.")
    infinite = np.isinf(values).any(axis=1)
    if infinite.any():
        raise DataError(f"A trace is infinite in {name_rows(infinite)}. Leave the value empty where there is none.")


def _sample_notes(names: tuple[str, ...], times: Values, values: Values) -> list[str]:
    """Report where traces are unknown."""
    steps, found = np.diff(times), []
    gaps = np.append(False, steps > GAP * np.median(steps))
    if gaps.any():
        found.append(f"Traces are unknown in {gaps.sum()} gap(s) in time, before {name_rows(gaps)}.")
    for name, missing in zip(names, np.isnan(values).sum(axis=0), strict=True):
        if missing:
            found.append(f"{name} has no value in {missing} of {len(times)} rows.")
    return found


def _number(text: str, part: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"condition: {text!r} in {part.strip()!r} is neither a trace nor a number.") from None
