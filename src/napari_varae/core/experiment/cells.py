"""Cells: regions of the image that the user brought, each with an id and a footprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_varae.core.experiment.origin import Origin
from napari_varae.core.experiment.rows import listed
from napari_varae.errors import DataError

__all__ = ["CellId", "Cells"]

CellId = int | str
"""What the user's program calls a cell: a number or a name."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells (ROIs) of a recording.

    Cells without a pixel are left out; that, and cells that share pixels, is reported in `notes` by id.

    Parameters
    ----------
    ids : sequence of int or str, length N
        What the cells are called where they come from.
    footprints : sparse or dense array, shape (N, Y X)
        Weight of each pixel in each cell, zero outside; rows of the image one after the other.
    shape : (int, int)
        Image size (Y, X) in pixels.
    notes : tuple of str
        What the user should know about these cells.
    source : Origin, optional
        The file they were opened from. None for an array or a layer.

    Raises
    ------
    DataError
        When there is no cell, an id occurs twice, the image has another size, or weights are negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> image = np.zeros((16, 16), dtype=int)
    >>> image[2:5, 2:5], image[8:12, 8:12] = 3, 7
    >>> cells = nv.Cells.from_labels(image)
    >>> cells.ids
    (3, 7)
    """

    ids: tuple[CellId, ...]
    footprints: sparse.csr_array
    shape: tuple[int, int]
    notes: tuple[str, ...] = ()
    source: Origin | None = None

    def __post_init__(self) -> None:
        shape = (int(self.shape[0]), int(self.shape[1]))
        weights = sparse.csr_array(self.footprints, dtype=np.float32)
        weights.sum_duplicates()
        weights.eliminate_zeros()
        ids = tuple(value if isinstance(value, str) else int(value) for value in self.ids)
        if weights.shape != (len(ids), shape[0] * shape[1]):
            raise DataError(
                f"{len(ids)} cells in images of {shape[0]} x {shape[1]} pixels do not fit footprints of shape "
                f"{weights.shape}; that has to be (cells, {shape[0] * shape[1]})."
            )
        if twice := [value for value in dict.fromkeys(ids) if ids.count(value) > 1]:
            raise DataError(f"Several cells have the id {listed(twice)}. Give each its own.")
        rows = np.repeat(np.arange(len(ids)), np.diff(weights.indptr))
        if wrong := np.unique(rows[~(np.isfinite(weights.data) & (weights.data > 0))]).tolist():
            raise DataError(f"Cells {listed([ids[i] for i in wrong])} have weights that are negative or not finite.")
        filled = np.flatnonzero(np.diff(weights.indptr))
        if not len(filled):
            raise DataError("There is no cell: no pixel belongs to one. Check that it is the right file or layer.")
        notes = list(self.notes)
        if len(filled) < len(ids):
            empty = [value for i, value in enumerate(ids) if i not in set(filled.tolist())]
            notes.append(f"Left out, as they have no pixel: cells {listed(empty)}.")
            weights, ids = weights[filled], tuple(ids[i] for i in filled)
        if shared := _shared(weights, ids):
            notes.append(f"Cells that share pixels: {listed(shared)}.")
        for name, value in (("ids", ids), ("footprints", weights), ("shape", shape)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "notes", tuple(dict.fromkeys(notes)))  # each once, when some are changed

    @classmethod
    def from_labels(cls, image: Any, notes: Sequence[str] = ()) -> Cells:
        """Make cells of a label image (Y, X), as cellpose writes it and a napari Labels layer holds it.

        Pixels that hold the same number are a cell, and 0 is background. A label image that was drawn on a movie,
        shape (T, Y, X), counts as one image.

        Raises
        ------
        DataError
            When these are not whole numbers from 0 on, or a pixel of several images has several labels.
        """
        labels = np.asarray(image)
        if labels.ndim not in (2, 3) or labels.dtype.kind not in "uif":
            raise DataError(f"A label image holds whole numbers, shape (Y, X); found {labels.dtype} {labels.shape}.")
        if labels.dtype.kind == "f" and not np.array_equal(labels, np.rint(labels)):
            raise DataError("A label image holds whole numbers; found others. Save it as 16-bit or 32-bit integers.")
        if labels.size and labels.min() < 0:
            raise DataError(f"A label image holds numbers from 0 on; found {labels.min()}.")
        if labels.ndim == 3:
            labels = _flattened(labels)
        flat = labels.ravel()
        pixels = np.flatnonzero(flat)
        values, rows = np.unique(flat[pixels], return_inverse=True)
        weights = sparse.csr_array((np.ones(len(pixels)), (rows, pixels)), shape=(len(values), flat.size))
        return cls(tuple(values.tolist()), weights, labels.shape, tuple(notes))

    @classmethod
    def from_masks(cls, masks: Any, ids: Sequence[CellId] | None = None, notes: Sequence[str] = ()) -> Cells:
        """Make cells of one image each, shape (N, Y, X), boolean or weighted; the ids are 0 to N - 1 unless given.

        Raises
        ------
        DataError
            As for the class.
        """
        masks = np.asarray(masks)
        if masks.ndim != 3 or masks.dtype.kind not in "buif":
            raise DataError(f"Masks are numbers, shape (N, Y, X); found {masks.dtype} {masks.shape}.")
        flat = masks.reshape(len(masks), masks.shape[1] * masks.shape[2])
        ids = range(len(masks)) if ids is None else ids
        return cls(tuple(ids), sparse.csr_array(flat.astype(np.float32)), masks.shape[1:], tuple(notes))

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Cells({len(self)} in {self.shape[0]} x {self.shape[1]} pixels: {listed(self.ids)})"

    @property
    def masks(self) -> NDArray[np.float32]:
        """Weights as images, shape (N, Y, X)."""
        images: NDArray[np.float32] = self.footprints.toarray().reshape(len(self), *self.shape)
        return images

    @property
    def label_values(self) -> tuple[int, ...]:
        """Number of each cell in `labels`: its id where all ids are numbers from 1 on, else 1 to N."""
        numbers = [value for value in self.ids if isinstance(value, int) and 0 < value < 2**31]
        return tuple(numbers) if len(numbers) == len(self) else tuple(range(1, len(self) + 1))

    @property
    def labels(self) -> NDArray[np.int32]:
        """Label image for a Labels layer, shape (Y, X); a shared pixel goes to the cell in which it weighs most."""
        peak = self.footprints.max(axis=1).toarray()
        rows, pixels = self.footprints.nonzero()
        order = np.argsort(self.footprints.data / peak.ravel()[rows], kind="stable")  # the largest is written last
        image = np.zeros(self.shape[0] * self.shape[1], dtype=np.int32)
        image[pixels[order]] = np.array(self.label_values, dtype=np.int32)[rows[order]]
        return image.reshape(self.shape)

    @property
    def places(self) -> NDArray[np.float64]:
        """Centroid (y, x) of each cell in pixels, shape (N, 2)."""
        axes = np.indices(self.shape).reshape(2, -1).T
        total = np.asarray(self.footprints.sum(axis=1)).reshape(-1, 1)
        centroids: NDArray[np.float64] = (self.footprints @ axes) / total
        return centroids

    def fingerprint(self) -> str:
        """Short hash of ids, image size and footprints: the same for the same cells."""
        weights = self.footprints.sorted_indices()
        digest = hashlib.sha256(json.dumps([self.ids, self.shape]).encode())
        for part, kind in ((weights.indptr, "<i8"), (weights.indices, "<i8"), (weights.data, "<f4")):
            digest.update(part.astype(kind).tobytes())
        return digest.hexdigest()[:16]

    def check(self, shape: tuple[int, int]) -> None:
        """Raise DataError unless the cells are of images of this size (Y, X)."""
        if self.shape != tuple(shape):
            raise DataError(
                f"These cells are in images of {self.shape[0]} x {self.shape[1]} pixels; the movie has {shape[0]} x "
                f"{shape[1]}. Open the cells of this recording."
            )


def _shared(weights: sparse.csr_array, ids: tuple[CellId, ...]) -> list[str]:
    """Write the pairs of cells that share pixels, and how many."""
    support = sparse.csr_array((np.ones_like(weights.data), weights.indices, weights.indptr), shape=weights.shape)
    common = sparse.triu(support @ support.T, k=1).tocoo()
    pairs = zip(common.row.tolist(), common.col.tolist(), common.data.tolist(), strict=True)
    return [f"{ids[i]} and {ids[j]} ({count:.0f} px)" for i, j, count in pairs]


def _flattened(labels: NDArray[Any]) -> NDArray[Any]:
    """Put label images (T, Y, X) on top of each other."""
    image = np.zeros(labels.shape[1:], dtype=labels.dtype)
    for layer in labels:
        clash = (image != 0) & (layer != 0) & (image != layer)
        if clash.any():
            pair = sorted({int(image[clash][0]), int(layer[clash][0])})
            raise DataError(
                f"Labels {pair[0]} and {pair[1]} are at one pixel in different images. Give one label image (Y, X), or "
                "masks (N, Y, X) of which each holds one cell."
            )
        image = np.where(layer != 0, layer, image)
    return image
