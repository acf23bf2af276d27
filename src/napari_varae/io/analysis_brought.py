"""Cells and behaviour in an analysis folder: the paths of their files, or their data when they have no file."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_varae.core.experiment.behaviour import Behaviour
from napari_varae.core.experiment.cells import Cells
from napari_varae.core.experiment.rows import listed
from napari_varae.core.files import write_file
from napari_varae.errors import DataError
from napari_varae.io.analysis_files import BEHAVIOUR, CELLS
from napari_varae.io.analysis_record import AnalysisRecord, BroughtRecord
from napari_varae.io.behaviour import open_behaviour
from napari_varae.io.cells import open_cells

__all__ = ["SINCE", "Brought", "KeptBrought"]

Opened = TypeVar("Opened", Cells, Behaviour)
SINCE = "changed since they were used in this analysis."
"""How the note ends that reports that cells or traces have changed."""


class Brought(NamedTuple):
    """What the user brought to the movie of an analysis, as far as it can be opened.

    Attributes
    ----------
    cells : Cells or None
    behaviour : Behaviour or None
    covariates : tuple of str
        Traces of the behaviour that are regressed out before a comparison.
    covariate_lags : int
        Frames before each one at which they are regressors as well.
    cautions : tuple of str
        What could not be opened, and what has changed since.
    """

    cells: Cells | None = None
    behaviour: Behaviour | None = None
    covariates: tuple[str, ...] = ()
    covariate_lags: int = 0
    cautions: tuple[str, ...] = ()


class KeptBrought:
    """The part of an analysis that keeps cells and behaviour.

    What was opened from a file stays there: the analysis keeps its path, how it was opened, and by what it is
    recognised. Cells that were drawn, and arrays, are written into the folder.
    """

    # What the analysis has besides
    folder: Path
    record: AnalysisRecord
    _change: Callable[..., None]

    @cached_property
    def cells(self) -> Cells | None:
        """Cells of the movie, opened when first asked for; None when there are none. A note reports a change.

        Raises
        ------
        DataError
            When their file was moved or deleted, or is damaged.
        """
        again = partial(open_cells, shape=self.record.movie.shape[1:])
        return _opened(self.record.cells, self.folder, "cells", again, partial(_read_cells, self.folder / CELLS))

    @cached_property
    def behaviour(self) -> Behaviour | None:
        """Traces of behaviour, opened when first asked for; None when there are none. A note reports a change.

        Raises
        ------
        DataError
            When their file was moved or deleted, or is damaged.
        """
        read = partial(_read_behaviour, self.folder / BEHAVIOUR)
        return _opened(self.record.behaviour, self.folder, "traces", open_behaviour, read)

    @property
    def covariates(self) -> tuple[str, ...]:
        """Traces of the behaviour that are regressed out before a comparison."""
        return self.record.covariates

    @property
    def covariate_lags(self) -> int:
        """Frames before each one at which these traces are regressors as well."""
        return self.record.covariate_lags

    def regressors(self, names: Sequence[str] | None = None) -> NDArray[np.float64] | None:
        """Traces (T, n) that are regressed out, as `napari_varae.compare` takes them; None for none.

        Parameters
        ----------
        names : sequence of str, optional
            Traces of the behaviour; :attr:`covariates` when not given.

        Raises
        ------
        DataError
            When the file of the behaviour was moved or deleted, or a trace is missing.
        ValueError
            When its times are in seconds and the frame rate is unknown.
        """
        chosen = self.covariates if names is None else tuple(names)
        if not chosen:
            return None
        behaviour, movie = self.behaviour, self.record.movie
        if behaviour is None:
            raise DataError(f"This analysis has no behaviour, and so no trace {chosen[0]!r}. Name a file: FILE:NAME.")
        if missing := [name for name in chosen if name not in behaviour.names]:
            known = listed(behaviour.names, 12)
            raise DataError(f"The behaviour of this analysis has no trace {missing[0]!r}. Choose one of {known}.")
        return behaviour.choose(chosen).at_frames(movie.shape[0], movie.frame_rate)

    def brought(self) -> Brought:
        """Open what the user brought; what cannot be opened is reported, and the rest is there."""
        cautions: list[str] = []
        cells, behaviour = _tried(self, "cells", cautions), _tried(self, "behaviour", cautions)
        known = () if behaviour is None else behaviour.names
        if missing := [name for name in self.covariates if name not in known]:
            cautions.append(f"No longer regressed out, because the trace is missing: {', '.join(missing)}.")
        chosen = tuple(name for name in self.covariates if name in known)
        return Brought(cells, behaviour, chosen, self.covariate_lags, tuple(cautions))

    def keep_cells(self, cells: Cells | None) -> None:
        """Keep where cells were opened from, or write them where they come from no file; None for none.

        Raises
        ------
        DataError
            When they are of images of another size than the movie.
        """
        path = self.folder / CELLS
        if cells is not None:
            cells.check(self.record.movie.shape[1:])
            if cells.source is None:
                _write(path, _plain_cells(cells))
        self._change(cells=None if cells is None else BroughtRecord.of(cells, self.folder))
        if cells is None or cells.source is not None:
            path.unlink(missing_ok=True)
        self.__dict__["cells"] = cells

    def keep_behaviour(
        self, behaviour: Behaviour | None, covariates: Sequence[str] = (), covariate_lags: int = 0
    ) -> None:
        """Keep where behaviour was opened from, or write it where it comes from no file; None for none.

        `covariates` are the traces of it that are regressed out before a comparison, with `covariate_lags`.

        Raises
        ------
        ValueError
            When a covariate is not one of the traces.
        """
        path = self.folder / BEHAVIOUR
        if behaviour is not None:
            behaviour.choose(covariates or behaviour.names)
            if behaviour.source is None:
                _write(path, _plain_behaviour(behaviour))
        self._change(
            behaviour=None if behaviour is None else BroughtRecord.of(behaviour, self.folder),
            covariates=tuple(covariates) if behaviour is not None else (),
            covariate_lags=covariate_lags if covariates else 0,
        )
        if behaviour is None or behaviour.source is not None:
            path.unlink(missing_ok=True)
        self.__dict__["behaviour"] = behaviour


def _opened(
    kept: BroughtRecord | None, folder: Path, what: str, again: Callable[..., Opened], read: Callable[[], Opened]
) -> Opened | None:
    """Open cells or traces again from their file, or read them from the folder; a note reports a change."""
    if kept is None:
        return None
    if kept.path is None:
        return read()
    found: Opened = again(kept.find(folder, what), **kept.given)
    if found.fingerprint() == kept.fingerprint:
        return found
    return replace(found, notes=(f"The {what} in {kept.path} have {SINCE}", *found.notes))


def _tried(analysis: KeptBrought, name: str, cautions: list[str]) -> Any:
    """Open cells or behaviour; what is wrong with them goes to `cautions`."""
    try:
        found = getattr(analysis, name)
    except ValueError as error:
        cautions.append(str(error))
        return None
    if found is not None and found.notes and found.notes[0].endswith(SINCE):
        cautions.append(found.notes[0])
    return found


def _write(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write arrays as one file, which numpy reads."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]  # the stub takes the names for its own arguments
    write_file(path, content.getvalue())


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """Read arrays; nothing in the file is run."""
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{path} is damaged ({error}). Open or draw again what it held.") from error


def _plain_cells(cells: Cells) -> dict[str, NDArray[Any]]:
    """Cells as arrays: those of :func:`scipy.sparse.save_npz`, a row for each cell, with ids and image size."""
    weights = cells.footprints
    return {
        "format": np.array(b"csr"), "indptr": weights.indptr, "indices": weights.indices, "data": weights.data,
        "shape": np.array(weights.shape), "ids": np.array(json.dumps(cells.ids)), "image": np.array(cells.shape),
        "notes": np.array(json.dumps(cells.notes)),
    }  # fmt: skip


def _read_cells(path: Path) -> Cells:
    found = _read(path)
    try:
        shape = int(found["shape"][0]), int(found["shape"][1])
        weights = sparse.csr_array((found["data"], found["indices"], found["indptr"]), shape=shape)
        image = int(found["image"][0]), int(found["image"][1])
        return Cells(tuple(json.loads(str(found["ids"]))), weights, image, tuple(json.loads(str(found["notes"]))))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}). Open or draw the cells again.") from error


def _plain_behaviour(behaviour: Behaviour) -> dict[str, NDArray[Any]]:
    about = {"names": behaviour.names, "unit": behaviour.unit, "frame_rate": behaviour.frame_rate}
    about_text = json.dumps({**about, "notes": behaviour.notes})
    return {"times": behaviour.times, "values": behaviour.values, "about": np.array(about_text)}


def _read_behaviour(path: Path) -> Behaviour:
    found = _read(path)
    try:
        about = json.loads(str(found["about"]))
        return Behaviour(
            tuple(about["names"]), found["times"], found["values"], about["unit"], about["frame_rate"],
            tuple(about["notes"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}). Open the traces again.") from error
