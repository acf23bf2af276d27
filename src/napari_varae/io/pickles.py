"""Object arrays that numpy saved as pickles, as suite2p and cellpose do, opened without running a stranger's code.

Unpickling a file can call any function that the file names. This unpickler admits the few names that numpy needs to
rebuild its arrays and numbers; a file that names anything else is refused, before anything of it is called.
"""

from __future__ import annotations

import os
import pickle
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from napari_varae.errors import StackError

__all__ = ["load_npy", "read_header"]

_NUMPY = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
}
_PLAIN = {("builtins", name) for name in ("complex", "frozenset", "set")}
_DATES = {("datetime", name) for name in ("date", "datetime", "timedelta")}  # suite2p notes when it ran
_PATHS = {"Path", "PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath"}


class _PlainData(pickle.Unpickler):
    """Rebuilds plain data, numpy arrays and dates; a path becomes text: one system cannot make the paths of another."""

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins"}.get(module, module.replace("numpy.core.", "numpy._core."))  # old names
        if (module, name) in _NUMPY | _PLAIN | _DATES:
            found = super().find_class(module, name)
            # A pickle can set attributes of a Python function that it has found, so it gets one of its own.
            return partial(found) if isinstance(found, FunctionType) else found
        if module.split(".")[0] == "pathlib" and name in _PATHS:
            return lambda *parts: "/".join(str(part).rstrip("/\\") for part in parts)
        if (module, name) == ("_codecs", "encode"):  # how old pickles write bytes
            return lambda text, _encoding: text.encode("latin1")
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is not plain data")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError(f"it refers to an object outside the file ({pid!r})")


def load_npy(path: str | os.PathLike[str]) -> Any:
    """Load a `.npy` file that may hold Python objects, without running code from it.

    Parameters
    ----------
    path : path-like
        A file written by :func:`numpy.save`, such as `ops.npy` or `stat.npy` of suite2p.

    Returns
    -------
    ndarray, dict or other plain data
        The array. An array of a single object, as `numpy.save` makes of a dict, is given as that object. Paths inside
        come as text.

    Raises
    ------
    StackError
        When the file cannot be read, is no `.npy` file, is damaged, or holds anything but plain data and numpy arrays.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "ops.npy"
    >>> np.save(file, {"fs": 30.0, "Ly": 512})
    >>> load_npy(file)["Ly"]
    512
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            loaded = _load(file)
    except pickle.UnpicklingError as error:
        raise StackError(
            f"{path.name!r} was not opened: {error}. Opening it could run code on this computer. Only plain data and "
            "numpy arrays are read; save the file again with these only."
        ) from error
    except OSError as error:
        raise StackError(f"{str(path)!r} could not be read ({error}). Check the name and the folder.") from error
    except Exception as error:  # a damaged pickle can fail with any error
        raise StackError(
            f"{path.name!r} is damaged or not a .npy file ({type(error).__name__}: {error}). Copy or save it again."
        ) from error
    return loaded.item() if loaded.dtype == object and loaded.ndim == 0 else loaded


def _load(file: BinaryIO) -> NDArray[Any]:
    shape, _, dtype = read_header(file)
    if not dtype.hasobject:
        file.seek(0)
        return npy.read_array(file, allow_pickle=False)
    loaded = _PlainData(file).load()
    if not isinstance(loaded, np.ndarray) or loaded.shape != shape:
        raise ValueError("the content is not the array that the header declares")
    return loaded


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, order (True: Fortran) and type from the header of a `.npy` file; leave the file at its content.

    Raises
    ------
    ValueError
        When it is no such header.
    """
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"version {version} of the .npy format is unknown")
    # numpy has no public reader for version 3, which differs from 2 only in the encoding of field names
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = reader(file)
    return tuple(shape), bool(fortran), dtype
