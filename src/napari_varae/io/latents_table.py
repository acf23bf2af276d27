"""Latents as a table: one row for each frame, one column for each latent, as CSV or Parquet."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.files import replacing
from napari_varae.errors import DataError

__all__ = ["read_latents", "write_latents"]


def write_latents(path: str | os.PathLike[str], latents: ArrayLike, frame_rate: float | None = None) -> None:
    """Write latents (T, K), each digit of them; the first column is the time.

    Parameters
    ----------
    path : path-like
        Ends in `.csv`, or in `.parquet` where pyarrow is installed.
    latents : array, shape (T, K)
    frame_rate : float, optional
        Frames per second (Hz): the time is then in seconds, else in frames.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    import pandas as pd

    path, values = Path(path), np.asarray(latents, dtype=np.float32)
    times = np.arange(len(values)) / frame_rate if frame_rate else np.arange(len(values))
    table = pd.DataFrame(values, columns=[f"latent_{k}" for k in range(values.shape[1])])
    table.insert(0, "time_s" if frame_rate else "frame", times)
    try:
        with replacing(path) as file:
            if path.suffix.lower() == ".parquet":
                table.to_parquet(file, index=False)
            else:
                table.to_csv(file, index=False)
    except ImportError as error:
        raise DataError(f"{path.name} needs pyarrow: pip install pyarrow. Or write a .csv file.") from error
    except OSError as error:
        raise DataError(f"{path} could not be written ({error}). Choose another folder, or free some space.") from error


def read_latents(path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Read the latents of a CSV file.

    Raises
    ------
    DataError
        When the file is missing or damaged, or they have another shape.
    """
    import pandas as pd

    try:
        # C order as encoding gives it: sums over it, and so every result, then come out alike to the last digit
        latents: NDArray[np.float32] = pd.read_csv(path).to_numpy()[:, 1:].astype(np.float32, order="C")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} could not be read ({error}). Encode the movie again.") from error
    if latents.shape != shape:
        raise DataError(f"{path} holds latents of shape {latents.shape}, and the fit gives {shape}. Encode again.")
    return latents
