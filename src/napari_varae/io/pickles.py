"""Object arrays that numpy saved as pickles, as suite2p and cellpose do, opened without running a stranger's code.

Unpickling a file can call any function that the file names. This unpickler admits the few names that numpy needs to
rebuild its arrays and numbers; a file that names anything else is refused, before anything of it is called.
"""

from __future__ import annotations

import os
import pickle
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from napari_varae.errors import StackError

__all__ = ["load_npy", "read_header"]

_ADMITTED = {("builtins", name) for name in ("complex", "frozenset", "set")}
_ADMITTED |= {("datetime", name) for name in ("date", "datetime", "timedelta")}  # suite2p notes when it ran
_PATHS = {"Path", "PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath"}


class _Dtype:
    """Stands for a numpy type: what a pickle states of its insides is not believed, it could crash the process."""

    def __init__(self, name: str, *_: Any) -> None:
        self.name = name
        self.state: tuple[Any, ...] = (None,) * 8

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def real(self) -> np.dtype[Any]:
        """Make the type from its name, byte order and fields."""
        _, order, subtype, names, fields, itemsize, *_ = self.state
        if names:
            formats, offsets = [fields[name][0].real() for name in names], [fields[name][1] for name in names]
            return np.dtype({"names": list(names), "formats": formats, "offsets": offsets, "itemsize": itemsize})
        dtype = np.dtype(str(self.name))
        if subtype is not None or dtype.kind not in "biufcSUO":
            raise pickle.UnpicklingError(f"it holds the type {self.name}, which is not plain data")
        return dtype.newbyteorder(order) if order in ("<", ">") else dtype


class _Array(np.ndarray):
    """An array that is being unpickled."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, content = state
        super().__setstate__((1, shape, dtype.real(), bool(fortran), content))  # type: ignore[arg-type]  # its stub omits the version


def _scalar(dtype: _Dtype, content: bytes) -> Any:
    (value,) = np.frombuffer(content, dtype.real())
    return value


def _from_buffer(content: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> NDArray[Any]:
    return np.frombuffer(content, dtype.real()).reshape(shape, order="F" if order == "F" else "C").copy()


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "ndarray",  # named by arrays, never called
    ("numpy", "dtype"): _Dtype,
    ("numpy._core.multiarray", "_reconstruct"): lambda *_: np.empty(0, np.uint8).view(_Array),
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("builtins", "bytes"): lambda: b"",
    ("_codecs", "encode"): lambda text, _encoding: text.encode("latin1"),  # how old pickles write bytes
}


class _PlainData(pickle.Unpickler):
    """Rebuilds plain data, numpy arrays and dates; a path becomes text: one system cannot make the paths of another."""

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins"}.get(module, module.replace("numpy.core.", "numpy._core."))  # old names
        if (module, name) in _ADMITTED:
            return super().find_class(module, name)
        found = _STAND_INS.get((module, name))
        if module.split(".")[0] == "pathlib" and name in _PATHS:
            found = _path
        if found is None:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which is not plain data")
        # A pickle can set attributes of a Python function that it has found, so it gets one of its own.
        return partial(found) if callable(found) else found

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError(f"it refers to an object outside the file ({pid!r})")


def _path(*parts: Any) -> str:
    return "/".join(str(part).rstrip("/\\") for part in parts)


def _plain(thing: Any) -> Any:
    """Turn the arrays in a thing, which were being unpickled, into plain ones."""
    if isinstance(thing, np.ndarray):
        if thing.dtype == object:
            for i in np.ndindex(thing.shape):
                thing[i] = _plain(thing[i])
        return thing.view(np.ndarray)
    if isinstance(thing, dict):
        return {key: _plain(value) for key, value in thing.items()}
    return type(thing)(map(_plain, thing)) if type(thing) in (list, tuple) else thing


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
        When the file cannot be read, is not a `.npy` file, is damaged, or holds more than plain data and numpy arrays.

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
    loaded = _plain(_PlainData(file).load())
    if not isinstance(loaded, np.ndarray) or loaded.shape != shape:
        raise ValueError("the content is not the array that the header declares")
    return loaded


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, order (True: Fortran) and type from the header of a `.npy` file; leave the file at its content.

    Raises
    ------
    ValueError
        When it is not a such header.
    """
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"version {version} of the .npy format is unknown")
    # numpy has no public reader for version 3, which differs from 2 only in the encoding of field names
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = reader(file)
    return tuple(shape), bool(fortran), dtype
