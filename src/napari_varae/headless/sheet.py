"""The sheet of a batch: a table with one recording in each row, checked before anything is computed."""

from __future__ import annotations

import csv
import difflib
import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from napari_varae.core.movie.changed import stamp
from napari_varae.core.settings_file import SECTIONS, AnalysisSettings, read_settings, settings_text
from napari_varae.errors import DataError
from napari_varae.io.covariates import split_name

__all__ = ["Row", "State", "read_sheet"]

COLUMNS = {
    "path": "the recording; several files of one field of view are separated by ';'",
    "name": "name of the analysis folder; that of the file when not given",
    "frame_rate": "frames per second, where the file does not store it",
    "pixel_size": "edge of a pixel in micrometres, where the file does not store it",
    "channel": "number or name", "plane": "number or name", "dataset": "number or name",
    "trials": "table of trials",
    "a": "frame set A: ranges such as 0:400, or a condition of the trials",
    "b": "frame set B",
    "covariate": "behaviour to regress out of the comparison: FILE or FILE:NAME; several are separated by ';'",
    "unit": "unit of the ranges, and of trials whose table names none: frames or s",
}  # fmt: skip
"""What a column may be. A column named like a setting changes it for its row; any other is a label."""


class State(NamedTuple):
    """What the result of a row depends on.

    Attributes
    ----------
    trained : str
        Hash of what the fit depends on, but for the content of the movie.
    rest : str
        Hash of that and of everything else.
    files : list of [int, int] or None
        Size and time of the last change of the movie's files; None where they cannot be seen.
    """

    trained: str
    rest: str
    files: list[list[int]] | None


@dataclass(frozen=True)
class Row:
    """One recording of a batch.

    Attributes
    ----------
    number : int
        Row of the sheet, counted from 1 without the header.
    name : str
        Name of its analysis folder.
    paths : tuple of str
        Files of the recording.
    frame_rate, pixel_size, channel, plane, dataset
        As for :func:`napari_varae.open_stack`.
    trials : str or None
        Table of trials.
    a, b : str
        Frame sets to compare, as texts; empty for none.
    unit : {"frames", "s"} or None
        Unit of ranges, which are in frames when it is None, and of trials whose table does not name one.
    covariates : tuple of str
        Behaviour that is regressed out of the comparison, as for :func:`.open_covariates`.
    changes : tuple of str
        Settings that are others for this row, such as 'fit.latents=32'.
    labels : dict of str to str
        Further columns, for the summary.
    """

    number: int
    name: str
    paths: tuple[str, ...]
    frame_rate: float | None = None
    pixel_size: float | None = None
    channel: str | int | None = None
    plane: str | int | None = None
    dataset: str | int | None = None
    trials: str | None = None
    a: str = ""
    b: str = ""
    unit: Literal["frames", "s"] | None = None
    covariates: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def settings(self, base: AnalysisSettings) -> AnalysisSettings:
        """Return the settings of this row."""
        return read_settings(changes=self.changes, base=base)

    def state(self, base: AnalysisSettings) -> State:
        """Return what its result depends on, by which a later run knows whether it has changed.

        Raises
        ------
        DataError
            When its table of trials, or a file of covariates, cannot be read.
        """
        settings = self.settings(base)
        opened = [self.paths, self.frame_rate, self.pixel_size, self.channel, self.plane, self.dataset]
        try:
            trials = None if self.trials is None else _digest(Path(self.trials))
        except OSError as error:
            raise DataError(f"The trials {self.trials} could not be read ({error}).") from error
        try:
            behaviour = [[text, _digest(split_name(text)[0])] for text in self.covariates]
        except OSError as error:
            raise DataError(f"A covariate could not be read ({error}).") from error
        try:
            files = [list(of_file) for of_file in stamp(self.paths)]
        except OSError:  # as when the movies are only seen by the workers of a cluster, or have been moved since
            files = None
        trained = _hash([opened, settings.fit.model_dump_json()])
        rest = _hash([trained, self.trials, trials, self.a, self.b, self.unit, settings_text(settings), *behaviour])
        return State(trained, rest, files)


def read_sheet(path: str | os.PathLike[str], settings: AnalysisSettings, a: str = "", b: str = "") -> tuple[Row, ...]:
    """Read a sheet (CSV or TSV with a header).

    Parameters
    ----------
    path : path-like
        Paths in it count from its own folder.
    settings : AnalysisSettings
        Settings that hold where a row has none of its own; with them, each row is checked.
    a, b : str
        Frame sets of rows that name none.

    Raises
    ------
    DataError
        When it cannot be read, has no column `path`, a column is nearly a known one, or a row has a wrong value.
    """
    sheet = Path(path).expanduser()
    try:
        with sheet.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, dialect="excel-tab" if sheet.suffix.lower() == ".tsv" else "excel")
            table = [{(k or "").strip(): (v or "").strip() for k, v in row.items() if k is not None} for row in reader]
            columns = [name.strip() for name in reader.fieldnames or ()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"The sheet {sheet} could not be read ({error}). Save it as CSV (UTF-8).") from error
    _check_columns(columns, sheet)
    rows = [_row(i, cells, sheet.parent, a, b) for i, cells in enumerate(table, 1) if any(cells.values())]
    if not rows:
        raise DataError(f"The sheet {sheet} has no rows. Give at least one recording.")
    _check_rows(rows, settings)
    return tuple(rows)


def _check_columns(columns: list[str], sheet: Path) -> None:
    """Raise for a missing column `path`, a column that comes twice, and names that are nearly those of known ones."""
    if "path" not in columns:
        raise DataError(f"The sheet {sheet} has no column 'path'. Its columns are {', '.join(columns) or 'none'}.")
    if twice := [name for name, count in Counter(columns).items() if count > 1]:
        raise DataError(f"The sheet {sheet} has the column {twice[0]!r} twice.")
    for column in columns:
        known = [*COLUMNS, *(name for model in SECTIONS.values() for name in model.model_fields)]
        if (
            not _is_setting(column)
            and column not in COLUMNS
            and (near := difflib.get_close_matches(column, known, 1, 0.8))
        ):
            raise DataError(f"The sheet {sheet} has a column {column!r}. Did you mean {near[0]!r}? Else rename it.")


def _check_rows(rows: list[Row], settings: AnalysisSettings) -> None:
    """Raise for names that come twice and settings that are not possible."""
    names = Counter(row.name.lower() for row in rows)
    for row in rows:
        if names[row.name.lower()] > 1:
            raise DataError(f"Row {row.number}: the name {row.name!r} comes twice. Give names in a column 'name'.")
        if any(c in row.name for c in '\\/:*?"<>|') or row.name.startswith("."):
            raise DataError(f"Row {row.number}: {row.name!r} cannot be the name of a folder.")
        try:
            row.settings(settings)
        except ValueError as error:
            raise DataError(f"Row {row.number}: {error}") from error


def _row(number: int, cells: Mapping[str, str], home: Path, a: str, b: str) -> Row:
    """Make a row of its cells."""
    if not cells["path"]:
        raise DataError(f"Row {number} has no path.")
    paths = tuple(str((home / part.strip()).absolute()) for part in cells["path"].split(";") if part.strip())
    sides = cells.get("a") or a, cells.get("b") or b
    if bool(sides[0]) != bool(sides[1]):
        raise DataError(f"Row {number} names only one of the frame sets a and b. Name both, or neither.")
    if (unit := cells.get("unit")) not in ("frames", "s", "", None):
        raise DataError(f"Row {number}: the unit {unit!r} must be 'frames' or 's'.")
    trials = cells.get("trials")
    return Row(
        number,
        cells.get("name") or Path(paths[0]).stem,
        paths,
        _number(cells, "frame_rate", number),
        _number(cells, "pixel_size", number),
        _option(cells.get("channel")),
        _option(cells.get("plane")),
        _option(cells.get("dataset")),
        trials=str((home / trials).absolute()) if trials else None,
        a=sides[0],
        b=sides[1],
        unit="s" if unit == "s" else "frames" if unit else None,
        covariates=tuple(str(home / part.strip()) for part in cells.get("covariate", "").split(";") if part.strip()),
        changes=tuple(f"{column}={value}" for column, value in cells.items() if value and _is_setting(column)),
        labels={k: v for k, v in cells.items() if k not in COLUMNS and not _is_setting(k)},
    )


def _is_setting(column: str) -> bool:
    """Whether a column is named like a setting."""
    section, dot, name = column.partition(".")
    models = [SECTIONS[section]] if dot and section in SECTIONS else SECTIONS.values()
    return column not in COLUMNS and any((name or section) in model.model_fields for model in models)


def _number(cells: Mapping[str, str], column: str, number: int) -> float | None:
    text = cells.get(column)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1e9:
        raise DataError(f"Row {number}: {column} {text!r} is not a positive number.")
    return value


def _digest(path: Path) -> str:
    """Hash of the content of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hash(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _option(text: str | None) -> str | int | None:
    return int(text) if text and text.isdecimal() else text or None
