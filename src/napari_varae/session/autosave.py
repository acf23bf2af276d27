"""Work that is not saved, kept automatically: one analysis folder for each session, in the user's data folder.

A folder belongs to the process that writes it. What is left by one that has ended, was killed or has gone on to another
movie can be recovered. Writing is safe at any moment: each file is whole or not there, and each is written once.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
import uuid
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from platformdirs import user_data_path

from napari_varae.core.compute.owner import OWNER, own, owned
from napari_varae.core.files import write_file
from napari_varae.core.settings_file import AnalysisSettings
from napari_varae.errors import DataError
from napari_varae.io.analysis import Analysis, open_analysis
from napari_varae.io.analysis_choice import keep_choice
from napari_varae.io.analysis_conditions import find_conditions, keep_conditions
from napari_varae.io.analysis_files import CHOICE, COMPARISONS, FIT, TRIALS
from napari_varae.session.snapshot import Snapshot

if TYPE_CHECKING:
    from napari_varae.core.comparison.conditions import Conditions
    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack

__all__ = ["Autosave", "Left", "discard", "find_left", "fits_of"]

MOST, MOST_BYTES = 10, 4_000_000_000
"""Folders and bytes that are kept of work that was left; the oldest go first, and the last one always stays."""
HOUR = 3600
FITS, ABOUT = "fits", "kept.json"


class Left(NamedTuple):
    """Work that was left.

    Attributes
    ----------
    folder : Path
    movie : str
        Name of the movie.
    time : float
        When it was kept last, in seconds since 1970.
    text : str
        What it holds, in words.
    """

    folder: Path
    movie: str
    time: float
    text: str


class Autosave:
    """Keeps the work of one session in a folder. Its methods may be called in any thread and wait for each other."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._lock = threading.Lock()
        self._number = -1
        self._analysis: Analysis | None = None
        self._stack: Stack | None = None
        self._in_use = ""
        self._comparisons: dict[str, Comparison] = {}
        self._conditions: dict[str, Conditions] = {}
        self._left: weakref.WeakSet[Fit] = weakref.WeakSet()
        """Fits that lie in folders of movies before this one."""
        self._held: tuple[Fit, ...] = ()
        self._brought: tuple[object, ...] = ()
        """Cells, behaviour and covariates as they were kept last."""

    def write(self, snapshot: Snapshot) -> None:
        """Keep a snapshot: what is not there yet is written, and what is not in it any more is removed.

        With another movie, the folder of the one before is left as it is.

        Raises
        ------
        DataError
            When the data folder cannot be written.
        StackError
            When the movie cannot be read.
        """
        with self._lock:
            if snapshot.number != self._number:
                self._leave()
            unsaved = [fit for fit in snapshot.unsaved if fit not in self._left]
            if not (unsaved or snapshot.is_marked):
                self._discard()
                return
            try:
                self._write(snapshot, unsaved)
            except OSError as error:
                raise DataError(f"Unsaved work could not be kept in {_root()} ({error}). Free some space.") from error

    def leave(self) -> None:
        """Leave the folder, if there is one, to be recovered."""
        with self._lock:
            self._leave()

    def discard(self) -> None:
        """Delete the folder, if there is one: all of it lies elsewhere, or is not wanted."""
        with self._lock:
            self._discard()

    def adopt(self, folder: Path, number: int) -> None:
        """Go on with work that was left: its folder now belongs to this process, and to the movie of this number.

        Raises
        ------
        DataError
            When it cannot be taken over.
        """
        with self._lock:
            self._leave()
            try:
                own(folder)
            except OSError as error:
                raise DataError(f"{folder} could not be taken over ({error}). Save the analysis.") from error
            self.folder, self._number, self._analysis = folder, number, open_analysis(folder)

    def _write(self, snapshot: Snapshot, unsaved: list[Fit]) -> None:
        if self.folder is None or self._analysis is None:
            self.folder = _root() / f"{time.strftime('%Y-%m-%d')}-{uuid.uuid4().hex[:8]}"
            self.folder.mkdir(parents=True)
            own(self.folder)
            self._analysis = Analysis.begin(self.folder, snapshot.stack, AnalysisSettings())
            self._stack = snapshot.stack
            _make_room()
        self._number = snapshot.number
        if snapshot.stack is not self._stack:
            self._analysis.keep_movie(snapshot.stack)
            self._stack = snapshot.stack
        self._write_fits(self.folder, snapshot.fit, unsaved)
        self._write_comparisons(self._analysis, snapshot.comparisons)
        self._write_conditions(self._analysis, snapshot.conditions)
        if snapshot.choice is None:
            (self.folder / CHOICE).unlink(missing_ok=True)
        else:
            keep_choice(self._analysis, *snapshot.choice)
        if snapshot.trials is None:
            (self.folder / TRIALS).unlink(missing_ok=True)
        else:
            self._analysis.keep_trials(snapshot.trials)
        self._write_brought(self._analysis, snapshot)
        sets = {name: segments for name, segments in snapshot.frame_sets if segments}
        self._analysis.keep_frame_sets(sets, (snapshot.frame_sets.a, snapshot.frame_sets.b), alone=True)
        about = {
            "movie": snapshot.stack.name, "time": time.time(), "fits": len(unsaved), "frame sets": len(sets),
            "comparisons": len(snapshot.comparisons) + len(snapshot.conditions),
            "drawn cells": snapshot.n_drawn, "unsaved": snapshot.fit in snapshot.unsaved,
        }  # fmt: skip
        write_file(self.folder / ABOUT, json.dumps(about))

    def _write_brought(self, analysis: Analysis, snapshot: Snapshot) -> None:
        """Write cells, behaviour and covariates where they have changed."""
        now = snapshot.cells, snapshot.behaviour, snapshot.covariates, snapshot.covariate_lags
        if now != self._brought:
            analysis.keep_cells(snapshot.cells)
            analysis.keep_behaviour(*now[1:])
            self._brought = now

    def _write_fits(self, folder: Path, in_use: Fit | None, unsaved: list[Fit]) -> None:
        """Write the fit in use beside the analysis, and the other fits that lie in no file into a folder of their own.

        Each fit is always in one of the two places: it is written to its new one before it goes from its old one.
        """
        (folder / FITS).mkdir(exist_ok=True)
        others = {f"{fit.id}.varae": fit for fit in unsaved if fit is not in_use}
        for name, fit in others.items():
            if not (folder / FITS / name).exists():
                fit.save(folder / FITS / name)
        if in_use is None:
            (folder / FIT).unlink(missing_ok=True)
        elif in_use.id != self._in_use or not (folder / FIT).exists():
            in_use.save(folder / FIT)
        self._in_use = "" if in_use is None else in_use.id
        self._held = tuple(unsaved)
        for path in (folder / FITS).iterdir():
            if path.name not in others:
                path.unlink()

    def _write_comparisons(self, analysis: Analysis, results: tuple[Comparison, ...]) -> None:
        """Write comparisons that are not there yet, and remove those that are not there any more."""
        there = {name: old for name, old in self._comparisons.items() if _is_one_of(old, results)}
        for result in results:
            if not _is_one_of(result, tuple(there.values())):
                there[analysis.keep_comparison(result, frame_sets=False).name] = result
        for path in (analysis.folder / COMPARISONS).glob("*.json"):
            if path.name not in there:
                path.unlink()
        self._comparisons = there

    def _write_conditions(self, analysis: Analysis, results: tuple[Conditions, ...]) -> None:
        """Do the same with comparisons of several conditions."""
        there = {name: old for name, old in self._conditions.items() if any(old is found for found in results)}
        for found in results:
            if all(found is not old for old in there.values()):
                there[keep_conditions(analysis, found).name] = found
        for path in find_conditions(analysis):
            if path.name not in there:
                path.unlink()
        self._conditions = there

    def _leave(self) -> None:
        if self.folder is not None:
            (self.folder / OWNER).unlink(missing_ok=True)
            self._left.update(self._held)
        self._forget()

    def _discard(self) -> None:
        if self.folder is not None:
            discard(self.folder)
        self._forget()

    def _forget(self) -> None:
        self.folder = self._analysis = self._stack = None
        self._in_use, self._number, self._comparisons, self._conditions, self._held = "", -1, {}, {}, ()
        self._brought = ()


def find_left() -> list[Left]:
    """List work that was left, the latest first."""
    found = []
    for folder in _idle():
        with suppress(OSError, ValueError, KeyError, TypeError):  # killed before anything was kept
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            found.append(Left(folder, str(about["movie"]), float(about["time"]), _in_words(about)))
    return sorted(found, key=lambda left: left.time, reverse=True)


def fits_of(folder: Path) -> tuple[list[Path], bool]:
    """Return the files of the fits of some work that are not in use, and whether the fit in use lies in no other file.

    Raises
    ------
    DataError
        When its description is damaged.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return sorted((folder / FITS).glob("*.varae")), bool(about["unsaved"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder} is damaged ({error}). Open it as an analysis folder.") from error


def discard(folder: Path) -> None:
    """Delete work that was left."""
    (folder / ABOUT).unlink(missing_ok=True)  # so that half of it is never offered
    shutil.rmtree(folder, ignore_errors=True)


def _is_one_of(result: Comparison, others: tuple[Comparison, ...]) -> bool:
    """Whether a comparison, with its placebo, is among others."""
    return any(result.test is other.test and result.placebo == other.placebo for other in others)


def _in_words(about: dict[str, object]) -> str:
    kinds = "fits", "frame sets", "comparisons", "drawn cells"
    counts = [(int(str(about.get(name, 0))), name) for name in kinds]
    return ", ".join(f"{n} {name if n != 1 else name.removesuffix('s')}" for n, name in counts if n)


def _root() -> Path:
    return Path(user_data_path("napari-varae")) / "unsaved"


def _idle() -> list[Path]:
    root = _root()
    return [path for path in root.iterdir() if path.is_dir() and not owned(path)] if root.is_dir() else []


def _make_room() -> None:
    """Delete the oldest work that was left, beyond a number of folders and bytes."""
    total = 0
    left = find_left()
    for i, one in enumerate(left):
        total += sum(path.stat().st_size for path in one.folder.rglob("*") if path.is_file())
        if i >= MOST or (i and total > MOST_BYTES):
            discard(one.folder)
    offered = {one.folder for one in left}
    for folder in _idle():
        if folder not in offered and time.time() - folder.stat().st_mtime > HOUR:  # killed before anything was kept
            shutil.rmtree(folder, ignore_errors=True)
