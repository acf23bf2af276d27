"""TIFF: plain, BigTIFF, ImageJ, OME and ScanImage; uncompressed pages are read through a file handle."""

from __future__ import annotations

import logging
import math
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_varae.core.compute.checkpoint import Check
from napari_varae.core.movie.frame_source import FrameSource
from napari_varae.core.movie.raw_frames import RawFrames
from napari_varae.errors import StackError, StoppedError
from napari_varae.io import scanimage
from napari_varae.io.axes import Selection, describe, select
from napari_varae.io.probe import Found, Wanted
from napari_varae.io.tiff_chain import Chain, cut_off, follow
from napari_varae.io.tiff_metadata import channel_names, frame_rate, metadata, page_order, pixel_size

__all__ = ["find"]

MAX_EXPANSION = 10_000
"""No movie shrinks further than this by compression: a file that claims more is damaged."""


def find(path: Path, wanted: Wanted) -> Found:
    """Find the movie in a TIFF file.

    Raises
    ------
    ChoiceError
        When it has several channels, planes or series, and the caller has not chosen.
    StackError
        When the file is damaged or cut off, or holds no (T, Y, X) movie.
    """
    try:
        chain = follow(path, wanted.check)
        with _complaints() as complaints:
            found = _find(path, wanted, chain)
    except (StackError, StoppedError):
        raise
    except Exception as error:  # tifffile meets a damaged file with whatever error comes first
        raise StackError(
            f"{path.name!r} could not be read as TIFF ({type(error).__name__}: {error}). If another program opens it, "
            "save it there again, uncompressed; if none does, the file is damaged."
        ) from error
    return replace(found, notes=(*found.notes, *(f"tifffile reports: {c}" for c in complaints[:3])))


def _find(path: Path, wanted: Wanted, chain: Chain) -> Found:
    with ExitStack() as closing:
        tif = closing.enter_context(tifffile.TiffFile(path))
        page = tif.pages.first
        if tif.is_scanimage:
            if chain.offsets is None:
                raise StackError(
                    f"{path.name!r} is a ScanImage file of compressed pages or pages of several sizes. Save it as "
                    "ScanImage writes it, or as plain TIFF."
                )
            return scanimage.find(path, tif, chain, chain.offsets, wanted)
        order = ("I", (chain.n_pages,)) if _is_plain(tif) else page_order(tif, chain.n_pages)
        if chain.offsets is not None and chain.n_pages > 1 and order:
            # Tifffile would read every page to find out what the chain has shown: that they are alike.
            return _of_pages(path, tif, chain.offsets, *order, wanted)
        _check_declared(tif, path)
        if len(tif.series) > 1 and len({(s.shape, s.dtype) for s in tif.series}) == 1 and tif.series[0].ndim == 2:
            # Frames written one by one are a series each; without tifffile's own note on shapes they are one again.
            tif = closing.enter_context(tifffile.TiffFile(path, is_shaped=False))
        series, notes = _movie(tif, path, wanted)
        _check_extent(tif, series, path, wanted.check)
        known = metadata(tif)
        axes, shape = series.get_axes(squeeze=True), series.get_shape(squeeze=True)
        selection = select(axes, shape, wanted, path.name, {"channel": channel_names(known)})
        if series.dataoffset is not None:
            frame = math.prod(shape[-2:]) * series.dtype.itemsize
            grid = np.arange(math.prod(shape[:-2]), dtype=np.int64).reshape(shape[:-2])
            offsets = series.dataoffset + frame * grid[_index(selection, len(shape) - 2)]
            array: FrameSource = RawFrames(path, offsets, shape[-2:], series.dtype.newbyteorder(tif.byteorder))
        else:
            array = DecodedPages(series, selection)
            array.check(path)
            weakref.finalize(array, closing.pop_all().close)  # later reads need the open file
        return Found(array, axes, frame_rate(known), pixel_size(known, page), (*notes, *selection.notes))


def _index(selection: Selection, n_axes: int) -> tuple[slice | int, ...]:
    """Index that leaves the time axis of the axes before the last two."""
    return tuple(slice(None) if axis == selection.time else selection.fixed[axis] for axis in range(n_axes))


def _is_plain(tif: tifffile.TiffFile) -> bool:
    """Find out whether pages are just pages: no program has described an order of them."""
    page = tif.pages.first
    described = tif.is_imagej or tif.is_ome or tif.is_shaped or page.is_lsm or page.is_stk or page.is_fluoview
    return not (described or page.is_micromanager or page.is_nih or page.is_ndpi or page.is_svs or page.is_mdgel)


def _of_pages(
    path: Path,
    tif: tifffile.TiffFile,
    offsets: NDArray[np.int64],
    leading: str,
    counts: tuple[int, ...],
    wanted: Wanted,
) -> Found:
    """Take a movie of pages that are alike and lie along the `leading` axes."""
    page, known = tif.pages.first, metadata(tif)
    axes, shape = leading + page.axes, (*counts, *page.shape)
    selection = select(axes, shape, wanted, path.name, {"channel": channel_names(known)})
    size = tif.filehandle.size
    ends = offsets + page.nbytes
    if (ends > size).any():
        raise cut_off(path, 1 + int((ends > size).argmax()), size)
    taken = offsets.reshape(counts)[_index(selection, len(counts))]
    array = RawFrames(path, taken, page.shape[-2:], np.dtype(page.dtype).newbyteorder(tif.byteorder))
    return Found(array, axes, frame_rate(known), pixel_size(known, page), selection.notes)


def _movie(tif: tifffile.TiffFile, path: Path, wanted: Wanted) -> tuple[tifffile.TiffPageSeries, tuple[str, ...]]:
    """Choose the one series that is a movie."""
    several = [s for s in tif.series if len(s.get_shape(squeeze=True)) > 2]
    if not several:
        sizes = list(dict.fromkeys(s.get_shape(squeeze=True) for s in tif.series))
        if len(sizes) > 1:
            raise StackError(
                f"{path.name!r} holds {len(tif.series)} images of different sizes, {sizes[0]} and {sizes[1]} the first "
                "of them; the frames of a movie have one size. Crop them to one size, or save them apart."
            )
        raise StackError(f"{path.name!r} holds a single image, no movie. Open the file that holds all frames.")
    movies = [s for s in several if "S" not in s.get_axes(squeeze=True)] or several
    labels = [f"{i}: {describe(s.get_axes(squeeze=True), s.get_shape(squeeze=True))}" for i, s in enumerate(movies)]
    chosen = wanted.choose(path.name, {"dataset": labels})["dataset"]
    others = len(tif.series) - 1
    return movies[chosen], (f"{others} other image series in the file left out",) if others else ()


def _check_declared(tif: tifffile.TiffFile, path: Path) -> None:
    """Compare the number of images that the description promises with the pages in the file."""
    page, imagej = tif.pages.first, tif.imagej_metadata or {}
    frame = max(1, page.imagelength * page.imagewidth)
    images = sum(math.prod(series.shape) for series in tif.series) // frame
    declared = math.prod(int(imagej.get(key, 1)) for key in ("frames", "slices", "channels"))
    declared = max(declared, sum(math.prod(m["shape"]) for m in tif.shaped_metadata or ()) // frame)
    if declared > images:
        raise StackError(
            f"{path.name!r} is cut off or damaged: it claims to hold {declared} images but holds {images}. Copy the "
            "file again, or save what Fiji can still open as a new file."
        )


def _check_extent(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path, check: Check) -> None:
    """Check that all pixels of the series lie inside the file."""
    size = tif.filehandle.size
    if series.dataoffset is not None:
        if series.dataoffset + series.nbytes > size:
            frame = series.nbytes // series.shape[0]
            raise cut_off(path, 1 + max(0, size - series.dataoffset) // frame, size)
        return
    chunk = math.prod(series.keyframe.chunks) * series.dtype.itemsize
    if max(chunk, series.nbytes) > MAX_EXPANSION * size:
        what = describe(series.get_axes(squeeze=True), series.get_shape(squeeze=True))
        raise StackError(f"{path.name!r} is damaged: {size} bytes cannot hold {what}.")
    for index, page in enumerate(series.pages):
        check()
        if page is None:
            raise StackError(
                f"Image {index + 1} of {path.name!r} is missing. If the recording is spread over several files, "
                "put all of them into one folder."
            )
        pieces = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        if not pieces or any(not offset or not n or offset + n > page.parent.filehandle.size for offset, n in pieces):
            raise cut_off(path, index + 1, size)


class DecodedPages(FrameSource):
    """A movie of compressed or scattered pages, decoded when they are read; the file stays open meanwhile."""

    def __init__(self, series: tifffile.TiffPageSeries, selection: Selection) -> None:
        import zarr  # costs a third of a second; only compressed and scattered pages need it

        self._pages = zarr.open_array(series.aszarr(level=0, squeeze=True), mode="r")
        self._index, self._time = _index(selection, self._pages.ndim - 2), selection.time
        super().__init__((self._pages.shape[selection.time], *self._pages.shape[-2:]), self._pages.dtype)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read frames [start, stop), shape (stop - start, Y, X)."""
        index = tuple(slice(start, stop) if axis == self._time else i for axis, i in enumerate(self._index))
        return np.asarray(self._pages[index])

    def check(self, path: Path) -> None:
        """Read the first and the last frame: a codec that is not installed shows now, not in the middle of a fit."""
        try:
            self.read(0, 1)
            self.read(len(self) - 1, len(self))
        except Exception as error:  # every codec has its own
            needs_codec = "imagecodecs" in str(error) or isinstance(error, ImportError)
            remedy = (
                "Install the codecs, pip install 'napari-varae[codecs]' (imagecodecs), or save the movie uncompressed."
                if needs_codec
                else "Save the movie uncompressed; if no program opens it, the file is damaged."
            )
            raise StackError(f"The frames of {path.name!r} could not be decoded ({error}). {remedy}") from error


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
