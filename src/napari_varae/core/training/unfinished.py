"""Trainings that were cut short: their checkpoints, in the user's cache folder, one folder for each.

A training writes there from its start; whoever began it deletes the folder once its fit is safe or not wanted. What is
left by a process that no longer runs can be resumed.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from napari_varae.core.compute import owner
from napari_varae.core.compute.owner import OWNER, owned
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.checkpoint import SETTINGS, Checkpoint
from napari_varae.errors import TrainingError

__all__ = ["Unfinished", "find_unfinished", "forget", "new_checkpoint", "own"]

KEPT = 4
"""Folders that are kept, of trainings that do not run."""


@dataclass(frozen=True)
class Unfinished:
    """A training that was cut short.

    Attributes
    ----------
    folder : Path
        Its checkpoint, for :func:`napari_varae.resume`.
    began : float
        When it began, in seconds since 1970.
    config : FitConfig
        Its settings.
    bad_frames : frozenset of int
        Frames that it left out.
    epoch : int or None
        The last epoch that was reached; None before the start was computed.
    """

    folder: Path
    began: float
    config: FitConfig
    bad_frames: frozenset[int]
    epoch: int | None


def new_checkpoint(movie: str) -> Checkpoint | None:
    """Make a checkpoint for a training on the movie with this fingerprint; None when the cache cannot be written.

    It is there for the case that something happens: when it can no longer be written, the training goes on.
    """
    folder = _root() / f"{movie}-{uuid.uuid4().hex[:8]}"
    try:
        folder.mkdir(parents=True)
        own(folder)
        _make_room()
    except OSError:
        return None
    return Checkpoint(folder, required=False)


def own(folder: Path) -> None:
    """Note that a training of this process writes to a folder.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    owner.own(folder, training=time.time())


def forget(folder: Path) -> None:
    """Delete a checkpoint: its fit is safe, or not wanted."""
    shutil.rmtree(folder, ignore_errors=True)


def find_unfinished(movie: str) -> Unfinished | None:
    """Return the training on the movie with this fingerprint that was cut short last; None when there is none."""
    found = []
    for folder in _root().glob(f"{movie}-*"):
        if owned(folder):
            continue
        with suppress(TrainingError, OSError, ValueError, KeyError):  # damaged: nothing that could be resumed
            checkpoint = Checkpoint(folder)
            config, bad_frames = checkpoint.settings(movie)
            reports = checkpoint.reports()
            began = json.loads((folder / OWNER).read_text(encoding="utf-8"))["training"]
            epoch = reports[-1].epoch if reports else None
            found.append(Unfinished(folder, float(began), config, frozenset(bad_frames), epoch))
    return max(found, key=lambda one: one.began, default=None)


def _root() -> Path:
    return Path(user_cache_path("napari-varae")) / "unfinished"


def _make_room() -> None:
    """Delete the oldest folders of trainings that do not run."""
    idle = [folder for folder in _root().iterdir() if folder.is_dir() and not owned(folder)]

    def newest(folder: Path) -> float:
        path = folder / SETTINGS
        return path.stat().st_mtime if path.exists() else 0.0

    for folder in sorted(idle, key=newest, reverse=True)[KEPT:]:
        forget(folder)
