"""Behaviour from text tables, arrays, NWB files and pynapple series."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_varae.core.experiment.behaviour import Behaviour
from napari_varae.core.experiment.origin import Origin
from napari_varae.core.experiment.rows import listed
from napari_varae.core.experiment.units import check_units
from napari_varae.errors import DataError, StackError
from napari_varae.io import nwb_objects
from napari_varae.io.pickles import load_npy
from napari_varae.io.table import SUFFIXES, Columns, bare_name, columns_of, numbers, pick, read_table, time_unit

__all__ = ["open_behaviour"]

TIME = ("time", "times", "timestamp", "timestamps", "t", "seconds")
FRAME = ("frame", "frames", "frame_number", "frame_index")


def open_behaviour(
    path: Any, frame_rate: float | None = None, *, time: str | None = None, name: str | None = None
) -> Behaviour:
    """Open traces of behaviour: speed, position, pupil, licks.

    Times come from a column of times (time, timestamp or t; in seconds unless the header gives ms: 'time_ms'), from a
    column of frame numbers (frame; from 0 on), or from the order of the rows: one per frame. Time 0 is the first frame.

    Parameters
    ----------
    path : path-like, table or array
        A CSV or TSV file with a header; a `.npy` file or an array of shape (T,), one value per frame, or (n, 2), times
        in seconds and values; an NWB file with a TimeSeries; a pandas DataFrame or mapping of columns; a pynapple Tsd
        or TsdFrame.
    frame_rate : float, optional
        Frames of the movie per second (Hz). Without it, times from frame numbers and rows stay in frames.
    time : str, optional
        Which column holds the times, where its name is another.
    name : str, optional
        Which TimeSeries of an NWB file, where it has several.

    Returns
    -------
    Behaviour
        The traces. Its notes report where the times come from, gaps, and columns left out as they hold text.

    Raises
    ------
    DataError
        When it cannot be read, holds no numbers, or times are missing or do not ascend; rows are counted from 1.
    TypeError
        When it is neither a path, a table nor an array.
    ValueError
        When an argument makes no sense.

    Examples
    --------
    >>> import napari_varae as nv
    >>> behaviour = nv.open_behaviour({"speed": [0.0, 1.0, 3.0, 5.0]}, frame_rate=10.0)
    >>> behaviour.at([0.15])
    array([[2.]])
    """
    if isinstance(path, str | os.PathLike):
        made = _from_file(Path(path).expanduser(), frame_rate, time, name)
        return replace(made, source=Origin.of(path, frame_rate=frame_rate, time=time, name=name))
    if hasattr(path, "time_support") and hasattr(path, "times"):  # pynapple
        values = np.asarray(path.values, dtype=float)
        names = [str(column) for column in getattr(path, "columns", ["trace"])]
        source = ("Times from pynapple, in seconds.",)
        return Behaviour(tuple(names), path.times(), values.reshape(len(values), -1), "s", frame_rate, source)
    table = columns_of(path)
    if table is not None:
        return _from_columns(table, frame_rate, time)
    if isinstance(path, list | tuple) or hasattr(path, "__array__"):
        return _from_array(np.asarray(path), "trace", frame_rate)
    raise TypeError(f"Behaviour comes from a path, a table or an array, not from {type(path).__name__}.")


def _from_file(file: Path, frame_rate: float | None, time: str | None, name: str | None) -> Behaviour:
    kind = file.suffix.lower()
    if kind == ".nwb":
        series = nwb_objects.choose(nwb_objects.read(file, "TimeSeries", _series), name, path=file)
        made: Behaviour = series(frame_rate)
        return made
    if kind == ".npy":
        return _from_array(_load(file), file.stem, frame_rate)
    if kind not in SUFFIXES:
        raise DataError(f"{file.name!r} is not a file of traces ({', '.join((*SUFFIXES, '.npy', '.nwb'))}).")
    return _from_columns(read_table(file), frame_rate, time)


def _load(path: Path) -> Any:
    try:
        return load_npy(path)
    except StackError as error:
        raise DataError(str(error)) from error


def _from_array(array: Any, name: str, frame_rate: float | None) -> Behaviour:
    """Make one trace of (T,) values, one per frame, or of (n, 2) times and values."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif" or array.ndim not in (1, 2):
        what = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise DataError(f"Found {what}; a trace has numbers of shape (T,), or (n, 2) with times in seconds.")
    values = array.astype(np.float64)
    if values.ndim == 1:
        return _per_frame((name,), np.arange(len(values)), values[:, None], frame_rate, "row number, one per frame")
    if values.shape[1] != 2:
        raise DataError(f"Found shape {values.shape}; an array with times has two columns. Give several traces as CSV.")
    return Behaviour((name,), values[:, 0], values[:, 1:], "s", frame_rate, ("Times from the first column, in s.",))


def _per_frame(names: tuple[str, ...], frames: Any, values: Any, frame_rate: float | None, source: str) -> Behaviour:
    """Make traces of which the frame numbers are known."""
    note = f"Times from the {source}."
    if frame_rate is None:
        return Behaviour(names, frames, values, "frames", None, (note,))
    check_units("s", frame_rate)
    return Behaviour(names, np.asarray(frames) / frame_rate, values, "s", frame_rate, (note,))


def _from_columns(table: Columns, frame_rate: float | None, wish: str | None) -> Behaviour:
    """Make traces of all columns of numbers but that of the times."""
    if not table or not len(next(iter(table.values()))):
        raise DataError("The table has no rows. Give the traces, one row for each time.")
    time = pick(table, TIME, wish)
    frame = None if time is not None else pick(table, FRAME)
    names, traces, text = [], [], []
    for column, cells in table.items():
        if not column:  # the numbers of the rows, as pandas writes them
            continue
        if column in (time, frame) or (time is not None and bare_name(column) in FRAME):
            continue
        try:
            traces.append(numbers(cells, column))
            names.append(column)
        except DataError as error:
            if _mostly_numbers(cells):
                raise
            text.append((column, error))
    if not names:
        raise DataError(f"No column holds numbers beside the time; there are {listed(list(table), 12)}.")
    values = np.column_stack(traces)
    if time is not None:
        made = _timed(tuple(names), table, time, values, frame_rate)
    else:
        rows = np.arange(len(values)) if frame is None else numbers(table[frame], frame)
        source = "row number, one per frame" if frame is None else f"column {frame!r}, frame numbers from 0 on"
        made = _per_frame(tuple(names), rows, values, frame_rate, source)
    if not text:
        return made
    left = f"Left out, as they hold text: {listed([column for column, _ in text], 12)}."
    return Behaviour(made.names, made.times, made.values, made.unit, frame_rate, (made.notes[0], left))


def _timed(names: tuple[str, ...], table: Columns, time: str, values: Any, frame_rate: float | None) -> Behaviour:
    """Make traces with a column of times."""
    unit = time_unit(time)
    times = numbers(table[time], time)
    if unit == "frames":
        return _per_frame(names, times, values, frame_rate, f"column {time!r}, frame numbers from 0 on")
    note = f"Times from column {time!r}, in {unit or 's, as its name gives no unit'}."
    return Behaviour(names, times / (1000 if unit == "ms" else 1), values, "s", frame_rate, (note,))


def _mostly_numbers(cells: Any) -> bool:
    """Whether a column is one of numbers with a slip, and not one of text."""

    def fine(cell: Any) -> bool:
        try:
            float(cell)
        except (TypeError, ValueError):
            return False
        return True

    return 2 * sum(fine(cell) for cell in cells) > len(cells)


def _series(series: Any) -> Any:
    """Take a TimeSeries out of an open NWB file; what comes back makes a Behaviour for a frame rate.

    A series that is not a trace (images, text) is reported only when it is chosen.
    """
    data, shape = series.data, getattr(series.data, "shape", None)
    if shape is None or not 1 <= len(shape) <= 2 or np.dtype(data.dtype).kind not in "buif":
        return lambda _rate: _refuse(series.name)
    values = np.asarray(data[:], dtype=np.float64).reshape(shape[0], -1)
    values = values * series.conversion + series.offset
    times = (
        np.asarray(series.timestamps[:], dtype=np.float64)
        if series.timestamps is not None
        else series.starting_time + np.arange(len(values)) / series.rate
    )
    count = values.shape[1]
    names = (series.name,) if count == 1 else tuple(f"{series.name} {n}" for n in range(count))
    note = (f"Times from the NWB series {series.name!r}, in s; values in {series.unit}.",)
    return lambda rate: Behaviour(names, times, values, "s", rate, note)


def _refuse(name: str) -> Behaviour:
    raise DataError(f"The series {name!r} holds no trace of numbers.")
