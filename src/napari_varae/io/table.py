"""Tables in text files and in memory: columns by name, and units as their headers give them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.experiment.rows import listed, name_rows
from napari_varae.errors import DataError

__all__ = ["SUFFIXES", "Columns", "bare_name", "columns_of", "numbers", "pick", "read_table", "time_unit"]

Columns = dict[str, NDArray[Any]]
"""Columns of a table, all of one length."""

SUFFIXES = (".csv", ".tsv", ".txt")
"""Endings of the text tables that can be read."""

_UNITS = {"s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "frame": "frames", "frames": "frames",
          "ms": "ms", "msec": "ms", "millisecond": "ms", "milliseconds": "ms"}  # fmt: skip
_WITH_UNIT = re.compile(rf"(.*?)[\s_]*[\s_(\[]({'|'.join(sorted(_UNITS, key=len, reverse=True))})[)\]]?", re.IGNORECASE)


def read_table(path: Path) -> Columns:
    """Read a table with a header from a text file: commas, tabs or semicolons between the columns; all values as text.

    Raises
    ------
    DataError
        When it cannot be read, is not such a table, or a row has more or fewer values than the header.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{str(path)!r} could not be read ({error}). Check the name and the folder.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name!r} is not UTF-8 text ({error}). Save it as 'CSV UTF-8'.") from error
    delimiter = _delimiter(text.partition("\n")[0])
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if line]
    except csv.Error as error:
        raise DataError(f"{path.name!r} is not a table ({error}). Save it as CSV.") from error
    if not lines:
        raise DataError(f"{path.name!r} is empty. Give a table with a header and rows.")
    header, *rows = lines
    header = [name.strip() for name in header]
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise DataError(f"{path.name!r} has several columns named {listed([repr(name) for name in twice])}.")
    if any(uneven := [len(row) != len(header) for row in rows]):
        raise DataError(f"{path.name!r} has {len(header)} columns, but not in {name_rows(uneven)}.")
    if all(_is_number(name) for name in header):
        raise DataError(f"{path.name!r} has no header: its first line is {listed(header)}. Name the columns there.")
    return {name: np.array([row[i] for row in rows], dtype=object) for i, name in enumerate(header)}


def _delimiter(header: str) -> str:
    """Find what separates the columns; a comma where there is only one column."""
    return max(",\t;", key=header.count)


def columns_of(source: Any) -> Columns | None:
    """Columns of a table in memory (pandas, polars, a mapping), or None when it is not one."""
    if isinstance(source, Mapping):
        found = {str(name): np.asarray(values) for name, values in source.items()}
    elif hasattr(source, "columns") and hasattr(source, "__getitem__"):
        found = {str(name): np.asarray(source[name]) for name in source.columns}
    else:
        return None
    if len({values.shape for values in found.values()}) > 1 or any(values.ndim != 1 for values in found.values()):
        raise DataError("The columns of the table have different lengths.")
    return found


def numbers(values: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Read a column as numbers; empty cells become NaN.

    Raises
    ------
    DataError
        When a cell holds something else, with its row.
    """
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    cells = ["" if value is None else str(value).strip() for value in values]
    wrong = [not (_is_number(cell) or cell.lower() in ("", "nan", "na", "<na>")) for cell in cells]
    if any(wrong):
        first = cells[wrong.index(True)]
        comma = " Write numbers with a decimal point." if _is_number(first.replace(",", ".")) else ""
        raise DataError(f"Column {name!r} holds {first!r}, which is not a number, in {name_rows(wrong)}.{comma}")
    return np.array([float(cell) if _is_number(cell) else np.nan for cell in cells])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text and text.isascii()


def bare_name(column: str) -> str:
    """Lower-case name of a column without the unit: 'Start (s)' is 'start'."""
    match = _WITH_UNIT.fullmatch(column.strip())
    return (match[1] if match else column).strip().lower().replace(" ", "_")


def time_unit(column: str) -> str | None:
    """Find the unit in the name of a column of times: 's', 'ms', 'frames' or None."""
    match = _WITH_UNIT.fullmatch(column.strip())
    return _UNITS[match[2].lower()] if match else None


def pick(columns: Columns, names: Sequence[str], wish: str | None = None) -> str | None:
    """Find a column by its bare name, the first of `names` that is there; `wish` is the column that the user named.

    Raises
    ------
    ValueError
        When there is no column `wish`.
    DataError
        When two columns have that name.
    """
    if wish is not None:
        if wish not in columns:
            raise ValueError(f"There is no column {wish!r}; there are {listed(list(columns), 12)}.")
        return wish
    for name in names:
        found = [column for column in columns if bare_name(column) == name]
        if len(found) > 1:
            raise DataError(f"The columns {listed([repr(column) for column in found])} may all be the {name}.")
        if found:
            return found[0]
    return None
