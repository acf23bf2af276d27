"""Files and folders: whether they exist, how large they are, and which of them are a numbered series."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from napari_varae.errors import StackError

__all__ = ["check_exists", "in_order", "series_name", "size_on_disk"]


def check_exists(path: Path) -> None:
    """Check that a file or folder is there.

    Raises
    ------
    StackError
        When it is not, or may not be read.
    """
    try:
        path.stat()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise StackError(
            f"There is no readable file {str(path)!r} ({error}). Check the name and the folder."
        ) from error


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Sort files by name, numbers by their value: 2 before 10."""
    return sorted(paths, key=lambda p: [int(t) if t.isdecimal() else t.lower() for t in re.split(r"(\d+)", p.name)])


def series_name(path: Path) -> str:
    """Return the name of a file without the number at its end, by which the files of a series go together."""
    return re.sub(r"[ _.-]*\d+$", "", path.stem) or "*"
