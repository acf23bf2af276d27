"""Contribution maps as TIFF files that carry their pixel size, unit and definition."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.files import replacing
from napari_varae.errors import DataError

__all__ = ["read_map", "write_map"]


def write_map(
    path: str | os.PathLike[str], image: ArrayLike, pixel_size: float | None = None, about: dict[str, Any] | None = None
) -> Path:
    """Write a map as a TIFF file that ImageJ and napari read.

    Parameters
    ----------
    path : path-like
        `.tif` is appended when it has no such suffix.
    image : array, shape (Y, X)
        Written as float32.
    pixel_size : float, optional
        Edge of a pixel in micrometres.
    about : dict, optional
        What the map is, in plain values; ImageJ shows it under 'Show Info'.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    path = Path(path).expanduser()
    path = path if path.suffix.lower() in (".tif", ".tiff") else path.with_name(path.name + ".tif")
    pixels = np.asarray(image, dtype=np.float32)
    metadata = {"axes": "YX", "unit": "um" if pixel_size else "pixel", "Info": json.dumps(about or {})}
    resolution = (1 / pixel_size, 1 / pixel_size) if pixel_size else (1.0, 1.0)
    try:
        with replacing(path) as file:
            tifffile.imwrite(file, pixels, imagej=True, resolution=resolution, metadata=metadata)
    except OSError as error:
        raise DataError(f"{path} could not be written ({error}). Choose another folder, or free some space.") from error
    return path


def read_map(path: str | os.PathLike[str]) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Read a map and what it is, as :func:`write_map` wrote them.

    Raises
    ------
    DataError
        When it is not such a file.
    """
    try:
        with tifffile.TiffFile(path) as file:
            image: NDArray[np.float32] = file.asarray()
            about = json.loads((file.imagej_metadata or {})["Info"])
    except (OSError, KeyError, ValueError, tifffile.TiffFileError) as error:
        raise DataError(f"{path} is not a map of napari-varae ({error}). Choose another file.") from error
    return image, about
