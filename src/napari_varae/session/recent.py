"""Recordings and analyses that were opened last, with the choices they were opened with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from platformdirs import user_data_path

from napari_varae.core.files import write_file
from napari_varae.core.movie.stack import Stack

__all__ = ["Recent", "note_analysis", "note_movie", "recent"]

MOST = 10
OPTIONS = ("frame_rate", "pixel_size", "channel", "plane", "dataset")


class Recent(NamedTuple):
    """A recording or an analysis that was opened.

    Attributes
    ----------
    kind : {"movie", "analysis"}
    paths : tuple of str
        Files that were joined, or one file or folder.
    options : dict
        Arguments of :func:`napari_varae.open_stack`.
    """

    kind: Literal["movie", "analysis"]
    paths: tuple[str, ...]
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name for a menu: the file with its folder, and what was chosen in it."""
        path = Path(self.paths[0])
        name = f"{path.name} ({path.parent})"
        if len(self.paths) > 1:
            name = f"{path.name} and {len(self.paths) - 1} more ({path.parent})"
        chosen = [f"{option} {self.options[option]}" for option in OPTIONS[2:] if option in self.options]
        return ", ".join([f"Analysis {name}" if self.kind == "analysis" else name, *chosen])


def recent() -> list[Recent]:
    """Return what was opened last and still exists, the latest first."""
    return [one for one in _read() if all(Path(path).exists() for path in one.paths)]


def note_movie(stack: Stack) -> None:
    """Note that a recording is in use, with its frame rate, pixel size and choices as they are now."""
    if stack.source is not None:
        known = {"frame_rate": stack.frame_rate, "pixel_size": stack.pixel_size}
        chosen = {name: getattr(stack.source, name) for name in OPTIONS[2:]}
        options = {name: value for name, value in {**known, **chosen}.items() if value is not None}
        _note(Recent("movie", stack.source.paths, options))


def note_analysis(folder: str) -> None:
    """Note that an analysis folder was opened or saved."""
    _note(Recent("analysis", (folder,), {}))


def _note(one: Recent) -> None:
    def place(other: Recent) -> tuple[Any, ...]:
        return other.kind, other.paths, *(other.options.get(name) for name in OPTIONS[2:])

    before = _read()
    if before and before[0] == one:
        return
    entries = [one, *(other for other in before if place(other) != place(one))][:MOST]
    with suppress(OSError):  # a courtesy: the movie is open, whether this can be written or not
        _path().parent.mkdir(parents=True, exist_ok=True)
        write_file(_path(), json.dumps([entry._asdict() for entry in entries], indent=1))


def _read() -> list[Recent]:
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
        return [
            Recent(
                one["kind"], tuple(map(str, one["paths"])), {k: v for k, v in one["options"].items() if k in OPTIONS}
            )
            for one in found
            if one["kind"] in ("movie", "analysis") and one["paths"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none yet, or damaged: begin again
        return []


def _path() -> Path:
    return Path(user_data_path("napari-varae")) / "recent.json"
