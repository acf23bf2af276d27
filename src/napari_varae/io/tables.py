"""Results as tables, for CSV and Parquet files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.files import replacing
from napari_varae.core.movie.odd_frames import Kind, OddFrames
from napari_varae.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from napari_varae.core.fit.fit import Fit

__all__ = [
    "comparisons_table", "latents_table", "links_table", "odd_table", "read_latents", "read_odd", "shifts_table",
    "write_table",
]  # fmt: skip


def latents_table(latents: ArrayLike, frame_rate: float | None = None) -> pd.DataFrame:
    """Latents (T, K), a row for each frame; the first column is the time in s, or the frame at an unknown rate."""
    import pandas as pd

    values = np.asarray(latents, dtype=np.float32)
    table = pd.DataFrame(values, columns=[f"latent_{k}" for k in range(values.shape[1])])
    frames = np.arange(len(values))
    table.insert(0, "time_s" if frame_rate else "frame", frames / frame_rate if frame_rate else frames)
    return table


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


def odd_table(odd: OddFrames) -> pd.DataFrame:
    """Mean of each frame, and how the odd ones differ."""
    import pandas as pd

    frames = np.arange(len(odd.means))
    return pd.DataFrame({"frame": frames, "mean": odd.means, "odd": [odd.kinds.get(int(t), "") for t in frames]})


def shifts_table(shifts: ArrayLike) -> pd.DataFrame:
    """Shifts (T, 2) of registration, (y, x) in pixels, as :func:`napari_varae.open_frame_table` reads them."""
    import pandas as pd

    return pd.DataFrame(np.asarray(shifts, dtype=float), columns=["y", "x"])


def read_odd(path: Path, n_frames: int) -> OddFrames:
    """Read the means and the odd frames of a CSV file.

    Raises
    ------
    DataError
        When the file is damaged, or of another number of frames.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, keep_default_na=False, dtype={"mean": np.float32, "odd": str})
        means, kinds = table["mean"].to_numpy(), {t: kind for t, kind in enumerate(table["odd"]) if kind}
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path} could not be read ({error}). Delete it, and load the fit again.") from error
    if len(means) != n_frames or not set(kinds.values()) <= set(get_args(Kind)):
        raise DataError(f"{path} is not of a movie of {n_frames} frames. Delete it, and load the fit again.")
    return OddFrames(means, kinds)


def links_table(fit: Fit, cells: pd.DataFrame | None = None) -> pd.DataFrame:
    """Nonzero coefficients of the VAR, with the places (y, x) of target and source in pixels.

    With `cells`, as :func:`napari_varae.match_cells` returns them, the cell of each follows.
    """
    import pandas as pd

    lag, target, source = np.nonzero(fit.var.coefficients)
    columns: dict[str, NDArray[Any]] = {"lag": lag + 1, "target": target, "source": source}
    columns["coefficient"] = fit.var.coefficients[lag, target, source]
    for name, latent in (("target", target), ("source", source)):
        columns |= {f"{name}_y": fit.places[latent, 0], f"{name}_x": fit.places[latent, 1]}
    return _with_cells(pd.DataFrame(columns), cells)


def comparisons_table(comparisons: Mapping[str, Mapping[str, Any]], cells: pd.DataFrame | None = None) -> pd.DataFrame:
    """Coefficients of all comparisons; the first column names the comparison. `cells` as for :func:`links_table`."""
    import pandas as pd

    rows = [{"comparison": name, **row} for name, found in comparisons.items() for row in found["edges"]]
    return _with_cells(pd.DataFrame(rows), cells)


def _with_cells(table: pd.DataFrame, cells: pd.DataFrame | None) -> pd.DataFrame:
    """Add the cells of targets and sources."""
    if cells is None or not len(table):
        return table
    named = dict(zip(cells["latent"], cells["cell"].astype(str), strict=True))
    return table.assign(**{f"{name}_cell": table[name].map(named) for name in ("target", "source")})


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table as CSV, or as Parquet where pyarrow is installed, by the ending of the path.

    Raises
    ------
    DataError
        When it cannot be written, or has another ending.
    """
    path = Path(path).expanduser()
    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise DataError(f"{path.name!r} ends in neither .csv nor .parquet. Choose one of them.")
    try:
        with replacing(path) as file:
            if ending == ".parquet":
                table.to_parquet(file, index=False)
            else:
                table.to_csv(file, index=False)
    except ImportError as error:
        raise DataError(
            f"{path.name!r} needs pyarrow: pip install napari-varae[parquet]. Or write a .csv file."
        ) from error
    except OSError as error:
        raise DataError(f"{path} could not be written ({error}). Choose another folder, or free some space.") from error
