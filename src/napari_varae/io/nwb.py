"""NWB: a `TwoPhotonSeries` or another imaging series, stored (frame, x, y) and read lazily by pynwb."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from napari_varae.errors import StackError
from napari_varae.io.hdf5 import HDF5_LOCK, DataSet, close_with
from napari_varae.io.probe import Fact, Found, Wanted

__all__ = ["find"]

_KINDS = {"TwoPhotonSeries", "OnePhotonSeries"}
_METRES = {"meters": 1e6, "meter": 1e6, "m": 1e6, "millimeters": 1e3, "micrometers": 1.0, "microns": 1.0, "um": 1.0}


def find(path: Path, wanted: Wanted) -> Found:
    """Find an imaging series in an NWB file.

    Raises
    ------
    ChoiceError
        When there are several series or planes, and the caller has not chosen.
    StackError
        When pynwb is not installed, the file is damaged, or it holds no imaging series.
    """
    try:
        from pynwb import NWBHDF5IO
    except ImportError as error:
        raise StackError(f"{path.name!r} needs pynwb: pip install 'napari-varae[nwb]'.") from error
    try:
        with HDF5_LOCK, ExitStack() as closing, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on versions of the schema, which are read all the same
            file = closing.enter_context(NWBHDF5IO(path, mode="r", load_namespaces=True))
            found = _find(file.read(), path, wanted)
            close_with(found.array, closing.pop_all())
            return found
    except StackError:
        raise
    except Exception as error:  # pynwb, hdmf and h5py each have their own for a damaged file
        raise StackError(
            f"{path.name!r} could not be read as NWB ({type(error).__name__}: {error}). Check the file."
        ) from error


def _find(nwb: Any, path: Path, wanted: Wanted) -> Found:
    series = [item for item in nwb.objects.values() if _KINDS & {base.__name__ for base in type(item).__mro__}]
    if not series:
        raise StackError(
            f"{path.name!r} holds no TwoPhotonSeries or OnePhotonSeries: no movie. Open the raw recording."
        )
    names = [item.name for item in series]
    if len(set(names)) < len(names):
        names = [f"{item.parent.name}/{item.name}" for item in series]
    chosen = wanted.choose(path.name, {"dataset": names})["dataset"]
    item = series[chosen]
    if item.external_file is not None:
        files = ", ".join(str(name) for name in item.external_file[:4])
        raise StackError(f"The frames of {names[chosen]!r} lie outside {path.name!r}, in {files}. Open these files.")
    shape = tuple(item.data.shape)
    notes = [f"{names[chosen]} of type {type(item).__name__}, stored (frame, x, y)"]
    fixed = {}
    if len(shape) == 4:
        plane = Wanted(plane=wanted.plane).choose(path.name, {"plane": range(shape[3])})["plane"]
        notes.append(f"Plane {plane} of {shape[3]}")
        fixed = {3: plane}
    elif len(shape) != 3:
        raise StackError(f"{names[chosen]!r} of {path.name!r} has shape {shape}; a movie is (frame, x, y).")
    rate, breaks = _timing(item, notes)
    array = DataSet(item.data, (0, 2, 1), fixed)
    return Found(array, "TXYZ"[: len(shape)], rate, _pixel_size(item.imaging_plane), tuple(notes), breaks)


def _timing(item: Any, notes: list[str]) -> tuple[Fact, tuple[int, ...]]:
    """Return the frame rate, and the frames after gaps in the time stamps."""
    if item.rate:
        return Fact.positive(item.rate, f"from NWB (rate of {item.name})"), ()
    if item.timestamps is not None and len(item.timestamps) > 1:
        steps = np.diff(np.asarray(item.timestamps[:], dtype=float))
        step = float(np.median(steps))
        if not step > 0 or not np.isfinite(steps).all():
            return Fact(None, "not used: the time stamps do not increase"), ()
        gaps = np.flatnonzero((steps > 1.5 * step) | (steps <= 0)) + 1
        if len(gaps):
            notes.append(f"{len(gaps)} gap(s) in the time stamps; each ends a run")
        return Fact.positive(1 / step, "from NWB (median step of the time stamps)"), tuple(gaps.tolist())
    return Fact.positive(item.imaging_plane.imaging_rate, "from NWB (imaging_rate of the imaging plane)"), ()


def _pixel_size(plane: Any) -> Fact:
    spacing, unit = plane.grid_spacing, str(plane.grid_spacing_unit).lower()
    if spacing is None or unit not in _METRES:
        return Fact()
    x, y = (float(value) * _METRES[unit] for value in list(spacing)[:2])
    if not abs(x - y) <= 0.01 * abs(x):
        return Fact(
            None, f"not used: the file reports {x:.4g} um across and {y:.4g} um down, and pixels must be square"
        )
    return Fact.positive(x, "from NWB (grid_spacing)")
