"""Checkpoints: what a training has so far, in a folder, from which it goes on after a crash.

The compressed movie is written once; places, weights and reports after the start and after each epoch. Each file is
replaced only once the new one is whole, so that a kill at any moment loses at most the phase that was running.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from napari_varae.core.autoencoder.footprints import Footprints
from napari_varae.core.components.cache import read_movie, write_movie
from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.files import write_file
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.settings import FitConfig
from napari_varae.errors import TrainingError

__all__ = ["Checkpoint", "Start"]

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
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def begin(self, config: FitConfig, fingerprint: str) -> None:
        """Write the settings and the fingerprint of the movie, and forget an earlier training.

        Raises
        ------
        TrainingError
            When the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in (STATE, MOVIE):
                (self.folder / name).unlink(missing_ok=True)
            settings = {"config": config.model_dump(mode="json"), "movie": fingerprint}
            write_file(self.folder / SETTINGS, json.dumps(settings, indent=2))
        except OSError as error:
            raise self._unwritten(error) from error

    def keep_movie(self, movie: CompressedMovie) -> None:
        """Write the compressed movie."""
        try:
            write_movie(self.folder / MOVIE, movie)
        except OSError as error:
            raise self._unwritten(error) from error

    def keep_state(self, start: Start) -> None:
        """Write places, weights and reports."""
        names = ("images", "members", "drawn", "read", "unmix")
        parts = (start.footprints.images, start.footprints.members, *start.weights)
        tensors = {name: part.detach().cpu().contiguous() for name, part in zip(names, parts, strict=True)}
        reports = json.dumps([asdict(report) for report in start.reports])
        try:
            write_file(self.folder / STATE, save(tensors, metadata={"reports": reports}))
        except OSError as error:
            raise self._unwritten(error) from error

    def read(self, fingerprint: str) -> tuple[FitConfig, CompressedMovie | None, Start | None]:
        """Read what there is of a training on the movie with this fingerprint.

        Raises
        ------
        TrainingError
            When there is no checkpoint, it is damaged, or it belongs to another movie.
        """
        path = self.folder / SETTINGS
        if not path.is_file():
            raise TrainingError(f"{self.folder} holds no checkpoint. Choose the folder that was given to the training.")
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
            config, movie = FitConfig.model_validate(settings["config"]), str(settings["movie"])
            compressed = read_movie(self.folder / MOVIE) if (self.folder / MOVIE).is_file() else None
            start = self._start() if compressed is not None and (self.folder / STATE).is_file() else None
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise TrainingError(f"The checkpoint {self.folder} is damaged ({error}). Train again.") from error
        if movie != fingerprint:
            raise TrainingError(
                f"The checkpoint {self.folder} belongs to another movie. Open the movie that it began with, or train "
                "again."
            )
        return config, compressed, start

    def _unwritten(self, error: OSError) -> TrainingError:
        return TrainingError(
            f"The checkpoint {self.folder} cannot be written ({error}). Free some space, or choose another folder."
        )

    def _start(self) -> Start:
        with safe_open(self.folder / STATE, framework="pt") as file:
            reports = tuple(EpochReport(**report) for report in json.loads(file.metadata()["reports"]))
            names = ("images", "members", "drawn", "read", "unmix")
            images, members, drawn, read, unmix = (file.get_tensor(name) for name in names)
        if not all(bool(torch.isfinite(part).all()) for part in (images, drawn, read, unmix)):
            raise ValueError("it has numbers that are not finite")
        return Start(Footprints(images, members, len(unmix)), (drawn, read, unmix), reports)
