"""The record of an analysis folder: which movie it is about, and which frames were chosen."""

from __future__ import annotations

import os
import platform
import tomllib
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from napari_varae.core.experiment.behaviour import Behaviour
from napari_varae.core.experiment.cells import Cells
from napari_varae.core.files import write_file
from napari_varae.core.movie.frames import FrameRange
from napari_varae.core.movie.source import Source
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import DataError, StackError
from napari_varae.io import open_stack

__all__ = ["RECORD", "AnalysisRecord", "BroughtRecord", "MovieRecord", "read_record", "write_record"]

RECORD = "analysis.toml"
FORMAT: Final = "napari-varae analysis"
VERSION: Final = 1
PACKAGES = ("napari-varae", "torch", "numpy", "scipy", "numba")


class _Checked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MovieRecord(_Checked):
    """A movie as it was opened, and by what it is recognised."""

    name: str
    paths: tuple[str, ...]
    relative: tuple[str, ...]
    channel: int | str | None = None
    plane: int | str | None = None
    dataset: int | str | None = None
    frame_rate: float | None = None
    pixel_size: float | None = None
    bad_frames: tuple[int, ...] = ()
    tables: tuple[str, ...] = ()
    marked: tuple[int, ...] = ()
    breaks: tuple[int, ...] = ()
    shape: tuple[int, int, int]
    fingerprint: str

    @classmethod
    def of(cls, stack: Stack, folder: Path) -> MovieRecord:
        """Describe a movie; paths are kept relative to the folder as well, for both may move together."""
        source = stack.source or Source(())
        return cls(
            name=stack.name,
            paths=source.paths,
            relative=tuple(_relative(path, folder) for path in source.paths),
            channel=source.channel,
            plane=source.plane,
            dataset=source.dataset,
            frame_rate=stack.frame_rate,
            pixel_size=stack.pixel_size,
            bad_frames=tuple(sorted(stack.bad_frames)),
            tables=source.tables,
            marked=tuple(sorted(source.bad_frames)) if source.tables else (),
            breaks=stack.breaks,
            shape=stack.shape,
            fingerprint=stack.fingerprint(),
        )

    def open(self, folder: Path, path: Any = None) -> Stack:
        """Open the movie again, from `path` when it has moved.

        Raises
        ------
        StackError
            When it was moved or deleted, or its size has changed.
        """
        stack = open_stack(
            self._find(folder) if path is None else path,
            self.frame_rate,
            self.pixel_size,
            self.channel,
            self.plane,
            self.dataset,
        )
        if stack.shape != self.shape:
            raise StackError(
                f"{stack.name!r} has the shape {stack.shape}, and the movie of this analysis had {self.shape}. Give "
                "the movie that was analysed."
            )
        return stack

    def described(self, stack: Stack) -> Stack:
        """Return a movie with what was known of it when it was kept: rate, pixel size, bad frames, breaks, tables."""
        source = stack.source
        if source is not None and self.tables:
            source = replace(source, tables=self.tables, bad_frames=frozenset(self.marked))
        return stack.replace(
            frame_rate=self.frame_rate, pixel_size=self.pixel_size, bad_frames=self.bad_frames, breaks=self.breaks,
            source=source,
        )  # fmt: skip

    def _find(self, folder: Path) -> list[str]:
        if not self.paths:
            raise StackError(
                f"The movie {self.name!r} of this analysis was an array, not a file. Give the file that holds it."
            )
        for paths in (self.paths, tuple(os.path.normpath(folder / path) for path in self.relative)):
            if all(Path(path).exists() for path in paths):
                return list(paths)
        raise StackError(
            f"The movie {self.paths[0]} of this analysis was moved or deleted. Give its new place: "
            "nv.open_analysis(folder, movie=...) in Python, --movie on the command line."
        )


class BroughtRecord(_Checked):
    """Cells or behaviour: their file (None: in the folder), how it was opened, and by what they are recognised."""

    path: str | None = None
    relative: str | None = None
    given: dict[str, int | float | str] = {}
    fingerprint: str

    @classmethod
    def of(cls, brought: Cells | Behaviour, folder: Path) -> BroughtRecord:
        """Describe cells or behaviour."""
        source, fingerprint = brought.source, brought.fingerprint()
        if source is None:
            return cls(fingerprint=fingerprint)
        relative = _relative(source.path, folder)
        return cls(path=source.path, relative=relative, given=dict(source.given), fingerprint=fingerprint)

    def find(self, folder: Path, what: str) -> Path:
        """Return where the file is now.

        Raises
        ------
        DataError
            When it was moved or deleted.
        """
        path, relative = Path(str(self.path)), Path(os.path.normpath(folder / str(self.relative)))
        for one in (path, relative):
            if one.exists():
                return one
        raise DataError(f"The {what} in {path} of this analysis were moved or deleted. Open them from their new place.")


class AnalysisRecord(_Checked):
    """What an analysis folder is about; its results lie in files of their own."""

    format: Literal["napari-varae analysis"] = FORMAT
    format_version: Literal[1] = VERSION
    movie: MovieRecord
    encoded_by: str = ""
    frame_sets: dict[str, tuple[FrameRange, ...]] = {}
    sides: tuple[str, str] | None = None
    cells: BroughtRecord | None = None
    behaviour: BroughtRecord | None = None
    covariates: tuple[str, ...] = ()
    covariate_lags: int = 0
    versions: dict[str, str] = {}

    @classmethod
    def begin(cls, stack: Stack, folder: Path) -> AnalysisRecord:
        """Describe a new analysis of a movie by this version of the software."""
        versions = {"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
        return cls(movie=MovieRecord.of(stack, folder), versions=versions)


def read_record(folder: Path) -> AnalysisRecord:
    """Read the record of a folder.

    Raises
    ------
    DataError
        When the folder holds none, or one that is damaged or of another version.
    """
    path = folder / RECORD
    if not path.is_file():
        raise DataError(
            f"{folder} is not an analysis folder: it has no {RECORD}. Choose the folder given to 'train --out'."
        )
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
        if plain.get("format") == FORMAT and plain.get("format_version") != VERSION:
            raise DataError(
                f"{path} has format version {plain.get('format_version')}; this napari-varae reads {VERSION}. Update "
                "napari-varae."
            )
        return AnalysisRecord.model_validate(plain)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise DataError(f"{path} is damaged ({error}). Restore it from a copy, or run the analysis again.") from error


def write_record(folder: Path, record: AnalysisRecord) -> None:
    """Write the record of a folder.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    try:
        write_file(folder / RECORD, tomli_w.dumps(record.model_dump(mode="json", exclude_none=True)))
    except OSError as error:
        raise DataError(f"{folder / RECORD} could not be written ({error}). Free some space.") from error


def _relative(path: str, folder: Path) -> str:
    """Path as seen from a folder; the absolute one on another drive of Windows."""
    try:
        return os.path.relpath(path, folder.absolute())
    except ValueError:
        return path
