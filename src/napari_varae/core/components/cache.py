"""Compressed movies on disk: so that another fit of the same movie does not read its pixels again.

They lie in the user's cache folder, the oldest of them deleted when they take too much room; only movies so large that
it pays are kept there. Losing them costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import numpy as np
import torch
from platformdirs import user_cache_path
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.components.tiles import Tiles
from napari_varae.core.files import write_file
from napari_varae.core.movie.normalisation import Normalisation

__all__ = ["find", "keep", "read_movie", "write_movie"]

WORTH = 1 << 28
"""Bytes of a movie, as stored, from which it is kept."""
ROOM = 10 << 30
"""Bytes that all of them may take."""

_TENSORS = ("basis", "common", "traces", "variance")
_NUMBERS = ("bins", "smoothing", "odd", "unusual")


def write_movie(path: Path, movie: CompressedMovie) -> None:
    """Write a compressed movie to a file.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    normalisation = movie.normalisation
    tensors = {name: getattr(movie, name).contiguous() for name in _TENSORS}
    tensors["static"] = torch.from_numpy(normalisation.static).clone()
    numbers = {name: getattr(movie, name) for name in _NUMBERS}
    numbers |= {"scale": normalisation.scale, "skip": normalisation.skip}
    header = {**numbers, "image": movie.tiles.image, "edge": movie.tiles.edge}
    write_file(path, save(tensors, metadata={"movie": json.dumps(header)}))


def read_movie(path: Path) -> CompressedMovie:
    """Read a compressed movie from a file.

    Raises
    ------
    ValueError
        When it is not one, or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads(file.metadata()["movie"])
            tensors = {name: file.get_tensor(name) for name in ("static", *_TENSORS)}
        tiles = Tiles((int(header["image"][0]), int(header["image"][1])), int(header["edge"]))
        normalisation = Normalisation(tensors["static"].numpy(), float(header["scale"]), bool(header["skip"]))
        movie = CompressedMovie(
            tiles=tiles,
            normalisation=normalisation,
            basis=tensors["basis"],
            common=tensors["common"],
            traces=tensors["traces"],
            variance=tensors["variance"],
            bins=int(header["bins"]),
            smoothing=float(header["smoothing"]),
            odd=tuple(header["odd"]),
            unusual=tuple(header["unusual"]),
        )
        n, p, m = movie.basis.shape
        shapes = (n, p) == (tiles.count, tiles.pixels) and movie.traces.shape[1:] == (n, m)
        if not shapes or normalisation.static.shape != tiles.image or not np.isfinite(normalisation.scale):
            raise ValueError("its parts do not fit together")
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is not a compressed movie, or is damaged ({error}). Delete it.") from error
    return movie


def find(key: str) -> CompressedMovie | None:
    """Return the compressed movie with this key; None when there is none that can be read."""
    path = _path(key)
    if not path.is_file():
        return None
    try:
        movie = read_movie(path)
    except ValueError:  # it is written again after this
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    with contextlib.suppress(OSError):
        path.touch()
    return movie


def keep(key: str, movie: CompressedMovie, n_bytes: int) -> None:
    """Keep a compressed movie, if the movie takes so many bytes that it pays and there is room on the disk."""
    if n_bytes < WORTH:
        return
    with contextlib.suppress(OSError):  # a full or read-only disk costs the next fit time, and this one nothing
        path = _path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_movie(path, movie)
        _make_room(path)


def _make_room(newest: Path) -> None:
    """Delete the files that were not used for longest, and what a killed writer left, beyond the room there is."""
    for partial in newest.parent.glob("*.partial"):
        if time.time() - partial.stat().st_mtime > 3600:
            partial.unlink(missing_ok=True)
    files = sorted(newest.parent.glob("*.safetensors"), key=lambda file: -file.stat().st_mtime)
    total = 0
    for file in files:
        total += file.stat().st_size
        if total > ROOM and file != newest:
            file.unlink(missing_ok=True)


def _path(key: str) -> Path:
    return Path(user_cache_path("napari-varae")) / "compressed" / f"{key}.safetensors"
