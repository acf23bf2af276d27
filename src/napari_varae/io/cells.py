"""Cells from suite2p, label images, masks, napari layers and NWB segmentations."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from scipy import sparse

from napari_varae.core.experiment.cells import Cells
from napari_varae.core.experiment.origin import Origin
from napari_varae.core.experiment.rows import listed
from napari_varae.errors import DataError, StackError
from napari_varae.io import nwb_cells, suite2p_cells
from napari_varae.io.pickles import load_npy

__all__ = ["open_cells"]

TIFF = (".tif", ".tiff", ".btf", ".tf8")


def open_cells(path: Any, shape: tuple[int, int] | None = None, *, name: str | None = None) -> Cells:
    """Open cells (ROIs) that another program found or the user drew.

    Parameters
    ----------
    path : path-like, array or layer
        A suite2p folder or its `stat.npy` (with `iscell.npy` beside it, only ROIs that are cells are taken); a label
        image or masks as TIFF or `.npy`; `_seg.npy` of cellpose; an NWB file with a PlaneSegmentation. Or an array: a
        label image of whole numbers (Y, X), masks (N, Y, X), sparse footprints (N, Y X) with `shape`; or a Labels or
        Shapes layer of napari.
    shape : (int, int), optional
        Image size (Y, X) that the cells must have, such as `stack.shape[1:]`. Needed where the cells come without it.
    name : str, optional
        Which segmentation of an NWB file, or plane of a suite2p folder, where it has several.

    Returns
    -------
    Cells
        Ids are those of suite2p (rows of `stat.npy`), of the label image, of the NWB table; 0 to N - 1 for masks. The
        notes report overlapping and empty cells by id.

    Raises
    ------
    DataError
        When it cannot be read, is damaged, holds code, holds no cells, or is of images of another size.
    TypeError
        When it is neither a path, an array nor a layer.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> masks = np.zeros((2, 16, 16), dtype=bool)
    >>> masks[0, 2:5, 2:5] = masks[1, 8:12, 8:12] = True
    >>> nv.open_cells(masks).ids
    (0, 1)
    """
    if shape is not None:
        shape = _size(shape)
    if isinstance(path, str | os.PathLike):
        cells = replace(_from_path(Path(path).expanduser(), shape, name), source=Origin.of(path, name=name))
    elif isinstance(path, Cells):
        cells = path
    elif hasattr(path, "data") and hasattr(path, "selected_label"):  # a Labels layer
        cells = Cells.from_labels(path.data)
    elif hasattr(path, "to_masks"):  # a Shapes layer
        cells = _from_shapes(path, shape)
    elif sparse.issparse(path):
        if shape is None:
            raise DataError("Sparse footprints (N, Y X) come without the image size: give shape=stack.shape[1:].")
        cells = Cells(tuple(range(path.shape[0])), sparse.csr_array(path), shape)
    elif isinstance(path, list | tuple) or hasattr(path, "__array__") or hasattr(path, "__array_interface__"):
        cells = _from_array(path)
    else:
        raise TypeError(f"Cells come from a path, an array or a layer, not from {type(path).__name__}.")
    if shape is not None:
        cells.check(shape)
    return cells


def _size(shape: Any) -> tuple[int, int]:
    try:
        y, x = (int(n) for n in shape)
    except (TypeError, ValueError):
        raise ValueError(f"shape={shape!r} must be the image size (Y, X), such as stack.shape[1:].") from None
    if min(y, x) < 1:
        raise ValueError(f"shape={shape!r} must be positive.")
    return y, x


def _from_path(path: Path, shape: tuple[int, int] | None, name: str | None) -> Cells:
    try:
        exists, is_folder = path.exists(), path.is_dir()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise DataError(f"{str(path)!r} could not be read ({error}). Check the name.") from error
    if not exists:
        raise DataError(f"There is no file {str(path)!r}. Check the name and the folder.")
    if is_folder or path.name == "stat.npy":
        return suite2p_cells.read(path if is_folder else path.parent, shape, name)
    kind = path.suffix.lower()
    if kind == ".nwb":
        return nwb_cells.read(path, shape, name)
    if kind == ".npy":
        return _from_npy(path)
    if kind not in TIFF:
        raise DataError(
            f"{path.name!r} is not a file of cells: a suite2p folder, a label image ({', '.join((*TIFF, '.npy'))}) or "
            ".nwb. Save the label image as TIFF."
        )
    try:
        image = tifffile.imread(path)
    except Exception as error:  # tifffile meets a damaged file with whatever error comes first
        raise DataError(
            f"{path.name!r} could not be read as TIFF ({type(error).__name__}: {error}). Check the file."
        ) from error
    return _from_array(np.squeeze(image))


def _from_npy(path: Path) -> Cells:
    """Read a label image, masks, or what cellpose saves as `_seg.npy`."""
    try:
        found = load_npy(path)
    except StackError as error:
        raise DataError(str(error)) from error
    if isinstance(found, dict):
        if "masks" not in found:
            raise DataError(f"{path.name!r} holds {listed(list(found))}, and no 'masks' as cellpose saves them.")
        return Cells.from_labels(np.squeeze(np.asarray(found["masks"])))
    return _from_array(found)


def _from_array(source: Any) -> Cells:
    """Make cells of an array: label image or masks."""
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise DataError(f"This is not an array of cells: {error}.") from error
    if array.ndim == 2 and array.dtype.kind != "b":
        return Cells.from_labels(array)
    if array.ndim == 3 and len(array) > 1 and all(np.count_nonzero(image) > 0.9 * image.size for image in array[:5]):
        raise DataError(f"Shape {array.shape} without a background looks like a movie. Open its cells.")
    if array.ndim == 3 and (array.dtype.kind not in "ui" or _one_cell_each(array)):
        return Cells.from_masks(array)
    if array.ndim == 3:
        return Cells.from_labels(array)
    what = f"{array.dtype} of shape {array.shape}"
    one = " Number its regions, for instance with skimage.measure.label." if array.ndim == 2 else ""
    raise DataError(f"Found {what}; cells are a label image (Y, X) of whole numbers or masks (N, Y, X).{one}")


def _one_cell_each(images: Any) -> bool:
    """Whether each image holds one number beside 0, so that it is the mask of one cell."""
    return all(len(np.unique(image[image != 0])) <= 1 for image in images)


def _from_shapes(layer: Any, shape: tuple[int, int] | None) -> Cells:
    """Make cells of the shapes of a layer; ids count them from 1, as napari does not name them."""
    if shape is None:
        raise DataError("Shapes come without the image size: give shape=stack.shape[1:].")
    if layer.ndim != 2:
        raise DataError(f"The shapes have {layer.ndim} dimensions; cells have two. Draw them in a 2-D Shapes layer.")
    if not len(layer.data):
        raise DataError("The layer holds no shapes. Draw one around each cell.")
    return Cells.from_masks(layer.to_masks(mask_shape=shape), range(1, len(layer.data) + 1))
