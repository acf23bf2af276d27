"""The analysis folder: everything about the analysis of one movie, each piece in a file that other programs read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.experiment.trials import Trials
from napari_varae.core.files import write_file
from napari_varae.core.movie.frames import FrameRange, check_ranges
from napari_varae.core.movie.odd_frames import OddFrames
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings_file import AnalysisSettings, read_settings, settings_text
from napari_varae.errors import DataError, FitFileError
from napari_varae.io import analysis_files as files
from napari_varae.io.analysis_brought import KeptBrought
from napari_varae.io.analysis_comparisons import KeptComparisons
from napari_varae.io.analysis_files import file_name
from napari_varae.io.analysis_record import RECORD, AnalysisRecord, MovieRecord, read_record, write_record
from napari_varae.io.frame_table import open_frame_table
from napari_varae.io.map_tiff import read_map, write_map
from napari_varae.io.tables import latents_table, odd_table, read_latents, read_odd, shifts_table, write_table
from napari_varae.io.trials import open_trials

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit

__all__ = ["Analysis", "open_analysis"]


class Analysis(KeptComparisons, KeptBrought):
    """An analysis folder: settings, movie, fit, latents, frame sets, comparisons, maps, cells, behaviour of one movie.

    Every file is replaced only once the new one is whole, so that a program killed at any moment leaves a folder that
    opens. :meth:`begin` makes a folder, :func:`open_analysis` opens one.

    Attributes
    ----------
    folder : Path
    record : AnalysisRecord
        What it is about: the movie, and which frames were chosen.
    """

    def __init__(self, folder: Path, record: AnalysisRecord, movie: Any = None) -> None:
        self.folder = folder
        self.record = record
        self.files_then = files.comparison_files(folder)
        """Comparisons that the folder held when this was opened."""
        self._movie = movie

    @classmethod
    def begin(
        cls,
        folder: str | os.PathLike[str],
        stack: Stack,
        settings: AnalysisSettings | None = None,
        *,
        overwrite: bool = False,
    ) -> Analysis:
        """Begin an analysis of a movie in a folder, which is made when it is not there.

        Parameters
        ----------
        folder : path-like
        stack : Stack
            The movie, (T, Y, X).
        settings : AnalysisSettings, optional
            Settings of the steps.
        overwrite : bool
            Whether an analysis that the folder holds already is removed.

        Raises
        ------
        DataError
            When the folder cannot be written, or holds an analysis already.
        StackError
            When the movie cannot be read.
        """
        path = Path(folder).expanduser()
        if (path / RECORD).exists() and not overwrite:
            raise DataError(f"{path} holds an analysis already. Choose another folder, or overwrite it (--overwrite).")
        record = AnalysisRecord.begin(stack, path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            for name in (RECORD, files.SETTINGS, *files.SINGLE):
                (path / name).unlink(missing_ok=True)
            for name in (files.COMPARISONS, files.MAPS, files.CHECKPOINT):
                if (path / name).exists():
                    shutil.rmtree(path / name)
            write_file(path / files.SETTINGS, settings_text(settings or AnalysisSettings()))
        except OSError as error:
            raise DataError(f"{path} could not be written ({error}). Choose another folder.") from error
        _write_shifts(path, stack)
        write_record(path, record)
        analysis = cls(path, record)
        analysis.__dict__["stack"] = stack
        analysis.log("began", movie=stack.name, fingerprint=record.movie.fingerprint, **record.versions)
        return analysis

    def __repr__(self) -> str:
        return f"Analysis({str(self.folder)!r}, movie {self.record.movie.name!r})"

    @property
    def name(self) -> str:
        """Name of the movie."""
        return self.record.movie.name

    @property
    def frame_rate(self) -> float | None:
        """Frames per second (Hz); None when unknown."""
        return self.record.movie.frame_rate

    @property
    def pixel_size(self) -> float | None:
        """Edge of a pixel in micrometres; None when unknown."""
        return self.record.movie.pixel_size

    @property
    def movie_paths(self) -> tuple[str, ...]:
        """Files of the movie, where they were when the analysis began; none for an array."""
        return self.record.movie.paths

    @property
    def n_frames(self) -> int:
        """Number of frames T of the movie."""
        return self.record.movie.shape[0]

    @property
    def settings(self) -> AnalysisSettings:
        """Settings with which it began."""
        return read_settings(self.folder / files.SETTINGS)

    @cached_property
    def stack(self) -> Stack:
        """The movie, opened when first asked for.

        Raises
        ------
        StackError
            When it has moved, or has another size.
        """
        return self.described(self.record.movie.open(self.folder, self._movie))

    def described(self, stack: Stack) -> Stack:
        """Return a movie with what this analysis knows of it: frame rate, pixel size, bad frames, breaks, shifts."""
        path = self.folder / files.SHIFTS
        shifts = open_frame_table(path, self.n_frames).shifts if path.is_file() else stack.shifts
        return self.record.movie.described(stack).replace(shifts=shifts)

    @property
    def caution(self) -> str | None:
        """What is wrong with the movie: a file of this name with other frames. Opens the movie."""
        if self.stack.fingerprint() == self.record.movie.fingerprint:
            return None
        return f"{self.stack.name!r} has other frames than the movie that was analysed: it has changed since."

    @cached_property
    def fit(self) -> Fit:
        """The fit, loaded when first asked for.

        Raises
        ------
        FitFileError
            When training has not ended yet, or the file is damaged.
        """
        from napari_varae.core.fit.load import load_fit

        if not self.has_fit:
            unfinished = self.checkpoint.exists()
            remedy = f"Go on with: napari-varae resume {self.folder}" if unfinished else "Train first."
            raise FitFileError(f"{self.folder} holds no fit yet. {remedy}")
        return load_fit(self.folder / files.FIT)

    @property
    def has_fit(self) -> bool:
        """Whether training has ended."""
        return (self.folder / files.FIT).is_file()

    @property
    def checkpoint(self) -> Path:
        """Folder of the checkpoint while training runs."""
        return self.folder / files.CHECKPOINT

    @property
    def latents(self) -> NDArray[np.float32] | None:
        """Latents (T, K) of the movie by the fit; None when they are not there yet."""
        if not self.has_fit or self.record.encoded_by != self.fit.id:
            return None
        return read_latents(self.folder / files.LATENTS, (self.n_frames, self.fit.latents))

    @property
    def odd(self) -> OddFrames | None:
        """Mean of each frame, and the odd frames; None when they were not looked for."""
        path = self.folder / files.ODD
        return read_odd(path, self.n_frames) if path.is_file() else None

    @property
    def frame_sets(self) -> dict[str, tuple[FrameRange, ...]]:
        """Named frame sets: half-open ranges (start, stop)."""
        return dict(self.record.frame_sets)

    @property
    def trials(self) -> Trials | None:
        """Table of trials; None when there is none."""
        path = self.folder / files.TRIALS
        return open_trials(path, frame_rate=self.frame_rate) if path.is_file() else None

    @property
    def maps(self) -> dict[str, NDArray[np.float32]]:
        """Maps (Y, X) by name."""
        return {path.stem: read_map(path)[0] for path in sorted((self.folder / files.MAPS).glob("*.tif"))}

    def keep_fit(self, fit: Fit) -> None:
        """Write the fit, and remove the checkpoint of its training."""
        fit.save(self.folder / files.FIT)
        self.__dict__["fit"] = fit
        shutil.rmtree(self.checkpoint, ignore_errors=True)
        self.log("trained", fit=fit.id, latents=fit.latents)
        for note in fit.notes:
            self.log("note", text=note)

    def keep_latents(self, latents: ArrayLike) -> None:
        """Write the latents (T, K) that the fit finds in the movie."""
        write_table(latents_table(latents, self.frame_rate), self.folder / files.LATENTS)
        self._change(encoded_by=self.fit.id)

    def keep_odd(self, odd: OddFrames) -> None:
        """Write the mean of each frame, and which frames are odd."""
        write_table(odd_table(odd), self.folder / files.ODD)

    def keep_movie(self, stack: Stack) -> None:
        """Note what is known of the movie now: frame rate, pixel size, bad frames, shifts."""
        _write_shifts(self.folder, stack)
        self._change(movie=MovieRecord.of(stack, self.folder))

    def keep_frame_sets(
        self,
        frame_sets: Mapping[str, FrameRange | Iterable[FrameRange]],
        sides: tuple[str, str] | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """Write named frame sets; one of the same name is replaced, others stay unless these are to be `alone`.

        `sides` are the names of those that are compared as A and B.

        Raises
        ------
        ValueError
            When a range lies outside the movie.
        """
        checked = {name: check_ranges(frames, self.n_frames, name=name) for name, frames in frame_sets.items()}
        others = {} if alone else self.record.frame_sets
        self._change(frame_sets={**others, **checked}, sides=sides or self.record.sides)

    def keep_trials(self, trials: Trials) -> None:
        """Write the table of trials.

        Raises
        ------
        DataError
            When a trial does not lie within the movie.
        """
        trials.check(self.n_frames, self.frame_rate)
        trials.save(self.folder / files.TRIALS)

    def keep_map(self, image: ArrayLike, name: str, about: dict[str, Any] | None = None) -> Path:
        """Write a map (Y, X) as TIFF with its pixel size; one of the same name is replaced."""
        path = self._subfolder(files.MAPS) / f"{file_name(name)}.tif"
        write_map(path, image, self.pixel_size, about)
        self.log("mapped", map=path.stem)
        return path

    def log(self, event: str, **facts: Any) -> None:
        """Append a line to the log: time, event, facts."""
        files.append_log(self.folder, " ".join([event, *(f"{name}={value}" for name, value in facts.items())]))

    def _change(self, **changes: Any) -> None:
        """Write the record with some changes."""
        record = self.record.model_copy(update=changes)
        write_record(self.folder, record)
        self.record = record

    def _subfolder(self, name: str) -> Path:
        """Return a folder in this one, which is made when it is not there."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder


def _write_shifts(folder: Path, stack: Stack) -> None:
    """Write the shifts of registration, which may lie in no file of the movie."""
    path = folder / files.SHIFTS
    if stack.shifts is None:
        path.unlink(missing_ok=True)
    else:
        write_table(shifts_table(stack.shifts), path)


def open_analysis(folder: str | os.PathLike[str], movie: Any = None) -> Analysis:
    """Open an analysis folder; its pieces are read when asked for.

    Parameters
    ----------
    folder : path-like
    movie : path-like or several, optional
        Where the movie is now, when it has moved.

    Returns
    -------
    Analysis

    Raises
    ------
    DataError
        When it is not an analysis folder, or is damaged.

    Examples
    --------
    >>> import tempfile
    >>> import napari_varae as nv
    >>> folder = tempfile.mkdtemp()
    >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4)).stack
    >>> analysis = nv.Analysis.begin(folder, stack)
    >>> analysis.keep_fit(nv.fit(stack, nv.FitConfig(latents=4, epochs=0)))
    >>> nv.open_analysis(folder).fit.latents
    4
    """
    path = Path(folder).expanduser()
    return Analysis(path, read_record(path), movie)
