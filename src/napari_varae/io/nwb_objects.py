"""Objects of one kind in an NWB file, read by pynwb while the file is open, and the choice of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from napari_varae.core.experiment.rows import listed
from napari_varae.errors import DataChoiceError, DataError
from napari_varae.io.hdf5 import HDF5_LOCK

__all__ = ["choose", "read"]

T = TypeVar("T")


def read(path: Path, kind: str, take: Callable[[Any], T]) -> dict[str, T]:
    """Read all objects of a neurodata type (or derived from it); `take` turns one into data that outlive the file.

    Raises
    ------
    DataError
        When pynwb is not installed, or the file cannot be read as NWB.
    """
    try:
        from pynwb import NWBHDF5IO
    except ImportError as error:
        raise DataError(f"{path.name!r} needs pynwb: pip install 'napari-varae[nwb]'.") from error
    try:
        with HDF5_LOCK, NWBHDF5IO(path, mode="r", load_namespaces=True) as file:
            found = {}
            for item in file.read().objects.values():
                if kind in {base.__name__ for base in type(item).__mro__}:
                    found[item.name if item.name not in found else f"{item.parent.name}/{item.name}"] = take(item)
            return found
    except DataError:
        raise
    except Exception as error:  # pynwb, hdmf and h5py each have their own for a damaged file
        raise DataError(
            f"{path.name!r} could not be read as NWB ({type(error).__name__}: {error}). Check the file."
        ) from error


def choose(found: dict[str, T], name: str | None, *, path: Path, prefer: str = "") -> T:
    """Return the object named `name`, or `prefer`, or the only one.

    Raises
    ------
    DataChoiceError
        When there are several among which the user has to choose.
    DataError
        When there is none.
    """
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    name = prefer if name is None and prefer in found else name
    if name in found:
        return found[name]
    if not found:
        raise DataError(f"{path.name!r} holds nothing of this kind. Check that it is the right file.")
    what = "holds several" if name is None else f"has no {name!r}"
    raise DataChoiceError(
        f"{path.name!r} {what}. Choose one with name=..., of {listed(sorted(found), 12)}.", {"name": sorted(found)}
    )
