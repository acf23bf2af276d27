"""ScanImage TIFF: channels, planes and flyback frames are interleaved page by page; the header gives their order.

Within a volume, the pages run over channels, then over the frames of a slice, then over slices; flyback frames end it.
Header fields are described in the ScanImage documentation ("ScanImage BigTIFF specification"); the description of each
page numbers its frame and its acquisition, and gives its time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_varae.core.movie.raw_frames import RawFrames
from napari_varae.errors import StackError
from napari_varae.io.frame_stamps import Stamp, find_breaks
from napari_varae.io.probe import Fact, Found, Option, Wanted
from napari_varae.io.tiff_chain import Chain, cut_off, descriptions

__all__ = ["find"]


_SLICES = (
    "SI.hStackManager.actualNumSlices", "SI.hStackManager.numSlices", "SI.hStackManager.slicesPerAcq",
    "SI5.stackNumSlices", "SI4.stackNumSlices", "state.acq.numberOfZSlices",
)  # fmt: skip
_PER_SLICE = ("SI.hStackManager.framesPerSlice", "state.acq.numberOfFrames")
_WITH_FLYBACK = ("SI.hStackManager.numFramesPerVolumeWithFlyback", "SI.hFastZ.numFramesPerVolume")

_ACQUISITION = re.compile(r"(?:acquisitionNumbers?|Acquisition Number\(?s?\)?) *= *(\d{1,15})")
_TIME = re.compile(r"(?:frameTimestamps_sec|Frame Timestamp\(s\)) *= *(\d{1,15}(?:\.\d*)?)")


@dataclass(frozen=True)
class _Layout:
    """How frames follow each other: `per_slice` frames at each of `slices`, then `flyback` frames."""

    slices: int = 1
    per_slice: int = 1
    flyback: int = 0

    @property
    def cycle(self) -> int:
        """Frames of a volume."""
        return self.slices * self.per_slice + self.flyback


def find(path: Path, tif: tifffile.TiffFile, chain: Chain, offsets: NDArray[np.int64], wanted: Wanted) -> Found:
    """Find one channel and one plane of a ScanImage file.

    Parameters
    ----------
    path : Path
        The file.
    tif : TiffFile
        The same, open.
    chain : Chain
        Its pages.
    offsets : ndarray of int
        Where the pixels of each page begin.
    wanted : Wanted
        What the caller wants.

    Raises
    ------
    ChoiceError
        When there are several channels or planes, and the caller has not chosen.
    StackError
        When it holds mesoscope strips, or its header cannot be understood.
    """
    header, page = _header(tif), tif.pages.first
    _refuse_strips(header, tif, path)
    size = tif.filehandle.size
    ends = offsets + page.nbytes
    if (ends > size).any():
        raise cut_off(path, 1 + int((ends > size).argmax()), size)
    channels = _channels(header)
    layout = _layout(header, path)
    layout, first = _numbered(tif, layout, len(channels), len(offsets))
    chosen = wanted.choose(path.name, {"channel": channels, "plane": range(layout.slices)})
    frames = len(offsets) // len(channels)
    place = (np.arange(frames) + first) % layout.cycle
    taken = np.flatnonzero(place // layout.per_slice == chosen["plane"])
    if len(taken) < 2:
        raise StackError(
            f"{path.name!r} has {len(offsets)} pages, {len(channels)} channel(s) and volumes of {layout.cycle} frames: "
            f"{len(taken)} frame(s) of one plane, no movie. Open the file that holds all volumes."
        )
    visits = np.flatnonzero(np.diff(taken) > 1) + 1
    pages = taken * len(channels) + chosen["channel"]
    breaks, found = (
        _interruptions(path, chain, pages, wanted) if layout.per_slice == 1 else (tuple(visits.tolist()), ())
    )
    array = RawFrames(
        path,
        offsets[pages],
        page.shape[-2:],
        np.dtype(page.dtype).newbyteorder(tif.byteorder),
    )
    return Found(
        array,
        f"T{'Z' * (layout.slices > 1)}{'C' * (len(channels) > 1)}YX",
        _frame_rate(header, layout),
        _pixel_size(header, page),
        (*_notes(channels, layout, chosen, len(offsets), frames), *found),
        breaks,
    )


def _interruptions(
    path: Path, chain: Chain, pages: NDArray[np.int64], wanted: Wanted
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Find where the frames of these pages do not follow each other, from what few of their descriptions state."""
    with descriptions(path, chain) as describe:

        def stamp(frame: int) -> Stamp:
            text = describe(int(pages[frame])).decode("latin-1")
            number, time = _ACQUISITION.search(text), _TIME.search(text)
            return Stamp(None if number is None else int(number[1]), None if time is None else float(time[1]))

        return find_breaks(stamp, len(pages), wanted.check)


def _header(tif: tifffile.TiffFile) -> dict[str, Any]:
    """Return the header fields by the names of ScanImage 2016 and later."""
    stored: dict[str, Any] = dict((tif.scanimage_metadata or {}).get("FrameData") or {})
    if not stored:
        for line in tif.pages.first.description.splitlines():  # old versions end lines by a carriage return
            if found := re.match(r"(?:scanimage\.)?(SI\S*?|state\S*?) *= *(.*)", line):
                stored[found[1]] = _value(found[2].strip())
    return stored


def _value(text: str) -> Any:
    numbers = re.findall(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|Inf)", text)
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("[") and numbers:
        return [float(n) for n in numbers]
    return float(numbers[0]) if len(numbers) == 1 and numbers[0] == text else text


def _refuse_strips(header: dict[str, Any], tif: tifffile.TiffFile, path: Path) -> None:
    if not header.get("SI.hRoiManager.mroiEnable"):
        return
    groups = (tif.scanimage_metadata or {}).get("RoiGroups") or {}
    rois = ((groups.get("RoiGroups") or groups).get("imagingRoiGroup") or {}).get("rois")
    if isinstance(rois, dict) or (isinstance(rois, list) and len(rois) == 1):
        return
    count = f"{len(rois)} regions (mROI)" if isinstance(rois, list) else "several regions (mROI)"
    raise StackError(
        f"{path.name!r} holds {count} of a mesoscope, stacked as strips in each page; side by side in one image they "
        "are not a field of view. Cut the strips apart or assemble them, for instance with suite2p's mesoscope option, "
        "and open the result (the suite2p folder, or one TIFF for each region)."
    )


def _channels(header: dict[str, Any]) -> list[Option]:
    """Name the channels that were saved."""
    old = [int(k.removeprefix("state.acq.savingChannel")) for k, v in header.items()
           if re.fullmatch(r"state\.acq\.savingChannel\d+", k) and v]  # fmt: skip
    saved = old or _first(header, "SI.hChannels.channelSave", "SI5.channelsSave", "SI4.channelsSave", default=1)
    numbers = [int(n) for n in np.ravel(saved)] or [1]
    return [f"Channel {n}" for n in numbers]


def _layout(header: dict[str, Any], path: Path) -> _Layout:
    """Read the order of slices, frames and flyback frames."""
    stack = _first(header, "SI.hStackManager.enable", default=None)
    if stack is None:
        stack = _first(header, "SI.hFastZ.enable", "SI5.fastZEnable", "SI4.fastZEnable", default=False)
        stack = stack or header.get("state.acq.numberOfZSlices", 1) != 1
    if not stack:
        return _Layout()
    slices, per_slice = _count(_first(header, *_SLICES, default=1)), _count(_first(header, *_PER_SLICE, default=1))
    averaged = _count(_first(header, "SI.hScan2D.logAverageFactor", default=1)) or 1
    if slices is None or per_slice is None:
        if slices == 1:
            return _Layout()
        raise StackError(
            f"{path.name!r} is a ScanImage stack whose header does not report how many slices and frames per slice it "
            "has: the order of its pages is unknown. Save the frames of one plane as a file of their own."
        )
    per_slice = max(1, per_slice // averaged)
    with_flyback = _count(_first(header, *_WITH_FLYBACK, default=slices * per_slice * averaged))
    whole = slices * per_slice
    flyback = max(0, (with_flyback or 0) // averaged - whole)
    return _Layout(slices, per_slice, flyback)


def _numbered(tif: tifffile.TiffFile, layout: _Layout, n_channels: int, n_pages: int) -> tuple[_Layout, int]:
    """Compare the header with the frame numbers of the pages.

    A file of a series can begin inside a volume, and flyback frames may not have been saved.

    Returns the layout, without flyback frames when they were not saved, and the place of the first frame in its volume.
    """
    if layout.cycle == 1:
        return layout, 0
    first = _frame_number(tif, 0)
    if first is None:
        return layout, 0
    start = (first - 1) % layout.cycle
    whole = layout.slices * layout.per_slice
    if layout.flyback and start == 0 and n_pages > whole * n_channels:
        after = _frame_number(tif, whole * n_channels)
        if after is not None and after - first == layout.cycle:  # the numbers skip what was not saved
            return _Layout(layout.slices, layout.per_slice), 0
    return layout, start


def _frame_number(tif: tifffile.TiffFile, page: int) -> int | None:
    found = re.search(r"frameNumbers? *= *(\d+)", tif.pages[page].aspage().description)
    return int(found.group(1)) if found else None


def _frame_rate(header: dict[str, Any], layout: _Layout) -> Fact:
    averaged = _count(_first(header, "SI.hScan2D.logAverageFactor", default=1)) or 1
    if layout.slices > 1 and layout.per_slice == 1:
        name = "SI.hRoiManager.scanVolumeRate"
        return Fact.positive(header.get(name), f"from ScanImage ({name}, volumes per second: each plane once a volume)")
    name = "SI.hRoiManager.scanFrameRate"
    rate = Fact.positive(header.get(name), f"from ScanImage ({name})")
    if rate.value is None:
        old = next((n for n in header if n.endswith((".scanFrameRate", "acq.frameRate"))), "")
        rate = Fact.positive(header.get(old), f"from ScanImage ({old})")
    if rate.value is not None and averaged > 1:
        return Fact(rate.value / averaged, f"{rate.source[:-1]}, {averaged} frames averaged into one)")
    return rate


def _pixel_size(header: dict[str, Any], page: tifffile.TiffPage) -> Fact:
    try:
        corners = np.asarray(header["SI.hRoiManager.imagingFovUm"], dtype=float).reshape(-1, 2)
    except (KeyError, TypeError, ValueError):
        return Fact()
    width, height = np.ptp(corners, axis=0)
    across, down = width / page.shape[-1], height / page.shape[-2]
    if not (np.isfinite([across, down]).all() and min(across, down) > 0):
        return Fact()
    if abs(across - down) > 0.01 * across:
        return Fact(
            None, f"not used: the file reports {across:.4g} um across and {down:.4g} um down, and pixels must be square"
        )
    return Fact(float(across), "from ScanImage (SI.hRoiManager.imagingFovUm)")


def _notes(
    channels: list[Option], layout: _Layout, chosen: dict[str, int], n_pages: int, frames: int
) -> tuple[str, ...]:
    notes = []
    if len(channels) > 1:
        notes.append(f"{channels[chosen['channel']]!r} of {len(channels)} channels, interleaved page by page")
    if layout.slices > 1:
        notes.append(f"Plane {chosen['plane']} of {layout.slices} (counted from 0), one frame per volume")
        if layout.per_slice > 1:
            notes[-1] = (
                f"Plane {chosen['plane']} of {layout.slices} (counted from 0), {layout.per_slice} frames at each "
                "visit, which begins a new run"
            )
    if layout.flyback:
        notes.append(f"{layout.flyback} flyback frame(s) of each volume left out")
    if n_pages % len(channels):
        notes.append(f"The last frame lacks a channel: {n_pages % len(channels)} page(s) at the end left out")
    if frames % layout.cycle:
        notes.append("The last volume is not complete")
    return tuple(notes)


def _first(header: dict[str, Any], *names: str, default: Any) -> Any:
    """Return the first of these fields that the header has."""
    return next((header[name] for name in names if name in header and not isinstance(header[name], str)), default)


def _count(value: Any) -> int | None:
    """Return a whole number from 1 on; None for infinity or anything else."""
    try:
        return int(value) if value >= 1 and int(value) == value else None
    except (TypeError, ValueError, OverflowError):
        return None
