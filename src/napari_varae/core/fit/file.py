"""The file of a fit, as bytes: a header with a schema, and named tensors. Knows no fit and no network.

The format is safetensors, with the header as JSON in its metadata: no pickle, since opening a stranger's file must not
run code. What the file lists is compared with what its header asks for before anything is allocated, so that a small
file cannot take much memory or time.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors.numpy import save

from napari_varae.core.files import write_file
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.settings import FitConfig
from napari_varae.errors import FitFileError

__all__ = ["LARGEST", "SUFFIX", "Header", "TensorSpec", "VARHeader", "read", "write"]

SUFFIX = ".varae"
LARGEST = 1e16
"""Numbers beyond it (ten times the largest pixel) are damage."""

FORMAT: Final = "napari-varae fit"
VERSION: Final = 3
OLDER = (1, 2)
"""Formats of the network before compressed movies."""
_TYPES = {"F32": ("<f4", "torch.float32"), "F64": ("<f8", "torch.float64"), "I64": ("<i8", "torch.int64")}
"""Each type of a tensor: as numpy calls it, and as the digest does."""

Tensors = Mapping[str, NDArray[Any]]
Edge = Annotated[int, Field(ge=1, le=16384)]
Frame = Annotated[int, Field(ge=0, le=2**53)]


class _Checked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class VARHeader(_Checked):
    """The plain numbers of a VAR; see :class:`napari_varae.core.var.model.VAR`."""

    penalty: float = Field(ge=0, le=LARGEST)
    order: int = Field(ge=1)
    n_pairs: int = Field(ge=1, le=2**53)


class Header(_Checked):
    """All that a file holds besides tensors; see :class:`napari_varae.core.fit.fit.Fit`."""

    format: Literal["napari-varae fit"] = FORMAT
    format_version: Literal[3] = VERSION
    config: FitConfig
    image: tuple[Edge, Edge]
    scale: float = Field(gt=0, le=LARGEST)
    movie: str = Field(max_length=200)
    frames: tuple[Frame, Frame]
    var: VARHeader
    history: tuple[EpochReport, ...] = Field(max_length=100_000)
    versions: dict[str, str]
    notes: tuple[str, ...] = Field((), max_length=100)
    bad_frames: tuple[Frame, ...] | None = Field(None, max_length=10_000_000)
    trained_with: FitConfig | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Header:
        if self.config.latents == "auto":
            raise ValueError("the settings name no number of latents")
        if self.var.order != self.config.order:
            raise ValueError(f"a VAR of order {self.var.order} with settings for {self.config.order}")
        if self.frames[0] >= self.frames[1]:
            raise ValueError(f"the training frames {self.frames} are empty")
        return self

    @property
    def n_latents(self) -> int:
        """Number of latents K."""
        return int(self.config.latents)


@dataclass(frozen=True)
class TensorSpec:
    """What a tensor must be: its shape (-1: any), its type (F32, F64 or I64), and the range of its numbers."""

    shape: tuple[int, ...]
    dtype: str = "F32"
    low: float = -LARGEST
    high: float = LARGEST

    def fits(self, dtype: str, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this type and shape will do."""
        alike = len(shape) == len(self.shape)
        return dtype == self.dtype and alike and all(w in (-1, n) for n, w in zip(shape, self.shape, strict=True))

    def n_bytes(self, shape: tuple[int, ...]) -> int:
        """Size in bytes of a tensor of this type."""
        return math.prod(shape) * np.dtype(_TYPES[self.dtype][0]).itemsize


class _Entry(_Checked):
    """What safetensors lists of a tensor."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def write(path: str | Path, header: Header, tensors: Tensors) -> Path:
    """Write a header and tensors; an existing file is replaced only once the new one is whole.

    Returns
    -------
    path : Path
        Where they were written: with `.varae` appended, unless it is there already.

    Raises
    ------
    FitFileError
        When the file cannot be written.
    """
    path = Path(path)
    path = path if path.suffix.lower() == SUFFIX else path.with_name(path.name + SUFFIX)
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    plain = header.model_dump(mode="json")
    plain["digest"] = _digest(plain, whole)
    try:
        write_file(path, save(whole, metadata={"varae": json.dumps(plain)}))
    except OSError as error:
        raise FitFileError(
            f"{path} could not be written ({error}). Choose another folder, or free some space."
        ) from error
    return path


def read(
    path: str | Path, expected: Callable[[Header], Mapping[str, TensorSpec]]
) -> tuple[Header, dict[str, NDArray[Any]]]:
    """Read a header and the tensors that it asks for.

    Parameters
    ----------
    path : path
    expected : callable
        Gives the tensors that a file with such a header must hold, no more and no fewer.

    Raises
    ------
    FitFileError
        When the file is missing, is not a fit, is damaged, or has another format version.
    """
    path = Path(path)
    if not path.is_file():
        raise FitFileError(f"{path} is not a file. Choose a fit saved by napari-varae ({SUFFIX}).")
    try:
        with path.open("rb") as file:
            return _read(file, path.name, expected)
    except OSError as error:
        raise FitFileError(f"{path} could not be read ({error}). Check the disk, or choose another file.") from error


def _read(
    file: BinaryIO, name: str, expected: Callable[[Header], Mapping[str, TensorSpec]]
) -> tuple[Header, dict[str, NDArray[Any]]]:
    try:
        plain, entries, start, size = _directory(file)
    except (ValueError, RecursionError) as error:
        raise FitFileError(f"{name} is not a fit file or is damaged ({_short(error)}). Choose another one.") from error
    if plain.get("format") != FORMAT:
        raise FitFileError(f"{name} is a safetensors file, but not a fit saved by napari-varae. Choose another one.")
    if (found := plain.get("format_version")) in OLDER:
        raise FitFileError(
            f"{name} was saved by an older napari-varae (format {found}), whose network is no longer there: it had "
            "convolutions and coarse maps. Train again on the movie; it takes less time than before."
        )
    if found != VERSION:
        raise FitFileError(
            f"{name} has format version {str(found)[:20]}; this napari-varae reads version {VERSION}. Update "
            "napari-varae, or train again."
        )
    try:
        digest = plain.pop("digest", None)
        header = Header.model_validate_json(json.dumps(plain), strict=True)
        specs = expected(header)
        _compare(entries, specs, size)
        tensors = {key: _tensor(file, start, key, entries[key], spec) for key, spec in specs.items()}
        if digest != _digest(plain, tensors):
            raise ValueError("the contents are not what was saved")
    except (ValueError, RecursionError) as error:
        raise FitFileError(f"{name} is damaged: {_short(error)}. Choose another one.") from error
    return header, tensors


def _directory(file: BinaryIO) -> tuple[dict[str, Any], dict[str, _Entry], int, int]:
    """Read what the file lists: our header, the entries, where the tensors start, and how many bytes they take."""
    total = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if total < 8 or length > total - 8:
        raise ValueError("its header is cut off")
    listed = json.loads(file.read(length))
    if not isinstance(listed, dict):
        raise ValueError("it lists no tensors")
    metadata = listed.pop("__metadata__", None)
    text = metadata.get("varae", "{}") if isinstance(metadata, dict) else "{}"
    plain = json.loads(text) if isinstance(text, str) else None
    if not isinstance(plain, dict):
        raise ValueError("its header is none")
    entries = {name: _Entry.model_validate_json(json.dumps(entry), strict=True) for name, entry in listed.items()}
    return plain, entries, 8 + length, total - 8 - length


def _compare(entries: Mapping[str, _Entry], specs: Mapping[str, TensorSpec], size: int) -> None:
    """Raise ValueError unless the listed tensors are the expected ones, side by side in all of `size` bytes."""
    if missing := sorted(specs.keys() - entries.keys()):
        raise ValueError(f"the tensor {missing[0]} is missing")
    if extra := sorted(entries.keys() - specs.keys()):
        raise ValueError(f"the tensor {extra[0][:40]!r} does not belong to it")
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        spec = specs[name]
        if not spec.fits(entry.dtype, entry.shape):
            raise ValueError(
                f"the tensor {name} is {entry.dtype[:10]} of shape {entry.shape[:8]} and should be {spec.dtype} of "
                f"shape {spec.shape}"
            )
        if entry.data_offsets != (end, end + spec.n_bytes(entry.shape)):
            raise ValueError(f"the tensor {name} is not where it should be")
        end += spec.n_bytes(entry.shape)
    if end != size:
        raise ValueError(f"the tensors take {end} bytes, and the file has {size}")


def _tensor(file: BinaryIO, start: int, name: str, entry: _Entry, spec: TensorSpec) -> NDArray[Any]:
    """Read a tensor whose size has been compared with that of the file."""
    tensor = np.empty(entry.shape, _TYPES[spec.dtype][0])
    file.seek(start + entry.data_offsets[0])
    if file.readinto(tensor.reshape(-1).view(np.uint8)) != spec.n_bytes(entry.shape):  # type: ignore[attr-defined]  # typeshed: BinaryIO has none
        raise ValueError(f"the tensor {name} is cut off")
    if not (tensor >= spec.low).all() or not (tensor <= spec.high).all():  # neither holds for NaN
        raise ValueError(f"the tensor {name} has numbers that are NaN or not between {spec.low:g} and {spec.high:g}")
    return tensor


def _digest(header: dict[str, Any], tensors: Tensors) -> str:
    """Hash all that a file holds, so that damage is noticed."""
    names = {np.dtype(numpy): torch for numpy, torch in _TYPES.values()}
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {names[tensor.dtype]} {tensor.shape}".encode() + tensor.tobytes())
    return digest.hexdigest()


def _short(error: BaseException) -> str:
    """Put what went wrong into one line."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}"[:200] if place else first["msg"][:200]
    return str(error)[:200]
