"""ROIs of suite2p: `stat.npy`, with `iscell.npy` and the image size where they are beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from napari_varae.core.experiment.cells import Cells
from napari_varae.core.experiment.rows import listed
from napari_varae.errors import DataChoiceError, DataError, StackError
from napari_varae.io.pickles import load_npy

__all__ = ["read"]

SIZES = ("ops.npy", "reg_outputs.npy", "db.npy")
"""Where suite2p writes the image size Ly, Lx: version 0 in the first, version 1 in the others."""


def read(folder: Path, shape: tuple[int, int] | None, name: str | None = None) -> Cells:
    """Read the ROIs of one plane, which `name` names where there are several.

    Raises
    ------
    DataChoiceError
        When there are several planes.
    DataError
        When there is no `stat.npy`, a file is damaged or holds code, or the image size is unknown.
    """
    folder = _plane(folder, name)
    stat = _load(folder / "stat.npy")
    if not isinstance(stat, np.ndarray | list):  # numpy saves an array of one dict as a dict
        stat = [stat]
    size = _image_size(folder) or shape
    if size is None:
        raise DataError(f"{folder.name!r} does not hold the image size ({', '.join(SIZES)}): give shape=(Y, X).")
    rows, pixels, weights, outside = [], [], [], []
    for roi, entry in enumerate(stat):
        try:
            y, x = (np.asarray(entry[name], dtype=np.int64).ravel() for name in ("ypix", "xpix"))
            weight = np.asarray(entry.get("lam", np.ones(len(y))), dtype=np.float64).ravel()
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise DataError(f"ROI {roi} in stat.npy has no usable ypix, xpix and lam ({error}).") from error
        if not len(y) == len(x) == len(weight):
            raise DataError(f"ROI {roi} in stat.npy has {len(y)} ypix, {len(x)} xpix and {len(weight)} lam.")
        if len(y) and (min(y.min(), x.min()) < 0 or y.max() >= size[0] or x.max() >= size[1]):
            outside.append(roi)
            continue
        rows.append(np.full(len(y), roi))
        pixels.append(y * size[1] + x)
        weights.append(weight)
    if outside:
        raise DataError(
            f"ROIs {listed(outside)} of stat.npy reach outside images of {size[0]} x {size[1]} pixels. Give the shape "
            "of the recording that suite2p was run on."
        )
    if not rows:
        raise DataError("stat.npy holds no ROIs.")
    place = (np.concatenate(rows), np.concatenate(pixels))
    footprints = sparse.csr_array((np.concatenate(weights), place), shape=(len(stat), size[0] * size[1]))
    chosen, notes = _cells_among(folder, len(stat))
    return Cells(tuple(chosen), footprints[chosen], size, notes)


def _plane(folder: Path, name: str | None) -> Path:
    """Find the folder with `stat.npy` at or below a suite2p folder."""
    for pattern in ("stat.npy", "plane*/stat.npy", "suite2p/plane*/stat.npy"):
        found = sorted(path.parent for path in folder.glob(pattern))
        if len(found) == 1:
            return found[0]
        if found:
            names = [plane.name for plane in found]
            if name in names:
                return found[names.index(name)]
            raise DataChoiceError(
                f"{folder.name!r} holds {len(found)} planes. Choose one with name=..., of {listed(names)}.",
                {"name": names},
            )
    raise DataError(f"{folder.name!r} holds no stat.npy: it is not a suite2p folder with cells.")


def _load(path: Path) -> Any:
    try:
        return load_npy(path)
    except StackError as error:
        raise DataError(str(error)) from error


def _image_size(folder: Path) -> tuple[int, int] | None:
    """Find (Ly, Lx) beside `stat.npy`."""
    for name in SIZES:
        if (folder / name).exists():
            settings = _load(folder / name)
            if isinstance(settings, dict) and {"Ly", "Lx"} <= settings.keys():
                try:
                    return int(settings["Ly"]), int(settings["Lx"])
                except (TypeError, ValueError) as error:
                    raise DataError(f"Ly and Lx in {name} are not an image size ({error}).") from error
    return None


def _cells_among(folder: Path, count: int) -> tuple[list[int], tuple[str, ...]]:
    """Find the ROIs that are cells, by `iscell.npy` (a row for each: whether it is one, and how likely)."""
    path = folder / "iscell.npy"
    if not path.exists():
        return list(range(count)), (f"All {count} ROIs of suite2p are taken: there is no iscell.npy.",)
    verdict = np.asarray(_load(path))
    if verdict.dtype.kind not in "buif" or verdict.ndim not in (1, 2) or len(verdict) != count or not verdict.size:
        raise DataError(f"iscell.npy of shape {verdict.shape} does not belong to the {count} ROIs of stat.npy.")
    chosen = np.flatnonzero(verdict.reshape(count, -1)[:, 0]).tolist()
    if not chosen:
        raise DataError(f"None of the {count} ROIs is a cell by iscell.npy. Mark some in suite2p.")
    return chosen, (f"{len(chosen)} of {count} ROIs of suite2p are cells (iscell.npy).",)
