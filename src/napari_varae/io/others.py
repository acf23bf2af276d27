"""Bruker, Scanbox, Thor, Femtonics, Inscopix and Micro-Manager, through roiextractors (the extra `formats`).

Roiextractors takes two seconds to import, so it is imported when such a file is opened, never before.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.movie.frame_source import FrameSource
from napari_varae.errors import StackError
from napari_varae.io.frame_stamps import Stamp, find_breaks
from napari_varae.io.hdf5 import HDF5_LOCK
from napari_varae.io.probe import Fact, Found, Wanted

__all__ = ["find", "format_of"]

_PACKAGES = {"Inscopix": "isx", "Bruker": "lxml", "Thor": "lxml", "Femtonics": "h5py"}
"""What formats need besides roiextractors."""
Lock = AbstractContextManager[Any, Any]
EXTENSIONS = {".sbx": "Scanbox", ".mesc": "Femtonics", ".isxd": "Inscopix"}


class Extracted(FrameSource):
    """A movie of an imaging extractor; of a volume, one plane. `lock` is held while it reads."""

    def __init__(self, extractor: Any, plane: int | None, lock: Lock) -> None:
        self.extractor, self.plane, self.lock = extractor, plane, lock
        first = np.asarray(extractor.get_series(0, 1))
        super().__init__((extractor.get_num_samples(), *first.shape[1:3]), first.dtype)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read frames [start, stop), shape (stop - start, Y, X)."""
        with self.lock:
            frames = np.asarray(self.extractor.get_series(start, stop))
        return frames if self.plane is None else frames[..., self.plane]


def format_of(path: Path) -> str | None:
    """Name the format of a file or folder that roiextractors reads; None for another."""
    if path.is_file():
        return EXTENSIONS.get(path.suffix.lower())
    if not path.is_dir() or not any(path.glob("*.tif")):
        return None
    if (path / "Experiment.xml").is_file():
        return "Thor"
    if (path / f"{path.name}.xml").is_file() and any(path.glob("*.ome.tif")):
        return "Bruker"
    if (path / "DisplaySettings.json").is_file():
        return "Micro-Manager"
    return None


def find(path: Path, wanted: Wanted) -> Found:
    """Find the movie by the imaging extractor for its format.

    Raises
    ------
    ChoiceError
        When there are several channels, planes or recordings, and the caller has not chosen.
    StackError
        When roiextractors is not installed, or cannot read the file.
    """
    name = str(format_of(path))
    lock: Lock = HDF5_LOCK if name == "Femtonics" else nullcontext()
    try:
        import roiextractors
    except ImportError as error:
        raise StackError(f"{path.name!r} ({name}) needs roiextractors: pip install 'napari-varae[formats]'.") from error
    try:
        with lock, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            opened = _OPENERS[name](roiextractors, path, wanted)
            extractor = opened.extractor
            planes = int(extractor.get_num_planes()) if getattr(extractor, "is_volumetric", False) else 1
            plane = wanted.choose(path.name, {"plane": range(planes)})["plane"] if planes > 1 else None
            array = Extracted(extractor, plane, lock)
            rate = opened.rate or Fact.positive(extractor.get_sampling_frequency(), f"from {name}, by roiextractors")
            breaks, gaps = _breaks(extractor.get_native_timestamps(), array.shape[0], wanted)
    except StackError:
        raise
    except ImportError as error:  # of a package that only one format needs
        package = error.name or _PACKAGES.get(name) or "another package"
        raise StackError(f"{path.name!r} ({name}) needs {package}: pip install {package}. ({error})") from error
    except NotImplementedError as error:
        raise StackError(
            f"{path.name!r} is a recording of {name} that roiextractors does not read ({error}). Open its TIFF file "
            "instead of the folder, or save one channel and plane as TIFF."
        ) from error
    except Exception as error:  # each extractor has its own
        raise StackError(
            f"{path.name!r} could not be read as {name} ({type(error).__name__}: {error}). Check that all files of the "
            "recording are in one folder, under the names that the microscope gave them."
        ) from error
    chosen = [f"Plane {plane} of {planes}"] if plane is not None else []
    reported = dict.fromkeys(str(w.message).split("\n")[0] for w in caught if not issubclass(w.category, FutureWarning))
    more = [f"roiextractors reports: {text}" for text in list(reported)[:3]]
    notes = (f"{name}, read by roiextractors", *opened.notes, *chosen, *gaps, *more)
    return Found(array, "TYX", rate, opened.pixel_size, notes, breaks, opened.bad_frames)


def _breaks(times: Any, n_frames: int, wanted: Wanted) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Find gaps in the time stamps of the frames, where there are some."""
    if times is None or len(times) != n_frames:
        return (), ()
    stamps = [Stamp(None, float(time)) for time in times]
    return find_breaks(stamps.__getitem__, n_frames, wanted.check)


class _Opened(NamedTuple):
    """What the reader of a format found; None for a frame rate that roiextractors gives."""

    extractor: Any
    notes: Sequence[str] = ()
    rate: Fact | None = None
    pixel_size: Fact = Fact()
    bad_frames: frozenset[int] = frozenset()


def _named(wanted: Wanted, path: Path, names: Sequence[str]) -> tuple[str, list[str]]:
    """Choose a channel by its name, and note it when there were several."""
    channel = names[wanted.choose(path.name, {"channel": names})["channel"]]
    return channel, [f"Channel {channel!r} of {len(names)}"] if len(names) > 1 else []


def _bruker(library: Any, path: Path, wanted: Wanted) -> _Opened:
    from lxml import etree

    root = etree.parse(path / f"{path.name}.xml", etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
    names = sorted({str(f.get("channelName")) for f in root.iter("File") if f.get("channelName")})
    channel, notes = _named(wanted, path, names) if names else (None, [])
    extractor = library.BrukerTiffImagingExtractor(path, channel_name=channel if len(names) > 1 else None)
    size = root.find(".//PVStateValue[@key='micronsPerPixel']/IndexedValue[@index='XAxis']")
    pixel = Fact() if size is None else Fact.positive(size.get("value"), "from Bruker (micronsPerPixel)")
    return _Opened(extractor, notes, pixel_size=pixel)


def _thor(library: Any, path: Path, wanted: Wanted) -> _Opened:
    from lxml import etree

    first = min(path.glob("*.tif"))
    names = [str(name) for name in library.ThorTiffImagingExtractor.get_available_channel_names(first)]
    channel, notes = _named(wanted, path, names)
    extractor = library.ThorTiffImagingExtractor(first, channel_name=channel)
    root = etree.parse(path / "Experiment.xml", etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
    pixel = Fact.positive(root.find("LSM").get("pixelSizeUM"), "from Thor (pixelSizeUM)")
    return _Opened(extractor, notes, _thor_rate(root, int(extractor.get_num_planes())), pixel)


def _thor_rate(root: Any, planes: int) -> Fact:
    """Find the rate of one plane: Thor stores that of the scanner, before averaging, and over all planes."""
    scanner = root.find("LSM")
    averaged = int(scanner.get("averageNum") or 1) if scanner.get("averageMode") == "1" else 1
    scans, parts = averaged, [f"the {averaged} frames that are averaged"] if averaged > 1 else []
    if planes > 1:
        streaming = root.find("Streaming")
        if streaming is None or streaming.get("zFastEnable") != "1":
            return Fact(None, "not used: Thor stores that of single frames, and the stage moved between planes")
        flyback = int(streaming.get("flybackFrames") or 0)
        scans *= planes + flyback
        parts.append(f"{planes} planes with {flyback} flyback frames")
    by = f", divided by {' and '.join(parts)}" if parts else ""
    return Fact.positive(float(scanner.get("frameRate")) / scans, f"from Thor (frameRate{by})")


def _micro_manager(library: Any, path: Path, wanted: Wanted) -> _Opened:
    """Open the files of one position by what OME states; roiextractors' own class leaves them open, and reads less."""
    files = sorted(path.glob("*.ome.tif"), key=lambda file: (len(file.name), file.name))
    stems = {file.name.removesuffix(".ome.tif") for file in files}
    firsts = {stem: re.sub(r"_\d+$", "", stem) for stem in stems}  # further files of a position end in _1, _2 ...
    positions = sorted({first if first in stems else stem for stem, first in firsts.items()})  # and 1-Pos000_001 is one
    if len(positions) > 1:
        raise StackError(f"{path.name!r} holds {len(positions)} positions. Open the TIFF file of one: {positions[0]} …")
    names = [str(name) for name in library.OMETiffImagingExtractor.get_available_channel_names(files[0])]
    channel, notes = _named(wanted, path, names)
    extractor = library.OMETiffImagingExtractor(files[0], sampling_frequency=1.0, channel_name=channel)
    return _Opened(extractor, notes, Fact(None, "not used: Micro-Manager stores the speed of playback only"))


def _femtonics(library: Any, path: Path, wanted: Wanted) -> _Opened:
    extractor = library.FemtonicsImagingExtractor
    units = [
        (session, unit)
        for session in extractor.get_available_sessions(path)
        for unit in extractor.get_available_munits(path, session)
    ]
    labels = [f"{session}/{unit}" for session, unit in units]
    session, unit = units[wanted.choose(path.name, {"dataset": labels})["dataset"]]
    channel, notes = _named(wanted, path, extractor.get_available_channels(path, session, unit))
    opened = extractor(path, session_name=session, munit_name=unit, channel_name=channel)
    sizes = opened._get_pixels_sizes_and_units()  # noqa: SLF001 - the only way to them
    in_um = sizes["x_units"].lower().replace("μ", "µ") in ("µm", "um", "micrometer")
    pixel = Fact.positive(sizes["x_size"], "from Femtonics (XAxisConversion)") if in_um else Fact()
    return _Opened(opened, [*notes, f"{session}/{unit} of {len(units)} measurement(s)"], pixel_size=pixel)


def _inscopix(library: Any, path: Path, _wanted: Wanted) -> _Opened:
    extractor = library.InscopixImagingExtractor(path)
    bad = frozenset(np.flatnonzero(~np.asarray(extractor.movie.timing.get_valid_samples_mask(), bool)).tolist())
    notes = [f"{len(bad)} frames were dropped or cropped: they are empty, and bad frames"] if bad else []
    return _Opened(extractor, notes, bad_frames=bad)


def _scanbox(library: Any, path: Path, _wanted: Wanted) -> _Opened:
    from scipy.io import loadmat

    side = path.with_suffix(".mat")
    if not side.is_file():
        raise StackError(f"{side.name!r}, which Scanbox writes beside {path.name!r}, is missing. Copy it there.")
    info = loadmat(side, struct_as_record=False, squeeze_me=True)["info"]
    if int(info.channels) == 1:  # both photomultipliers, interleaved
        raise StackError(
            f"{path.name!r} holds two channels, of which roiextractors reads none. Save one as TIFF, for instance with "
            "sbxreader."
        )
    waves = np.size(getattr(info, "otwave", ()))
    if getattr(info, "volscan", waves > 1) and waves > 1:
        raise StackError(
            f"{path.name!r} holds {waves} planes of an optotune scan, of which roiextractors would give the first. "
            "Save one plane as TIFF, for instance with suite2p."
        )
    both_ways = 2 - int(info.scanmode)
    folds = int(info.config.lines) // int(info.fold_lines) if getattr(info, "fold_lines", 0) else 1
    # Roiextractors cuts the rate to a whole number.
    rate = float(info.resfreq) / float(info.config.lines) * both_ways * folds
    return _Opened(library.SbxImagingExtractor(path), rate=Fact.positive(rate, "from Scanbox (resfreq and lines)"))


_OPENERS: Mapping[str, Callable[[Any, Path, Wanted], _Opened]] = {
    "Bruker": _bruker,
    "Thor": _thor,
    "Micro-Manager": _micro_manager,
    "Femtonics": _femtonics,
    "Inscopix": _inscopix,
    "Scanbox": _scanbox,
}
