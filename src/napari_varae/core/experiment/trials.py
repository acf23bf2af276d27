"""Trials: when something was done or shown, under which condition, and which frames that are."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.experiment.rows import listed, name_rows
from napari_varae.core.experiment.units import Unit, check_units
from napari_varae.core.movie.frames import FrameRange
from napari_varae.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Trials"]

LATEST = 1e9
"""No recording lasts longer, in seconds or in frames."""


@dataclass(frozen=True, eq=False)
class Trials:
    """A table of trials, one row each, checked row by row.

    Rows are counted from 1, without the header. Trials are half-open: a trial from 2 s to 3 s at 10 Hz is the frames 20
    to 29. Frames are counted from 0.

    Parameters
    ----------
    start, stop : array, shape (n,)
        Begin and end of each trial, in `unit`.
    condition : sequence of str, length n
        What was done or shown.
    unit : {"s", "frames"}
        Unit of `start` and `stop`.
    frame_rate : float, optional
        Frames per second (Hz); needed to find the frames of trials in seconds.
    other : mapping of str to array, shape (n,)
        Further columns, kept as they are.
    notes : tuple of str
        What the user should know about these trials.

    Raises
    ------
    DataError
        When a time is missing, negative or not finite, a trial ends before it begins or is shorter than a frame, a
        condition is missing, or two trials of one condition overlap; with the rows.
    ValueError
        When the unit or the frame rate makes no sense.

    Examples
    --------
    >>> import napari_varae as nv
    >>> trials = nv.Trials([0.0, 2.0, 4.0], [1.0, 3.0, 5.0], ["go", "nogo", "go"], "s", frame_rate=10.0)
    >>> trials.frames("go")
    [(0, 10), (40, 50)]
    """

    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    condition: tuple[str, ...]
    unit: Unit
    frame_rate: float | None = None
    other: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_units(self.unit, self.frame_rate)
        for name in ("start", "stop"):
            times = np.array(getattr(self, name), dtype=np.float64)
            times.flags.writeable = False
            object.__setattr__(self, name, times)
        object.__setattr__(self, "condition", tuple(str(name) for name in self.condition))
        lengths = {len(self.start), len(self.stop), len(self.condition), *map(len, self.other.values())}
        if len(lengths) > 1 or self.start.ndim != 1:
            raise ValueError(f"The columns have different lengths: {sorted(lengths)}.")
        self._check_rows()
        object.__setattr__(self, "notes", (*self.notes, *self._order_notes()))

    def _check_rows(self) -> None:
        """Raise for the first kind of mistake that any row has."""
        if not len(self):
            raise DataError("The table has no rows. Give at least one trial.")
        finite = np.isfinite(self.start) & np.isfinite(self.stop)
        self._refuse(~finite, "no finite start and stop", "Fill in or remove the row.")
        self._refuse(self.stop > LATEST, f"a time beyond {LATEST:g}", "Check the two columns.")
        self._refuse((self.start < 0) | (self.stop < 0), "a negative time", "Time counts from the first frame on.")
        self._refuse(self.stop <= self.start, "a stop that is not after its start", "Check the two columns.")
        self._refuse([not name.strip() for name in self.condition], "no condition", "Name one in each row.")
        if self.unit == "frames":
            whole = (self.start == np.rint(self.start)) & (self.stop == np.rint(self.stop))
            self._refuse(~whole, "a frame number that is not whole", "If these are seconds, set unit='s'.")
        elif self.frame_rate is not None:
            self._positions(self.frame_rate)
        if clash := self._overlaps(same=True):
            raise DataError(
                f"Trials of one condition overlap: rows {listed([f'{i} and {j}' for i, j in clash])}. Shorten or join "
                "them; with onsets, choose a shorter window."
            )

    def _refuse(self, wrong: ArrayLike, what: str, remedy: str) -> None:
        """Raise DataError for the rows of a mask."""
        if count := np.count_nonzero(np.asarray(wrong)):
            have = "have" if count > 1 else "has"
            raise DataError(f"{name_rows(wrong).capitalize()} of the trials {have} {what}. {remedy}")

    def _order_notes(self) -> tuple[str, ...]:
        """Report what is unusual, though allowed."""
        found = []
        if (early := np.diff(self.start, prepend=0) < 0).any():
            found.append(f"Trials are not sorted by start: a trial begins before the row above in {name_rows(early)}.")
        if clash := self._overlaps(same=False):
            pairs = listed([f"{i} and {j}" for i, j in clash])
            found.append(f"Trials of different conditions overlap, and share frames: rows {pairs}.")
        return tuple(found)

    def _overlaps(self, *, same: bool) -> list[tuple[int, int]]:
        """Pairs of rows, each the next to begin, that overlap within a condition or between conditions."""
        names = np.array(self.condition)
        found = []
        for group in [np.flatnonzero(names == name) for name in self.conditions] if same else [np.arange(len(self))]:
            rows = group[np.argsort(self.start[group], kind="stable")]
            reach = rows[0]  # the row that lasts longest so far
            for row in rows[1:]:
                if self.start[row] < self.stop[reach] and (same or names[row] != names[reach]):
                    found.append((int(reach) + 1, int(row) + 1))
                reach = row if self.stop[row] > self.stop[reach] else reach
        return found

    def __len__(self) -> int:
        return len(self.start)

    def __repr__(self) -> str:
        counts = [f"{self.condition.count(name)} {name}" for name in self.conditions]
        return f"Trials({len(self)} in {self.unit}: {listed(counts)})"

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the conditions, in the order in which they first occur."""
        return tuple(dict.fromkeys(self.condition))

    @property
    def table(self) -> pd.DataFrame:
        """The trials as a pandas table: start, stop, condition, and what other columns there were."""
        import pandas as pd

        return pd.DataFrame(
            {"start": self.start, "stop": self.stop, "condition": list(self.condition), **dict(self.other)}
        )

    def frames(self, condition: str | None = None, frame_rate: float | None = None) -> list[FrameRange]:
        """Frames of the trials of one condition, or of all, in order of time.

        Times in seconds are rounded to the nearest frame.

        Parameters
        ----------
        condition : str, optional
            One of `conditions`; all trials when None.
        frame_rate : float, optional
            Frames per second (Hz); goes before that of the trials.

        Returns
        -------
        list of (start, stop)
            Half-open ranges of frames, as :func:`~napari_varae.compare` takes them for A or B.

        Raises
        ------
        ValueError
            When there is no such condition, or the trials are in seconds and no frame rate is known.
        DataError
            When a trial is shorter than a frame, with its row.
        """
        starts, stops = self._positions(self._rate(frame_rate))
        chosen = np.ones(len(self), dtype=bool)
        if condition is not None:
            chosen = np.array(self.condition) == str(condition)
            if not chosen.any():
                raise ValueError(f"There is no condition {condition!r}; there are {listed(self.conditions)}.")
        return sorted(zip(starts[chosen].tolist(), stops[chosen].tolist(), strict=True))

    def _rate(self, frame_rate: float | None) -> float | None:
        """Choose the frame rate, None when times are in frames."""
        if self.unit == "frames":
            return None
        rate = self.frame_rate if frame_rate is None else frame_rate
        if rate is None:
            raise ValueError("These trials are in seconds: give frame_rate (Hz) to find their frames.")
        return float(rate)

    def _positions(self, rate: float | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First frames and frames after the last; raise DataError for trials shorter than a frame."""
        # Six digits: the two ends of a trial of one frame that begins amid a frame must round alike.
        exact = [np.round(times * (rate or 1), 6) for times in (self.start, self.stop)]
        self._refuse(
            exact[1] - exact[0] < 1 - 1e-7,
            f"less than one frame{'' if rate is None else f' ({1 / rate:.4g} s)'}",
            "Check the unit and the frame rate.",
        )
        starts, stops = (np.floor(position + 0.5).astype(np.int64) for position in exact)
        return starts, stops

    def _beyond(self, n_frames: int, frame_rate: float | None) -> NDArray[np.bool_]:
        """Mark the trials that do not lie within a movie of `n_frames` frames."""
        beyond: NDArray[np.bool_] = self._positions(self._rate(frame_rate))[1] > n_frames
        return beyond

    def check(self, n_frames: int, frame_rate: float | None = None) -> None:
        """Raise unless all trials lie within the movie.

        Parameters
        ----------
        n_frames : int
            Frames of the movie.
        frame_rate : float, optional
            Frames per second (Hz); goes before that of the trials.

        Raises
        ------
        DataError
            When a trial ends after the movie, with its row.
        ValueError
            As for :meth:`frames`.
        """
        rate = self._rate(frame_rate)
        end = f"{n_frames} frames" if rate is None else f"{n_frames / rate:.6g} s"
        self._refuse(
            self._beyond(n_frames, frame_rate),
            f"a stop after the end of the movie ({end})",
            "Check unit and frame rate, or leave these out with trials.inside(n_frames).",
        )

    def inside(self, n_frames: int, frame_rate: float | None = None) -> Trials:
        """Return the trials that lie within a movie of `n_frames` frames; parameters and errors as for :meth:`check`.

        Raises
        ------
        DataError
            When none does.
        """
        beyond = self._beyond(n_frames, frame_rate)
        if beyond.all():
            raise DataError(f"No trial ends within the movie of {n_frames} frames. Check unit and frame rate.")
        kept = np.flatnonzero(~beyond)
        notes = (f"{name_rows(beyond).capitalize()} left out: after the end of the movie.",) if beyond.any() else ()
        return replace(
            self,
            start=self.start[kept],
            stop=self.stop[kept],
            condition=tuple(self.condition[row] for row in kept),
            other={name: values[kept] for name, values in self.other.items()},
            notes=notes,
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the table as CSV, or as TSV where the name ends so; the header names the unit.

        An existing file is replaced only once the new one is whole. :func:`~napari_varae.open_trials` reads it again.

        Parameters
        ----------
        path : path-like
            `.csv` is appended when it has no suffix.

        Returns
        -------
        Path
            Where it was written.

        Raises
        ------
        DataError
            When it cannot be written.
        """
        path = Path(path).expanduser()
        path = path if path.suffix else path.with_suffix(".csv")
        ending = "s" if self.unit == "s" else "frame"
        number = float if self.unit == "s" else int
        times = [[repr(number(value)) for value in column.tolist()] for column in (self.start, self.stop)]
        columns = [*times, self.condition, *self.other.values()]
        partial = path.with_name(path.name + ".partial")
        try:
            with partial.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, dialect="excel-tab" if path.suffix.lower() == ".tsv" else "excel")
                writer.writerow([f"start_{ending}", f"stop_{ending}", "condition", *self.other])
                writer.writerows(zip(*columns, strict=True))
            partial.replace(path)
        except (OSError, UnicodeError) as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise DataError(f"{path} could not be written ({error}). Choose another folder.") from error
        return path
