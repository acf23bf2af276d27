"""Trials from text tables, data frames, pynapple intervals and NWB files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.experiment.rows import listed
from napari_varae.core.experiment.trials import Trials
from napari_varae.core.experiment.units import Unit
from napari_varae.errors import DataChoiceError, DataError
from napari_varae.io import nwb_objects
from napari_varae.io.table import SUFFIXES, Columns, columns_of, numbers, pick, read_table, time_unit

__all__ = ["open_trials"]

START = ("start", "start_time", "onset", "onset_time", "begin")
STOP = ("stop", "stop_time", "end", "end_time", "offset")
CONDITION = ("condition", "trial_type", "stimulus", "event", "label", "type")
ROLES = {"start": START, "stop": STOP, "duration": ("duration",), "condition": CONDITION}
"""What a column may be, and the names by which it is recognised, in this order."""
ONLY = "trial"
"""Condition of all trials where no column names one."""
IN_SECONDS = ("start_time", "stop_time")
"""Columns that are in seconds by the NWB standard."""


def open_trials(
    path: Any,
    frame_rate: float | None = None,
    unit: Unit | None = None,
    *,
    window: tuple[float, float] | None = None,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
) -> Trials:
    """Open a table of trials: when each began and ended, and its condition.

    Known columns are start (or onset), stop (or end), duration (instead of stop) and condition (or trial_type,
    stimulus, event, label, type), in any case. The unit is that of the header ('start_s', 'stop (frames)',
    'onset_ms'), of the format (NWB and pynapple are in seconds), or `unit`; it is never guessed. Further columns are
    kept.

    Parameters
    ----------
    path : path-like or table
        A CSV or TSV file with a header, an NWB file; or a pandas DataFrame, a mapping of columns, a pynapple
        IntervalSet, pynwb TimeIntervals.
    frame_rate : float, optional
        Frames per second (Hz), to find the frames of trials in seconds.
    unit : {"s", "frames"}, optional
        Unit of the times, where neither the header nor the format gives it. Frames are counted from 0.
    window : (float, float), optional
        Where there are only onsets: trials reach from onset + window[0] to onset + window[1], in the unit of the times.
    columns : mapping, optional
        Which column is the 'start', 'stop', 'duration' or 'condition', where their names are others.
    name : str, optional
        Which table of an NWB file, where it has several and none is named 'trials'.

    Returns
    -------
    Trials
        The checked table. Its notes report what is unusual.

    Raises
    ------
    DataChoiceError
        When the unit, the column of the starts, the end of the trials or the table of an NWB file is left open; its
        `options` list what there is to choose from.
    DataError
        When it cannot be read, or a row is not a trial; rows are counted from 1.
    TypeError
        When it is neither a path nor a table.
    ValueError
        When an argument makes no sense.

    Examples
    --------
    >>> import napari_varae as nv
    >>> table = {"onset_s": [1.0, 4.0], "trial_type": ["go", "nogo"]}
    >>> trials = nv.open_trials(table, frame_rate=10.0, window=(0.0, 2.0))
    >>> trials.frames("go")
    [(10, 30)]
    """
    if unit not in ("s", "frames", None):
        raise ValueError(f"unit={unit!r} must be 's' (seconds) or 'frames'.")
    if unknown := sorted(set(columns or {}) - set(ROLES)):
        raise ValueError(f"columns names {listed(unknown)}; known are {listed(list(ROLES))}.")
    table, by_format = _columns(path, name)
    if not table:
        raise DataError("The table has no columns. Give at least the start of each trial.")
    wishes = columns or {}
    found = {role: pick(table, names, wishes.get(role)) for role, names in ROLES.items()}
    start, stop, duration, condition = found.values()
    if start is None:
        raise DataChoiceError(
            f"No column is the start of a trial; there are {listed([repr(column) for column in table], 12)}. Name it "
            "'start' or 'onset', or choose it with columns={'start': ...}.",
            {"start": list(table)},
        )
    timed = [column for column in (start, stop, duration) if column is not None]
    units = {column: _unit_of(column) or by_format for column in timed}
    whole = _unit({column: at for column, at in units.items() if at is not None}, unit)
    times = {column: _times(table[column], column, units[column] or whole) for column in timed}
    begin = times[start]
    if window is not None:
        begin, end = begin + _window(window)[0], begin + window[1]
    elif stop is not None:
        end = times[stop]
    elif duration is not None:
        end = begin + times[duration]
    else:
        raise DataChoiceError(
            "No column is the stop or the duration of a trial. With onsets alone, give window=(0, 2).", {"window": []}
        )
    rest = {column: values.astype(object) for column, values in table.items() if column not in {*timed, condition}}
    names = [_word(value) for value in table[condition]] if condition else [ONLY] * len(begin)
    notes = () if condition else (_no_condition(list(rest)),)
    return Trials(begin, end, tuple(names), whole, frame_rate, rest, notes)


def _columns(source: Any, name: str | None) -> tuple[Columns, str | None]:
    """Columns of a source, and the unit that its format prescribes."""
    if isinstance(source, str | os.PathLike):
        path = Path(source).expanduser()
        if path.suffix.lower() == ".nwb":
            tables = nwb_objects.read(path, "TimeIntervals", lambda found: columns_of(found.to_dataframe()))
            return nwb_objects.choose(tables, name, prefer="trials", path=path) or {}, "s"
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{path.name!r} is not a table of trials ({', '.join((*SUFFIXES, '.nwb'))}). Save as CSV.")
        return read_table(path), None
    if hasattr(source, "as_dataframe"):  # pynapple
        return columns_of(source.as_dataframe()) or {}, "s"
    if hasattr(source, "to_dataframe"):  # pynwb
        return columns_of(source.to_dataframe()) or {}, "s"
    table = columns_of(source)
    if table is None:
        raise TypeError(f"Trials come from a path or a table with named columns, not from {type(source).__name__}.")
    return table, None


def _unit_of(column: str) -> str | None:
    """Find the unit that the name of a column of times prescribes."""
    return time_unit(column) or ("s" if column.strip().lower() in IN_SECONDS else None)


def _unit(found: dict[str, str], wish: Unit | None) -> Unit:
    """Find the one unit of the table, 's' or 'frames'."""
    kinds: dict[Unit, str] = {}
    for column, kind in found.items():
        kinds.setdefault("frames" if kind == "frames" else "s", column)
    if wish is not None:
        kinds.setdefault(wish, "the argument unit")
    if len(kinds) > 1:
        raise DataError(f"Units contradict each other: {kinds['s']} is in seconds and {kinds['frames']} in frames.")
    if not kinds:
        raise DataChoiceError(
            "Are the times in seconds or in frames? Give unit='s' or unit='frames'.", {"unit": ["s", "frames"]}
        )
    return next(iter(kinds))


def _times(values: NDArray[Any], column: str, unit: str) -> NDArray[np.float64]:
    """Read times, milliseconds as seconds."""
    return numbers(values, column) / (1000 if unit == "ms" else 1)


def _window(window: tuple[float, float]) -> tuple[float, float]:
    try:
        start, stop = (float(value) for value in window)
    except (TypeError, ValueError):
        raise ValueError(f"window={window!r} must be a pair (start, stop) around the onset.") from None
    if not -np.inf < start < stop < np.inf:
        raise ValueError(f"window={window!r} must begin before it ends.")
    return start, stop


def _word(value: Any) -> str:
    """Name of a condition; whole numbers without a decimal point, a missing one empty."""
    if value is None or value != value:  # NaN
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _no_condition(rest: list[str]) -> str:
    choose = f" Choose one with columns={{'condition': ...}}: {listed(rest, 12)}." if rest else ""
    return f"No column names a condition: all trials are '{ONLY}'.{choose}"
