"""TIFF: plain, BigTIFF, ImageJ and OME, memory-mapped where the pixels lie in one piece."""

from __future__ import annotations

import logging
import math
import struct
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.errors import StackError, StoppedError
from napari_varae.io.probe import Found
from napari_varae.io.tiff_metadata import frame_rate, metadata, pixel_size

__all__ = ["find"]

TIME_AXES = "TZIQ"
"""Axes that may be time: time, planes (as Fiji calls the frames of a plain stack), and unnamed sequences."""
WORDS = {
    "T": "time points",
    "Z": "planes",
    "I": "images",
    "Q": "images",
    "C": "channels",
    "S": "colours",
    "Y": "rows",
    "X": "columns",
}
MAX_EXPANSION = 10_000
"""No movie shrinks further than this by compression: a file that claims more is damaged."""


def find(path: Path, check: Check = go_on) -> Found:
    """Find the movie in a TIFF file.

    `check` is called between pages; what it raises ends the search.

    Raises
    ------
    StackError
        When the file is damaged or cut off, or holds no (T, Y, X) movie.
    """
    try:
        _check_chain(path, check)
        with _complaints() as complaints:
            found = _find(path, check)
    except (StackError, StoppedError):
        raise
    except Exception as error:  # tifffile meets a damaged file with whatever error comes first
        raise StackError(
            f"{path.name!r} could not be read as TIFF ({type(error).__name__}: {error}). If another program opens it, "
            "save it there again, uncompressed; if none does, the file is damaged."
        ) from error
    return replace(found, notes=(*found.notes, *(f"tifffile reports: {c}" for c in complaints[:3])))


def _find(path: Path, check: Check) -> Found:
    with ExitStack() as closing:
        tif = closing.enter_context(tifffile.TiffFile(path))
        _check_declared(tif, path)
        if len(tif.series) > 1 and len({(s.shape, s.dtype) for s in tif.series}) == 1 and tif.series[0].ndim == 2:
            # Frames written one by one are a series each; without tifffile's own note on shapes they are one again.
            tif = closing.enter_context(tifffile.TiffFile(path, is_shaped=False))
        series, notes = _movie(tif, path)
        _check_extent(tif, series, path, check)
        axes, shape = series.get_axes(squeeze=True), series.get_shape(squeeze=True)
        if axes[0] != "T":
            notes = (*notes, f"Axis {axes[0]} ({WORDS[axes[0]]}) is taken for time: the file names no time axis")
        if series.dataoffset is not None:
            dtype = series.dtype.newbyteorder(tif.byteorder)
            array: Any = np.memmap(path, dtype, mode="r", offset=series.dataoffset, shape=shape)
        else:
            array = _zarr_view(series, path)
        known = metadata(tif)
        found = Found(array, axes, frame_rate(known), pixel_size(known, series.keyframe), notes)
        if series.dataoffset is None:  # later reads need the open file
            weakref.finalize(array, closing.pop_all().close)
        return found


def _movie(tif: tifffile.TiffFile, path: Path) -> tuple[tifffile.TiffPageSeries, tuple[str, ...]]:
    """Choose the one series that is a movie."""
    several = [s for s in tif.series if len(s.get_shape(squeeze=True)) > 2]
    if not several:
        raise StackError(f"{path.name!r} holds a single image, no movie. Open the file that holds all frames.")
    movies = [s for s in several if _is_movie(s.get_axes(squeeze=True))]
    if len(movies) == 1:
        others = len(tif.series) - 1
        return movies[0], (f"{others} other image series in the file left out",) if others else ()
    if len(several) > 1:
        raise StackError(
            f"{path.name!r} holds {len(several)} image series: {'; '.join(_describe(s) for s in several[:4])}. "
            "Save the movie as a file of its own."
        )
    raise StackError(
        f"{path.name!r} has {_describe(several[0])}; a movie has one channel and one plane, (T, Y, X). In Fiji: "
        "Image > Duplicate with one channel and slice (or Image > Properties where frames are misnamed), then save."
    )


def _is_movie(axes: str) -> bool:
    return len(axes) == 3 and axes[0] in TIME_AXES and axes[1:] == "YX"


def _describe(series: tifffile.TiffPageSeries) -> str:
    """Spell the axes of a series."""
    axes, shape = series.get_axes(squeeze=True), series.get_shape(squeeze=True)
    sizes = ", ".join(f"{n} {WORDS.get(a, 'of axis ' + a)}" for a, n in zip(axes, shape, strict=True))
    return f"{'RGB colours, ' if 'S' in axes else ''}axes {axes} ({sizes})"


def _check_chain(path: Path, check: Check) -> None:
    """Follow the chain of pages once: tifffile silently drops what is cut off, and can follow a loop for hours."""
    size = path.stat().st_size
    with path.open("rb") as file:
        order = {b"II": "<", b"MM": ">"}.get(file.read(2), "")

        def take(code: str) -> int | None:
            raw = file.read(struct.calcsize(f"={code}"))
            return int(struct.unpack(order + code, raw)[0]) if len(raw) == struct.calcsize(f"={code}") else None

        version = take("H") if order else None
        if version not in (42, 43):
            raise StackError(
                f"{path.name!r} is {'no TIFF file' if size else 'empty'}. Check that it is the right file."
            )
        count_code, pointer_code, tag_code = ("Q", "Q", "HHQQ") if version == 43 else ("H", "I", "HHII")
        file.seek(8 if version == 43 else 4)
        pointer, seen = take(pointer_code), set[int]()
        while pointer:
            if pointer in seen:
                raise StackError(f"{path.name!r} is damaged: its pages run in a circle after page {len(seen)}.")
            seen.add(pointer)
            check()
            file.seek(min(pointer, size))
            count = take(count_code)
            if not count or count > 4096:
                raise _cut_off(path, len(seen), size)
            tags = file.read(count * struct.calcsize(f"={tag_code}"))
            pointer = take(pointer_code)
            if pointer is not None and len(seen) == 1:
                _check_description(struct.iter_unpack(order + tag_code, tags), path, size)
        if pointer is None or not seen:
            raise _cut_off(path, len(seen) or 1, size)


def _check_description(tags: Iterator[tuple[int, ...]], path: Path, size: int) -> None:
    """Without its description, often written last, a file of several channels would pass for a movie."""
    for code, _, length, start in tags:
        if code == 270 and length > 8 and start + length > size:
            raise _cut_off(path, 1, size)


def _cut_off(path: Path, page: int, size: int) -> StackError:
    return StackError(
        f"{path.name!r} is cut off or damaged: page {page} is not all inside its {size} bytes. Copy the file again, or "
        "save what Fiji can still open as a new file."
    )


def _check_declared(tif: tifffile.TiffFile, path: Path) -> None:
    """Compare the number of images that the description promises with the pages in the file."""
    page, imagej = tif.pages.first, tif.imagej_metadata or {}
    frame = max(1, page.imagelength * page.imagewidth)
    images = sum(math.prod(series.shape) for series in tif.series) // frame
    declared = math.prod(int(imagej.get(key, 1)) for key in ("frames", "slices", "channels"))
    declared = max(declared, sum(math.prod(m["shape"]) for m in tif.shaped_metadata or ()) // frame)
    if declared > images:
        raise StackError(
            f"{path.name!r} is cut off or damaged: it says it holds {declared} images but holds {images}. Copy the "
            "file again, or save what Fiji can still open as a new file."
        )


def _check_extent(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path, check: Check) -> None:
    """Check that all pixels of the series lie inside the file."""
    size = tif.filehandle.size
    if series.dataoffset is not None:
        if series.dataoffset + series.nbytes > size:
            frame = series.nbytes // series.shape[0]
            raise _cut_off(path, 1 + max(0, size - series.dataoffset) // frame, size)
        return
    chunk = math.prod(series.keyframe.chunks) * series.dtype.itemsize
    if max(chunk, series.nbytes) > MAX_EXPANSION * size:
        raise StackError(f"{path.name!r} is damaged: {size} bytes cannot hold {_describe(series)}.")
    for index, page in enumerate(series.pages):
        check()
        if page is None:
            raise StackError(
                f"Image {index + 1} of {path.name!r} is missing. If the recording is spread over several files, "
                "put all of them into one folder."
            )
        pieces = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        if not pieces or any(not offset or not n or offset + n > page.parent.filehandle.size for offset, n in pieces):
            raise _cut_off(path, index + 1, size)


def _zarr_view(series: tifffile.TiffPageSeries, path: Path) -> Any:
    """Return an array that decodes pages when sliced."""
    import zarr  # costs a third of a second; only compressed and scattered pages need it

    array = zarr.open_array(series.aszarr(level=0, squeeze=True), mode="r")
    try:
        for frame in (0, -1):  # a codec that is not installed shows now, not in the middle of a fit
            array[frame]
    except Exception as error:  # every codec has its own
        raise StackError(
            f"The frames of {path.name!r} could not be decoded ({error}). Install imagecodecs if that is missing, or "
            "save the movie uncompressed; if no program opens it, the file is damaged."
        ) from error
    return array


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect the warnings that tifffile logs: they belong in the user's notes, not in the terminal."""
    messages: list[str] = []

    def collect(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            messages.append(record.getMessage())
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(collect)
    try:
        yield messages
    finally:
        logger.removeFilter(collect)
