"""Zarr 2 and 3, and OME-Zarr at full resolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.movie.frame_source import FrameSource
from napari_varae.errors import StackError
from napari_varae.io.axes import Selection, select
from napari_varae.io.probe import Fact, Found, Wanted
from napari_varae.io.tiff_metadata import MICROMETRES, SECONDS

__all__ = ["find", "is_zarr"]

_MARKS = ("zarr.json", ".zarray", ".zgroup")
_SECONDS = {**SECONDS, "millisecond": 1e-3, "microsecond": 1e-6, "minute": 60.0}
_MICROMETRES = {**MICROMETRES, "micrometer": 1.0}


class ZarrMovie(FrameSource):
    """One channel and plane of a Zarr array; the axes before the last two are as selected."""

    def __init__(self, array: Any, selection: Selection) -> None:
        self.array, self.selection = array, selection
        super().__init__((array.shape[selection.time], *array.shape[-2:]), array.dtype)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read frames [start, stop), shape (stop - start, Y, X)."""
        chosen = self.selection
        index = [slice(start, stop) if a == chosen.time else chosen.fixed[a] for a in range(self.array.ndim - 2)]
        return np.asarray(self.array[tuple(index)])


def is_zarr(folder: Path) -> bool:
    """Find out whether a folder is a Zarr array or group."""
    return any((folder / name).is_file() for name in _MARKS)


def find(path: Path, wanted: Wanted) -> Found:
    """Find a movie in a Zarr array or group.

    Raises
    ------
    ChoiceError
        When there are several arrays, channels or planes, and the caller has not chosen.
    StackError
        When it is damaged, or holds no movie.
    """
    import zarr  # costs a third of a second

    try:
        opened = zarr.open(path, mode="r")
        if isinstance(opened, zarr.Array):
            return _of_array(opened, path, wanted, _named(opened), Fact(), Fact())
        attributes: dict[str, Any] = dict(opened.attrs)
        if scales := (attributes.get("ome") or attributes).get("multiscales"):
            return _ome(opened, scales, path, wanted)
        return _group(opened, path, wanted)
    except StackError:
        raise
    except Exception as error:  # zarr meets a damaged store with whatever error comes first
        raise StackError(
            f"{path.name!r} could not be read as Zarr ({type(error).__name__}: {error}). Copy the whole folder again."
        ) from error


def _group(group: Any, path: Path, wanted: Wanted) -> Found:
    import zarr

    arrays = {name: item for name, item in group.members(max_depth=None) if isinstance(item, zarr.Array)}
    movies = {n: a for n, a in arrays.items() if a.ndim >= 3 and np.dtype(a.dtype).kind in "uif"}
    if not movies:
        held = ", ".join(f"{name} {array.shape}" for name, array in list(arrays.items())[:6]) or "nothing"
        raise StackError(f"{path.name!r} holds no array of three axes or more, (T, Y, X); it holds {held}.")
    name = list(movies)[wanted.choose(path.name, {"dataset": list(movies)})["dataset"]]
    return _of_array(movies[name], path, wanted, _named(movies[name]), Fact(), Fact(), (f"Array {name!r}",))


def _ome(group: Any, scales: Sequence[Mapping[str, Any]], path: Path, wanted: Wanted) -> Found:
    """Read the image of an OME-Zarr group at its level 0."""
    image = scales[0]
    if len(scales) > 1:
        names = [str(s.get("name", i)) for i, s in enumerate(scales)]
        image = scales[wanted.choose(path.name, {"dataset": names})["dataset"]]
    level = image["datasets"][0]
    array = group[level["path"]]
    described = [a if isinstance(a, Mapping) else {"name": a} for a in image.get("axes", "tczyx"[-array.ndim :])]
    axes = "".join(str(axis["name"]).upper()[:1] for axis in described)
    size = np.ones(array.ndim)
    known = False
    for step in (*level.get("coordinateTransformations", ()), *image.get("coordinateTransformations", ())):
        if step.get("type") == "scale":
            size, known = size * np.asarray(step["scale"], dtype=float), True
    units = [str(axis.get("unit", "")).lower() for axis in described]
    rate = pixel = Fact()
    if known and "T" in axes and units[axes.index("T")] in _SECONDS:
        interval = size[axes.index("T")] * _SECONDS[units[axes.index("T")]]
        rate = Fact.positive(1 / interval if interval > 0 else None, "from OME-Zarr (scale of the time axis)")
    if known and set("YX") <= set(axes) and all(units[axes.index(a)] in _MICROMETRES for a in "YX"):
        y, x = (size[axes.index(a)] * _MICROMETRES[units[axes.index(a)]] for a in "YX")
        pixel = (
            Fact.positive(x, "from OME-Zarr (scale)")
            if abs(x - y) <= 0.01 * x
            else Fact(None, f"not used: {x:.4g} um across and {y:.4g} um down, and pixels must be square")
        )
    notes = (f"OME-Zarr image, level 0 of {len(image['datasets'])}",)
    return _of_array(array, path, wanted, axes, rate, pixel, notes, _channel_names(group))


def _channel_names(group: Any) -> list[str]:
    attributes: dict[str, Any] = dict(group.attrs)
    omero = (attributes.get("ome") or attributes).get("omero") or attributes.get("omero") or {}
    return [str(c["label"]) for c in omero.get("channels", ()) if c.get("label")]


def _named(array: Any) -> str:
    """Return the names of the axes when the array has them, as xarray and Zarr 3 store them; else (T, Y, X)."""
    names = getattr(array.metadata, "dimension_names", None) or dict(array.attrs).get("_ARRAY_DIMENSIONS")
    letters = "".join(str(name)[:1].upper() for name in names or ())
    if len(letters) == array.ndim and set(letters) <= set("TCZYX") and len(set(letters)) == array.ndim:
        return letters
    leading = ["C" if n == 1 and array.ndim > 3 else "T" for n in array.shape[:-2]]
    return "".join(leading) + "YX" if leading.count("T") == 1 else "Q" * array.ndim


def _of_array(
    array: Any,
    path: Path,
    wanted: Wanted,
    axes: str,
    rate: Fact,
    pixel: Fact,
    notes: tuple[str, ...] = (),
    channels: Sequence[str] = (),
) -> Found:
    if axes.startswith("Q"):
        raise StackError(
            f"{path.name!r} holds an array of shape {array.shape} without names for its axes. Save one channel and "
            "plane as (T, Y, X), or name the axes (dimension_names, or OME-Zarr)."
        )
    if np.dtype(array.dtype).kind not in "uif":
        raise StackError(f"{path.name!r} holds {array.dtype}; a movie needs real numbers.")
    single = [i for i, n in enumerate(array.shape) if n == 1 and axes[i] not in "TYX"]
    kept = "".join(axis for i, axis in enumerate(axes) if i not in single)
    sizes = [n for i, n in enumerate(array.shape) if i not in single]
    selection = select(kept, sizes, wanted, path.name, {"channel": channels})
    places = [i for i in range(len(axes)) if i not in single]
    fixed = {places[i]: index for i, index in selection.fixed.items()} | dict.fromkeys(single, 0)
    movie = ZarrMovie(array, Selection(places[selection.time], fixed))
    return Found(movie, axes, rate, pixel, (*notes, *selection.notes))
