"""Which module reads a file or a folder; other packages' readers; series of files."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from napari_varae.errors import StackError
from napari_varae.io.files import in_order, series_name
from napari_varae.io.joined import Images, join
from napari_varae.io.probe import Found, Wanted

__all__ = ["GROUP", "READERS", "TIFF", "find", "is_tiff_movie", "may_hold_recording"]

GROUP = "napari_varae.readers"
"""The group of entry points by which another package adds a format."""

READERS = {
    **dict.fromkeys((".tif", ".tiff", ".btf", ".tf8"), "tiff"),
    **dict.fromkeys((".h5", ".hdf5", ".hdf", ".mat"), "hdf5"),
    ".nwb": "nwb",
    ".npy": "npy",
    ".bin": "suite2p",
    **dict.fromkeys((".sbx", ".mesc", ".isxd"), "others"),
}
"""Extension, in lower case, and the module that reads it; a module is imported when first needed."""

TIFF = tuple(extension for extension, module in READERS.items() if module == "tiff")


def find(paths: Sequence[Path], wanted: Wanted) -> Found:
    """Find the recording in a file or folder, or in several files joined along time.

    Raises
    ------
    ChoiceError
        When something is left to choose.
    StackError
        When there is no recording.
    """
    if len(paths) == 1:
        return _one(paths[0], wanted)
    if all(path.suffix.lower() in TIFF for path in paths) and _is_single_image(paths[0]):
        return Found(Images(paths), notes=(f"{len(paths)} files of one frame each, in the given order",))
    names = _told_apart([path.absolute() for path in paths])
    return join([(name, _one(path, wanted)) for name, path in zip(names, paths, strict=True)])


def _told_apart(paths: Sequence[Path]) -> list[str]:
    """Name files, with as many of the folders around them as it takes until names differ."""
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{path.name} ({i})" for i, path in enumerate(paths, 1)]


def _one(path: Path, wanted: Wanted) -> Found:
    for reader in _readers_of_others(path):
        found = reader(path, wanted)
        if isinstance(found, Found):
            return found
    return _folder(path, wanted) if path.is_dir() else _file(path, wanted)


def _readers_of_others(path: Path) -> list[Callable[[Path, Wanted], Found | None]]:
    """Load the readers that other packages have registered for this extension."""
    extension = path.suffix.lower() or ("folder" if path.is_dir() else "")
    readers = []
    for point in entry_points(group=GROUP):
        if point.name.lower() in (extension, "folder" if path.is_dir() else extension):
            try:
                readers.append(point.load())
            except Exception as error:  # whatever the other package does when it is imported
                raise StackError(
                    f"The reader {point.value!r} for {extension} files could not be loaded ({error}). Update or remove "
                    f"the package {point.dist.name if point.dist else 'that brings it'}."
                ) from error
    return readers


def _file(path: Path, wanted: Wanted) -> Found:
    extension = path.suffix.lower()
    if extension not in READERS:
        raise StackError(
            f"{path.name!r} is not of a format that can be opened ({', '.join(READERS)}, and folders of suite2p, Zarr, "
            "Bruker, Thor and Micro-Manager). Save the movie as TIFF, for instance in Fiji."
        )
    found: Found = import_module(f"napari_varae.io.{READERS[extension]}").find(path, wanted)
    if extension in TIFF and (more := _rest_of_series(path)):
        note = f"{more} more file(s) of this series lie beside it; open them together to join them along time"
        return replace(found, notes=(*found.notes, note))
    return found


def _folder(path: Path, wanted: Wanted) -> Found:
    from napari_varae.io import others, suite2p, zarr_store

    if zarr_store.is_zarr(path):
        return zarr_store.find(path, wanted)
    if suite2p.is_suite2p(path):
        return suite2p.find(path, wanted)
    if others.format_of(path):
        return others.find(path, wanted)
    files = [p for p in path.iterdir() if p.suffix.lower() in TIFF and not p.name.startswith(".")]
    if not files:
        raise StackError(
            f"{str(path)!r} is a folder without a recording: no suite2p output, no Zarr, no TIFF files, no recording "
            "of Bruker, Thor or Micro-Manager. Choose the file itself, or the folder that directly holds it."
        )
    series: dict[str, list[Path]] = {}
    for file in in_order(files):
        series.setdefault(series_name(file), []).append(file)
    names = list(series)
    chosen = series[names[wanted.choose(path.name, {"dataset": names})["dataset"]]]
    within = replace(wanted, dataset=None)
    return _one(chosen[0], within) if len(chosen) == 1 else find(chosen, within)


def _rest_of_series(path: Path) -> int:
    """Count the other files of a numbered series."""
    if not path.stem[-1:].isdecimal():
        return 0
    alike = [p for p in path.parent.glob(f"*{path.suffix}") if p.stem[-1:].isdecimal()]
    return sum(series_name(p) == series_name(path) for p in alike) - 1


def _is_single_image(path: Path) -> bool:
    from napari_varae.io.tiff_chain import follow

    return follow(path).n_pages == 1 and _image_dimensions(path) == 2


def may_hold_recording(folder: Path) -> bool:
    """Find out by names whether a folder may hold a recording."""
    from napari_varae.io import others, suite2p, zarr_store

    if zarr_store.is_zarr(folder) or suite2p.is_suite2p(folder) or others.format_of(folder):
        return True
    return any(p.suffix.lower() in TIFF and not p.name.startswith(".") for p in folder.iterdir())


def is_tiff_movie(path: Path) -> bool:
    """Find out whether a TIFF file holds several grey images, without looking at every page; True when it is damaged.

    Then nothing else can read it, and opening it gives the reason.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            several = len(tif.series[0].get_shape(squeeze=True)) > 2 or len(tif.series) > 1
            return several and getattr(tif.pages[0], "samplesperpixel", 1) < 3
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, struct.error):  # tifffile, of damaged files
        return True


def _image_dimensions(path: Path) -> int:
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            return len(tif.series[0].get_shape(squeeze=True))
    except Exception as error:  # tifffile meets a damaged file with whatever error comes first
        raise StackError(f"{path.name!r} could not be read as TIFF ({error}). The file is damaged.") from error
