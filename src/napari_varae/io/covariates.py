"""Behaviour that is regressed out before a comparison, named by a file and, in it, a trace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.experiment.rows import listed
from napari_varae.errors import DataError
from napari_varae.io.behaviour import open_behaviour

__all__ = ["open_covariates", "split_name"]


def open_covariates(given: Sequence[str], n_frames: int, frame_rate: float | None = None) -> NDArray[np.float64] | None:
    """Open traces of behaviour and bring them to the frames of a movie.

    Parameters
    ----------
    given : sequence of str
        Files as for :func:`napari_varae.open_behaviour`, each followed by ':' and the name of one trace, or with all of
        its traces.
    n_frames : int
        Number of frames of the movie.
    frame_rate : float, optional
        Frames of the movie per second (Hz).

    Returns
    -------
    array, shape (n_frames, n), or None
        None when nothing is given. NaN where a trace is unknown.

    Raises
    ------
    DataError
        When a file cannot be read, or has no trace of that name.
    ValueError
        When times are in seconds and the frame rate is unknown.
    """
    columns = []
    for text in given:
        path, name = split_name(text)
        series = name if path.suffix.lower() == ".nwb" else None
        behaviour = open_behaviour(path, frame_rate, name=series)
        traces = behaviour.at_frames(n_frames, frame_rate)
        if name is not None and series is None:
            if name not in behaviour.names:
                raise DataError(f"{path.name!r} has no trace {name!r}; it has {listed(list(behaviour.names), 12)}.")
            traces = traces[:, [behaviour.names.index(name)]]
        columns.append(traces)
    return np.hstack(columns) if columns else None


def split_name(text: str) -> tuple[Path, str | None]:
    """Split 'FILE:NAME'; a name that is a file as a whole has no trace, as with the drive of Windows."""
    whole = Path(text).expanduser()
    before, colon, name = text.rpartition(":")
    if not colon or whole.is_file() or not Path(before).expanduser().is_file():
        return whole, None
    return Path(before).expanduser(), name
