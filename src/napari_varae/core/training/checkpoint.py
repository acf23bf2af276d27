"""Checkpoints: what a training has so far, in a folder, from which it goes on after a crash.

The compressed movie is written once; places, weights and reports after the start and after each epoch. Each file is
replaced only once the new one is whole, so that a kill at any moment loses at most the phase that was running.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from napari_varae.core.autoencoder.footprints import Footprints
from napari_varae.core.components.cache import read_movie, write_movie
from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.files import write_file
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.errors import TrainingError

__all__ = ["SETTINGS", "Checkpoint", "Start"]

SETTINGS, MOVIE, STATE = "settings.json", "movie.safetensors", "state.safetensors"


@dataclass(frozen=True, eq=False)
class Start:
    """Where a training goes on: places, the weights of the best state, and the reports so far."""

    footprints: Footprints
    weights: tuple[Tensor, Tensor, Tensor]
    reports: tuple[EpochReport, ...]


class Checkpoint:
    """A folder that keeps what a training has so far.

    Parameters
    ----------
    folder : path
        Made when it is not there.
    required : bool
        Whether a training ends with an error when this can no longer be written; else it goes on without.
    """

    def __init__(self, folder: str | Path, *, required: bool = True) -> None:
        self.folder, self.required = Path(folder), required

    def begin(self, config: FitConfig, stack: Stack) -> None:
        """Write the settings and what recognises the movie, and forget an earlier training.

        Raises
        ------
        TrainingError
            When the folder cannot be written.
        """
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in (STATE, MOVIE):
                (self.folder / name).unlink(missing_ok=True)
            settings = {
                "config": config.model_dump(mode="json"),
                "movie": stack.fingerprint(),
                "bad_frames": sorted(stack.bad_frames),
            }
            write_file(self.folder / SETTINGS, json.dumps(settings, indent=2))

    def keep_movie(self, movie: CompressedMovie) -> None:
        """Write the compressed movie."""
        with self._writing():
            write_movie(self.folder / MOVIE, movie)

    def keep_state(self, start: Start) -> None:
        """Write places, weights and reports."""
        names = ("images", "members", "drawn", "read", "unmix")
        parts = (start.footprints.images, start.footprints.members, *start.weights)
        tensors = {name: part.detach().cpu().contiguous() for name, part in zip(names, parts, strict=True)}
        reports = json.dumps([asdict(report) for report in start.reports])
        with self._writing():
            write_file(self.folder / STATE, save(tensors, metadata={"reports": reports}))

    def settings(self, fingerprint: str) -> tuple[FitConfig, tuple[int, ...]]:
        """Read the settings, and the bad frames, of a training on the movie with this fingerprint.

        Raises
        ------
        TrainingError
            When there is no checkpoint, it is damaged, or it belongs to another movie.
        """
        path = self.folder / SETTINGS
        if not path.is_file():
            raise TrainingError(f"{self.folder} holds no checkpoint. Choose the folder that was given to the training.")
        with self._reading():
            settings = json.loads(path.read_text(encoding="utf-8"))
            config, movie = FitConfig.model_validate(settings["config"]), str(settings["movie"])
            bad_frames = tuple(int(frame) for frame in settings["bad_frames"])
        if movie != fingerprint:
            raise TrainingError(
                f"The checkpoint {self.folder} belongs to another movie. Open the movie that it began with, or train "
                "again."
            )
        return config, bad_frames

    def reports(self) -> tuple[EpochReport, ...]:
        """Read the reports of the epochs so far.

        Raises
        ------
        TrainingError
            When they are damaged.
        """
        if not (self.folder / STATE).is_file() or not (self.folder / MOVIE).is_file():
            return ()
        with self._reading(), safe_open(self.folder / STATE, framework="pt") as file:
            return _reports(file)

    def read(self) -> tuple[CompressedMovie | None, Start | None]:
        """Read the compressed movie and where the training goes on, as far as they are there.

        Raises
        ------
        TrainingError
            When they are damaged.
        """
        with self._reading():
            movie = read_movie(self.folder / MOVIE) if (self.folder / MOVIE).is_file() else None
            return movie, self._start() if movie is not None and (self.folder / STATE).is_file() else None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Report what is damaged."""
        try:
            yield
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise TrainingError(f"The checkpoint {self.folder} is damaged ({error}). Train again.") from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Report that the folder cannot be written, where that matters."""
        try:
            yield
        except OSError as error:
            if self.required:
                raise TrainingError(
                    f"The checkpoint {self.folder} cannot be written ({error}). Free some space, or choose another "
                    "folder."
                ) from error

    def _start(self) -> Start:
        with safe_open(self.folder / STATE, framework="pt") as file:
            reports = _reports(file)
            names = ("images", "members", "drawn", "read", "unmix")
            images, members, drawn, read, unmix = (file.get_tensor(name) for name in names)
        if not all(bool(torch.isfinite(part).all()) for part in (images, drawn, read, unmix)):
            raise ValueError("it has numbers that are not finite")
        return Start(Footprints(images, members, len(unmix)), (drawn, read, unmix), reports)


def _reports(file: Any) -> tuple[EpochReport, ...]:
    return tuple(EpochReport(**report) for report in json.loads(file.metadata()["reports"]))
