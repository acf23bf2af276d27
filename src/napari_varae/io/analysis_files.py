"""The files of an analysis folder: their names, and how a new folder takes the place of an old one."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_varae.errors import DataError
from napari_varae.io.analysis_record import RECORD

__all__ = [
    "BEHAVIOUR", "CELLS", "CHECKPOINT", "CHOICE", "COMPARISONS", "FIT", "LATENTS", "LOG", "MAPS", "ODD", "SETTINGS",
    "SHIFTS", "SINGLE", "TRIALS", "append_log", "file_name", "free_path", "read_json", "take_place",
]  # fmt: skip

SETTINGS, FIT, LATENTS, ODD, TRIALS = "settings.toml", "fit.varae", "latents.csv", "frames.csv", "trials.csv"
CHOICE, COMPARISONS, MAPS, CHECKPOINT, LOG = "choice.json", "comparisons", "maps", "checkpoint", "log.txt"
CELLS, BEHAVIOUR, SHIFTS = "cells.npz", "behaviour.npz", "shifts.csv"
SINGLE = FIT, LATENTS, ODD, TRIALS, CHOICE, CELLS, BEHAVIOUR, SHIFTS
"""Files that an analysis may have or not."""


def take_place(new: Path, folder: Path, *, keep_maps: bool) -> None:
    """Let a whole new analysis folder take the place of one that may be there; files of others in it stay.

    The two are side by side, so that each piece is moved and none is copied. The record is moved last. The log is
    continued.

    Raises
    ------
    OSError
        When a piece cannot be moved.
    """
    if not folder.exists():
        new.rename(folder)
        return
    for name in (COMPARISONS, CHECKPOINT, *(() if keep_maps else (MAPS,))):
        shutil.rmtree(folder / name, ignore_errors=True)
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write((new / LOG).read_text(encoding="utf-8"))
    (new / LOG).unlink()
    for name in SINGLE:
        if not (new / name).exists():
            (folder / name).unlink(missing_ok=True)
    for path in sorted(new.iterdir(), key=lambda path: path.name == RECORD):
        path.replace(folder / path.name)
    new.rmdir()


def append_log(folder: Path, line: str) -> None:
    """Append a line to the log, with the time before it."""
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {line}\n")


def file_name(name: str) -> str:
    """Return the name when it can be that of a file.

    Raises
    ------
    ValueError
        When it cannot.
    """
    if not name.strip() or name != Path(name).name or name.startswith(".") or any(c in name for c in '\\/:*?"<>|'):
        raise ValueError(f"{name!r} cannot be the name of a file. Use letters, digits, '-' and '_'.")
    return name


def free_path(path: Path) -> Path:
    """Return a path that is not taken: with a number, when needed."""
    free, number = path, 2
    while free.exists():
        free, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    return free


def read_json(path: Path) -> dict[str, Any]:
    """Read a comparison as plain values.

    Raises
    ------
    DataError
        When it is damaged.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}). Compare again.") from error
    return found
