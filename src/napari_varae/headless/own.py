"""What a batch itself wrote into the folder of a row: what a user added there by hand is set aside, never replaced."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from napari_varae.core.files import write_file
from napari_varae.errors import DataError
from napari_varae.io.analysis import open_analysis
from napari_varae.io.analysis_files import COMPARISONS, MAPS, SINGLE, free_path

__all__ = ["is_own", "note_own", "set_aside"]

OWN = "own.json"


def note_own(path: Path, folder: Path) -> None:
    """Note that the batch wrote a file of the folder of a row as it is now."""
    own = _own(folder)
    own[path.relative_to(folder).as_posix()] = _digest(path)
    write_file(folder / OWN, json.dumps(own, indent=1))


def is_own(path: Path, folder: Path) -> bool:
    """Whether a file is as the batch wrote it."""
    return _own(folder).get(path.relative_to(folder).as_posix()) == _digest(path)


def set_aside(folder: Path, key: str, frame_sets: set[str]) -> Path | None:
    """Rename the folder of a row when a user added to it, or changed it; return its new place, and None otherwise.

    `key` is the file that marks a folder as one of a batch; it is removed from the folder that is set aside.
    `frame_sets` are names of frame sets that the batch made.

    Raises
    ------
    DataError
        When the folder cannot be renamed.
    """
    if not _by_hand(folder, frame_sets):
        return None
    aside = free_path(folder.with_name(f"{folder.name}-before"))
    try:
        folder.rename(aside)
        (aside / key).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder} holds what was added by hand, and could not be renamed ({error}). Move it."
        ) from error
    return aside


def _by_hand(folder: Path, frame_sets: set[str]) -> bool:
    """Whether something in the folder is not as the batch wrote it."""
    made = [path for name in (COMPARISONS, MAPS) for path in sorted((folder / name).rglob("*")) if path.is_file()]
    made += [folder / name for name in SINGLE if (folder / name).is_file()]
    if not all(is_own(path, folder) for path in made):
        return True
    try:
        record = open_analysis(folder).record
    except DataError:  # cut short before there was one
        return False
    return bool(record.cells or record.behaviour or set(record.frame_sets) - frame_sets)


def _own(folder: Path) -> dict[str, str]:
    """Read which files the batch wrote, with a hash of their content; empty when nothing is known."""
    try:
        found = json.loads((folder / OWN).read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
