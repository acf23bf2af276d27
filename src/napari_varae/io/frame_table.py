"""A table about frames: which are bad, and by how much registration moved each."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.experiment.rows import listed, name_rows
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import DataError
from napari_varae.io.table import SUFFIXES, Columns, columns_of, numbers, pick, read_table

__all__ = ["FrameTable", "open_frame_table"]

FRAME = ("frame", "frames", "frame_number", "frame_index")
BAD = ("bad", "bad_frame", "badframe", "is_bad", "exclude", "excluded", "outlier")
DOWN = ("y", "dy", "yoff", "y_shift", "shift_y", "y_offset")
ACROSS = ("x", "dx", "xoff", "x_shift", "shift_x", "x_offset")
YES = ("1", "1.0", "true", "yes", "t", "y")
NO = ("0", "0.0", "false", "no", "f", "n", "")


@dataclass(frozen=True, eq=False)
class FrameTable:
    """What a table knows about the frames of a movie.

    Attributes
    ----------
    bad_frames : frozenset of int
        Frames to leave out.
    shifts : array, shape (T, 2), or None
        By how much registration moved each frame, (y, x) in pixels.
    path : str or None
        Absolute path of its file.
    """

    bad_frames: frozenset[int] = frozenset()
    shifts: NDArray[np.float64] | None = None
    path: str | None = None

    def added_to(self, stack: Stack) -> Stack:
        """Return the movie with these bad frames besides its own, and with these shifts where the table has them."""
        shifts = stack.shifts if self.shifts is None else self.shifts
        source = stack.source
        if source is not None and self.path is not None:
            source = replace(source, bad_frames=source.bad_frames | self.bad_frames, tables=(*source.tables, self.path))
        return stack.replace(bad_frames=stack.bad_frames | self.bad_frames, shifts=shifts, source=source)


def open_frame_table(path: Any, n_frames: int) -> FrameTable:
    """Open a table of bad frames, of the shifts of registration, or of both.

    A column `bad` marks frames (1 or 0, true or false, yes or no); columns `y` and `x` (or dy and dx, yoff and xoff)
    are shifts in pixels. A column `frame` numbers the rows from 0; without it there is one row per frame. A table with
    the column `frame` alone lists the bad frames.

    Parameters
    ----------
    path : path-like or table
        A CSV or TSV file with a header; a pandas DataFrame or a mapping of columns.
    n_frames : int
        Number of frames of the movie.

    Returns
    -------
    FrameTable

    Raises
    ------
    DataError
        When it cannot be read, a frame lies outside the movie or occurs twice, or a value makes no sense; rows are
        counted from 1.
    TypeError
        When it is neither a path nor a table.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> stack = nv.Stack(np.zeros((100, 16, 16)))
    >>> table = nv.open_frame_table({"frame": [7, 8, 30], "bad": [1, 1, 0]}, stack.n_frames)
    >>> sorted(table.added_to(stack).bad_frames)
    [7, 8]
    """
    if isinstance(path, str | os.PathLike):
        file = Path(path).expanduser()
        if file.suffix.lower() not in SUFFIXES:
            raise DataError(f"{file.name!r} is not a table of frames ({', '.join(SUFFIXES)}).")
        columns, name, where = read_table(file), file.name, str(file.absolute())
    elif (table := columns_of(path)) is not None:
        columns, name, where = table, "table", None
    else:
        raise TypeError(f"A table of frames comes from a path or a table, not from {type(path).__name__}.")
    frame, bad, y, x = (pick(columns, names) for names in (FRAME, BAD, DOWN, ACROSS))
    if (y is None) != (x is None):
        raise DataError(f"{name!r} has shifts in {y or x!r} only. Give both, y and x.")
    if bad is None and y is None and (frame is None or len(columns) > 1):
        raise DataError(
            f"{name!r} has the columns {listed(list(columns))}: neither 'bad', nor 'y' and 'x', nor 'frame' alone. "
            "Name the columns like that."
        )
    frames = _frames(columns, frame, n_frames, name)
    marked = np.ones(len(frames), bool) if bad is None and y is None else _marks(columns, bad)
    shifts = None if y is None or x is None else _shifts(columns, (y, x), frames, n_frames, name)
    return FrameTable(frozenset(frames[marked].tolist()), shifts, where)


def _frames(columns: Columns, frame: str | None, n_frames: int, name: str) -> NDArray[np.int64]:
    """Find the frame of each row."""
    if frame is None:
        rows = len(next(iter(columns.values())))
        if rows != n_frames:
            raise DataError(
                f"{name!r} has {rows} rows and the movie {n_frames} frames. Give a row per frame, or a column 'frame'."
            )
        return np.arange(rows)
    given = numbers(columns[frame], frame)
    with np.errstate(invalid="ignore"):
        wrong = ~((given >= 0) & (given < n_frames) & (given == np.floor(given)))
    if wrong.any():
        raise DataError(
            f"Column {frame!r} of {name!r} holds {given[wrong.argmax()]:g} in {name_rows(wrong)}; frames of this movie "
            f"are whole numbers from 0 to {n_frames - 1}."
        )
    found = given.astype(np.int64)
    unique, counts = np.unique(found, return_counts=True)
    if (counts > 1).any():
        raise DataError(f"{name!r} has frame {unique[counts > 1][0]} in several rows. Keep one of them.")
    return found


def _marks(columns: Columns, bad: str | None) -> NDArray[np.bool_]:
    """Find which rows are marked as bad."""
    if bad is None:
        return np.zeros(len(next(iter(columns.values()))), bool)
    cells = ["" if value is None else str(value).strip().lower() for value in columns[bad]]
    wrong = [cell not in (*YES, *NO) for cell in cells]
    if any(wrong):
        raise DataError(
            f"Column {bad!r} holds {cells[wrong.index(True)]!r} in {name_rows(wrong)}. Write 1 for bad frames, 0 for "
            "others."
        )
    return np.array([cell in YES for cell in cells], dtype=bool)


def _shifts(
    columns: Columns, names: tuple[str, str], frames: NDArray[np.int64], n_frames: int, name: str
) -> NDArray[np.float64]:
    """Bring shifts into the order of the frames, which all must have one."""
    if len(frames) != n_frames:
        missing = int(np.setdiff1d(np.arange(n_frames), frames)[0])
        raise DataError(f"{name!r} has no shift of frame {missing}: shifts of all {n_frames} frames are needed.")
    values = np.column_stack([numbers(columns[column], column) for column in names])
    wrong = ~np.isfinite(values).all(axis=1)
    if wrong.any():
        raise DataError(f"{name!r} has no finite shift in {name_rows(wrong)}.")
    shifts = np.empty((n_frames, 2))
    shifts[frames] = values
    return shifts
