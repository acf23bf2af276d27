"""HDF5 and MAT 7.3: a data set (T, Y, X), or one channel or plane of four axes.

One lock lies around every call into the library, because threads that read at once crash the process (h5py#2920).
"""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.movie.frame_source import FrameSource
from napari_varae.errors import StackError
from napari_varae.io.probe import Fact, Found, Wanted

__all__ = ["HDF5_LOCK", "DataSet", "close_with", "find"]

HDF5_LOCK = RLock()
"""Hold it around every use of h5py or pynwb: opening, reading a data set, closing."""

OBLONG = 8.0
"""Times as long as wide from which images are noted."""
LONGER = 1.5
"""Times as long as the other axes from which the first axis is time, whatever the others are."""
_RATES = ("frame_rate", "framerate", "sampling_rate", "fs", "fps", "rate")
_PIXELS = ("pixel_size_um", "pixel_size", "um_per_pixel", "umPerPixel")


class DataSet(FrameSource):
    """A movie in an HDF5 data set.

    Parameters
    ----------
    data : h5py.Dataset
        The data set, open.
    order : (int, int, int)
        Positions of time, rows and columns among its axes.
    fixed : dict of int to int
        Index taken on each other axis.
    """

    def __init__(self, data: Any, order: tuple[int, int, int] = (0, 1, 2), fixed: dict[int, int] | None = None) -> None:
        self.data, self.order, self.fixed = data, order, fixed or {}
        with HDF5_LOCK:
            super().__init__(tuple(data.shape[axis] for axis in order), data.dtype)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read frames [start, stop), shape (stop - start, Y, X)."""
        index: list[Any] = [self.fixed.get(axis, slice(None)) for axis in range(len(self.data.shape))]
        index[self.order[0]] = slice(start, stop)
        with HDF5_LOCK:
            frames = np.asarray(self.data[tuple(index)])
        left = [axis for axis in range(len(index)) if axis not in self.fixed]
        return frames.transpose([left.index(axis) for axis in self.order])


def close_with(source: FrameSource, closing: ExitStack) -> None:
    """Close files when the movie is let go, under the lock."""

    def close() -> None:
        with HDF5_LOCK:
            closing.close()

    weakref.finalize(source, close)


def find(path: Path, wanted: Wanted) -> Found:
    """Find a movie among the data sets of a file.

    Raises
    ------
    ChoiceError
        When there are several data sets, channels or planes, and the caller has not chosen.
    StackError
        When h5py is not installed, the file is damaged, or no data set can be a movie.
    """
    try:
        import h5py
    except ImportError as error:
        raise StackError(f"{path.name!r} needs h5py: pip install 'napari-varae[hdf5]'.") from error
    if path.stat().st_size == 0:
        raise StackError(f"{path.name!r} is empty. Copy it again.")
    if path.suffix.lower() == ".mat" and not h5py.is_hdf5(path):
        raise StackError(
            f"{path.name!r} is a MAT file before version 7.3, which cannot hold a movie beyond 2 GB or be read lazily, "
            "or it is damaged. In MATLAB: save(file, 'movie', '-v7.3')."
        )
    try:
        with HDF5_LOCK, ExitStack() as closing:
            file = closing.enter_context(h5py.File(path, "r"))
            found = _find(file, path, wanted)
            close_with(found.array, closing.pop_all())
            return found
    except StackError:
        raise
    except Exception as error:  # h5py meets a damaged file with whatever error comes first
        raise StackError(
            f"{path.name!r} could not be read as HDF5 ({type(error).__name__}: {error}). Copy it again; if no program "
            "opens it, the file is damaged."
        ) from error


def _find(file: Any, path: Path, wanted: Wanted) -> Found:
    import h5py

    sets: dict[str, Any] = {}
    shapes: list[str] = []

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.shape is None:
            return
        shapes.append(f"{name} {item.shape} {item.dtype}")
        if item.dtype.kind in "uif" and len(item.shape) in (3, 4) and sum(n >= 8 for n in item.shape) >= 2:
            sets[name] = item

    file.visititems(visit)
    if not sets:
        listed = ", ".join(shapes[:6]) or "nothing"
        raise StackError(
            f"{path.name!r} holds no data set that can be a movie (three or four axes of real numbers): {listed}."
        )
    matlab = {name: "MATLAB_class" in item.attrs for name, item in sets.items()}
    name, time_last = _choose({name: _readings(item.shape, matlab[name]) for name, item in sets.items()}, path, wanted)
    data = sets[name]
    order, fixed, axes, extra = _axes(data.shape, name, matlab[name], path, wanted)
    if time_last:
        order, axes, extra = (2, 0, 1), "axes YXT", ["Time is the last axis: each frame is read from the whole file"]
        if matlab[name]:
            order, axes, extra = (2, 1, 0), "axes XYT", ["MATLAB stores (T, Y, X) column by column: time comes last"]
    notes = [f"Data set {name!r}, shape {tuple(data.shape)}: {axes}", *extra]
    height, width = (data.shape[axis] for axis in order[1:])
    if _oblong(height, width) > OBLONG:
        notes.append(f"Images of {height} x {width} pixels are very oblong: check the axes")
    others = [other for other in sets if other != name]
    if others:
        notes.append(f"Other data sets of this file: {', '.join(others[:6])}")
    return Found(
        DataSet(data, order, fixed),
        axes,
        _attribute(data, _RATES),
        _attribute(data, _PIXELS),
        tuple(notes),
    )


def _oblong(first: int, second: int) -> float:
    """How many times as long as the other side one is."""
    return max(first, second) / max(1, min(first, second))


def _readings(shape: tuple[int, ...], matlab: bool) -> list[str]:
    """List the orders of axes in which three axes can be meant, as the program that wrote them counts; one is clear.

    Time is the axis that is much longer than the others, or else the one that leaves the squarer image.
    """
    if len(shape) != 3:
        return []
    usual, other = ("YXT", "TYX") if matlab else ("TYX", "YXT")
    if shape[0] >= LONGER * max(shape[1:]) or _oblong(*shape[:2]) >= _oblong(*shape[1:]):
        return [usual]
    return [usual, other]


def _choose(readings: dict[str, list[str]], path: Path, wanted: Wanted) -> tuple[str, bool]:
    """Choose a data set, and its axes where they can be meant in two ways: its name, and whether time comes last."""
    entries = {
        entry: (name, place == 1)
        for name, orders in readings.items()
        for place, entry in enumerate([f"{name}, axes {order}" for order in orders] if len(orders) > 1 else [name])
    }
    wish = wanted.dataset.strip("/") if isinstance(wanted.dataset, str) else wanted.dataset
    if isinstance(wish, str) and wish not in entries:
        name, _, order = wish.partition(", axes ")
        if name in readings and len(readings[name]) == 1 and order in readings[name]:
            wish = name
        elif name in readings and not order:
            entries, wish = {entry: found for entry, found in entries.items() if found[0] == name}, None
    names = list(entries)
    return entries[names[Wanted(dataset=wish).choose(path.name, {"dataset": names})["dataset"]]]


def _axes(
    shape: tuple[int, ...], name: str, matlab: bool, path: Path, wanted: Wanted
) -> tuple[tuple[int, int, int], dict[int, int], str, list[str]]:
    """Find time, rows and columns; of four axes, a short one beside the image is channels or planes."""
    stored = "T" + ("XY" if matlab else "YX")
    note = ["MATLAB stores (Y, X, T) column by column: rows and columns are exchanged back"] if matlab else []
    if len(shape) == 3:
        Wanted(wanted.channel, wanted.plane).choose(path.name, {"channel": [0], "plane": [0]})
        return (0, stored.index("Y"), stored.index("X")), {}, f"axes {stored}", note
    between, last = shape[1], shape[3]
    place = 1 if between < min(shape[2:]) else 3 if last < min(shape[1:3]) else None
    if place is None or shape[place] > shape[0]:
        raise StackError(
            f"Data set {name!r} of {path.name!r} has shape {shape}: no axis beside time, rows and columns can be "
            "identified. Save one channel and plane as (T, Y, X)."
        )
    kind = "plane" if wanted.plane is not None and wanted.channel is None else "channel"
    chosen = Wanted(wanted.channel, wanted.plane).choose(path.name, {kind: range(shape[place])})[kind]
    letters = stored[:place] + "C" + stored[place:] if place == 1 else stored + "C"
    note.append(f"{kind} {chosen} of {shape[place]} on the axis of length {shape[place]}")
    order = letters.index("T"), letters.index("Y"), letters.index("X")
    return order, {place: chosen}, f"axes {letters}", note


def _attribute(data: Any, names: tuple[str, ...]) -> Fact:
    """Find a value in the attributes of the data set, of the groups around it, and of the file."""
    item = data
    while True:
        for name in names:
            if name in item.attrs:
                value = np.ravel(item.attrs[name])
                fact = Fact.positive(
                    value[0] if value.size == 1 else None, f"from HDF5 (attribute {name} of {item.name})"
                )
                if fact.value is not None:
                    return fact
        if item.name == "/":
            return Fact()
        item = item.parent
