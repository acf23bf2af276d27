"""Cells of an NWB file: a PlaneSegmentation with image masks or pixel masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_varae.core.experiment.cells import Cells
from napari_varae.core.experiment.rows import listed
from napari_varae.errors import DataError
from napari_varae.io import nwb_objects

__all__ = ["read"]


class _Segmentation(NamedTuple):
    """What a PlaneSegmentation holds: ids, and either images (N, X, Y) or per cell rows of (x, y, weight)."""

    ids: list[int]
    images: NDArray[Any] | None
    pixels: list[NDArray[np.float64]] | None


def read(path: Path, shape: tuple[int, int] | None, name: str | None) -> Cells:
    """Read one segmentation.

    NWB stores x before y; a segmentation that fits images of `shape` only the other way round is read that way.

    Raises
    ------
    DataError
        When the file cannot be read, holds none or several, or the image size is unknown or another.
    """
    found = nwb_objects.choose(
        nwb_objects.read(path, "PlaneSegmentation", _take), name, path=path, prefer="PlaneSegmentation"
    )
    if found.images is not None:
        return _from_images(found.ids, found.images, shape)
    if found.pixels is None:
        raise DataError(f"The segmentation in {path.name!r} has neither image_mask nor pixel_mask.")
    if shape is None:
        raise DataError("Pixel masks come without the image size: give shape=stack.shape[1:].")
    return _from_pixels(found.ids, found.pixels, shape)


def _take(table: Any) -> _Segmentation:
    ids = [int(number) for number in table.id[:]]
    if "image_mask" in table.colnames:
        return _Segmentation(ids, np.asarray(table["image_mask"][:]), None)
    if "pixel_mask" in table.colnames:
        masks = [np.array([tuple(pixel) for pixel in mask], dtype=float) for mask in table["pixel_mask"][:]]
        return _Segmentation(ids, None, [mask.reshape(-1, 3) for mask in masks])
    return _Segmentation(ids, None, None)


def _from_images(ids: list[int], images: NDArray[Any], shape: tuple[int, int] | None) -> Cells:
    if images.ndim != 3:
        raise DataError(f"The image masks have shape {images.shape}; cells in one plane have (N, X, Y).")
    if shape is not None and images.shape[1:] == shape != images.shape[:0:-1]:
        return Cells.from_masks(images, ids, ["Image masks are stored as (Y, X), against the NWB standard."])
    return Cells.from_masks(images.transpose(0, 2, 1), ids)


def _from_pixels(ids: list[int], masks: list[NDArray[np.float64]], shape: tuple[int, int]) -> Cells:
    def fits(order: tuple[int, int]) -> list[bool]:
        return [bool(((mask[:, order] >= 0) & (mask[:, order] < shape)).all()) for mask in masks]

    order, notes = (1, 0), []
    if not all(fits(order)) and all(fits((0, 1))):
        order = (0, 1)
        notes.append("Pixel masks are stored as (y, x), against the NWB standard.")
    if outside := [number for number, inside in zip(ids, fits(order), strict=True) if not inside]:
        raise DataError(f"Cells {listed(outside)} reach outside images of {shape[0]} x {shape[1]} pixels.")
    rows = np.repeat(np.arange(len(masks)), [len(mask) for mask in masks])
    every = np.concatenate([*masks, np.empty((0, 3))])
    pixels = (every[:, order[0]].astype(int), every[:, order[1]].astype(int))
    place = (rows, np.ravel_multi_index(pixels, shape))
    footprints = sparse.csr_array((every[:, 2], place), shape=(len(ids), shape[0] * shape[1]))
    return Cells(tuple(ids), footprints, shape, tuple(notes))
