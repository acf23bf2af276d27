"""A suite2p folder: the registered movie with its frame rate, bad frames, shifts and borders of files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.movie.raw_frames import RawFrames
from napari_varae.errors import StackError
from napari_varae.io.pickles import load_npy
from napari_varae.io.probe import Fact, Found, Wanted

__all__ = ["find", "is_suite2p"]

_SETTINGS = ("ops.npy", "reg_outputs.npy", "db.npy", "settings.npy")
_BINARIES = {"data.bin": "data.bin (functional)", "data_chan2.bin": "data_chan2.bin (second channel)"}


def is_suite2p(folder: Path) -> bool:
    """Find out whether a folder is one of suite2p: of a plane, of planes, or with a `suite2p` folder in it."""
    return bool(_planes(folder))


def _planes(folder: Path) -> list[Path]:
    """List the folders of planes, in order."""
    if any((folder / name).is_file() for name in (*_SETTINGS[:2], "data.bin")):
        return [folder]
    for parent in (folder, folder / "suite2p"):
        planes = [p for p in parent.glob("plane*") if p.is_dir() and re.fullmatch(r"plane\d+", p.name)]
        if planes:
            return sorted(planes, key=lambda p: int(p.name.removeprefix("plane")))
    return []


def find(path: Path, wanted: Wanted) -> Found:
    """Find the registered movie of one plane.

    Parameters
    ----------
    path : Path
        A `plane0` folder, the `suite2p` folder around it, the folder around that, or `data.bin` itself.
    wanted : Wanted
        What the caller wants.

    Raises
    ------
    ChoiceError
        When there are several planes or channels, and the caller has not chosen.
    StackError
        When a file is missing, damaged, or does not fit the others.
    """
    planes = _planes(path if path.is_dir() else path.parent)
    if not planes:
        raise StackError(f"{path.name!r} lies in no suite2p folder: ops.npy is not beside it. Open the plane folder.")
    options: dict[str, list[Any]] = {"plane": [p.name for p in planes]}
    asked = Wanted(None, wanted.plane, None).choose(path.name, options)
    plane = planes[asked["plane"]]
    binaries = [name for name in _BINARIES if (plane / name).is_file()] if path.is_dir() else [path.name]
    if not binaries:
        raise StackError(
            f"{plane.name!r} has no data.bin, the registered movie. Suite2p deletes or moves it with the settings "
            "delete_bin and move_bin; run its registration again without these, or open the original recording."
        )
    labels = [_BINARIES.get(name, name) for name in binaries]
    binary = plane / binaries[Wanted(wanted.channel).choose(path.name, {"channel": labels})["channel"]]
    ops = _settings(plane)
    size = _whole(ops, "Ly", plane), _whole(ops, "Lx", plane)
    frame = 2 * size[0] * size[1]
    n_frames, rest = divmod(binary.stat().st_size, frame)
    expected = ops.get("nframes", n_frames)
    if rest or n_frames != expected:
        raise StackError(
            f"{binary.name!r} in {plane.name!r} holds {n_frames} frames{' and a part of one' * bool(rest)} of "
            f"{size[0]} x {size[1]} pixels; its settings report {expected}. It is cut off or belongs to another run."
        )
    notes = [f"Registered movie of suite2p, {plane.name}, {binary.name}"]
    if len(planes) > 1:
        notes.append(f"{plane.name} of {len(planes)} planes")
    breaks, bad = _breaks(ops, n_frames, notes), _bad_frames(ops, n_frames, notes)
    shifts = _shifts(ops, n_frames, notes)
    array = RawFrames(binary, frame * np.arange(n_frames, dtype=np.int64), size, np.dtype("<i2"))
    rate = Fact.positive(ops.get("fs"), "from suite2p (fs, per plane)")
    return Found(array, "TYX", rate, Fact(), tuple(notes), breaks, bad, shifts=shifts)


def _settings(plane: Path) -> dict[str, Any]:
    """Read what suite2p saved about the plane, from the files of its versions."""
    present = [plane / name for name in reversed(_SETTINGS) if (plane / name).is_file()]
    if not present:
        raise StackError(f"{plane.name!r} has neither ops.npy nor reg_outputs.npy: the size of a frame is unknown.")
    ops: dict[str, Any] = {}
    for file in present:
        loaded = load_npy(file)
        if not isinstance(loaded, dict):
            raise StackError(f"{file.name!r} in {plane.name!r} holds no settings of suite2p. Copy it again.")
        ops.update(loaded)
    return ops


def _whole(ops: dict[str, Any], name: str, plane: Path) -> int:
    value = ops.get(name)
    if not isinstance(value, int | np.integer) or value < 1:
        raise StackError(f"The settings in {plane.name!r} give no {name} (found {value!r}): the frame size is unknown.")
    return int(value)


def _vector(ops: dict[str, Any], name: str) -> NDArray[Any] | None:
    value = ops.get(name)
    if value is None:
        return None
    array = np.asarray(value)
    return array.reshape(-1) if array.dtype.kind in "buif" and np.isfinite(array).all() else None


def _breaks(ops: dict[str, Any], n_frames: int, notes: list[str]) -> tuple[int, ...]:
    lengths = _vector(ops, "frames_per_file")
    if lengths is None or len(lengths) < 2:
        return ()
    if lengths.sum() != n_frames or (lengths < 0).any():
        notes.append(f"frames_per_file not used: it sums to {lengths.sum():g}, not to {n_frames} frames")
        return ()
    borders = sorted({int(b) for b in np.cumsum(lengths)[:-1]} - {0, n_frames})
    notes.append(f"{len(borders) + 1} files were joined by suite2p (frames_per_file); each begins a new run")
    return tuple(borders)


def _bad_frames(ops: dict[str, Any], n_frames: int, notes: list[str]) -> frozenset[int]:
    bad = _vector(ops, "badframes")
    if bad is None:
        return frozenset()
    if len(bad) != n_frames:
        notes.append(f"badframes not used: it has {len(bad)} entries, not {n_frames}")
        return frozenset()
    frames = np.flatnonzero(bad)
    if len(frames):
        notes.append(f"{len(frames)} bad frames from suite2p (badframes)")
    return frozenset(frames.tolist())


def _shifts(ops: dict[str, Any], n_frames: int, notes: list[str]) -> NDArray[Any] | None:
    y, x = _vector(ops, "yoff"), _vector(ops, "xoff")
    if y is None or x is None:
        return None
    if len(y) != n_frames or len(x) != n_frames:
        notes.append(f"Shifts not used: yoff has {len(y)} entries and xoff {len(x)}, not {n_frames}")
        return None
    notes.append(f"Shifts from suite2p (yoff, xoff), at most {max(np.abs(y).max(), np.abs(x).max()):g} px")
    return np.stack([y, x], axis=1).astype(float)
