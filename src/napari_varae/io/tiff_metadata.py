"""Frame rate and pixel size as ImageJ, OME and tifffile store them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tifffile

from napari_varae.io.probe import Fact

__all__ = ["Metadata", "channel_names", "frame_rate", "metadata", "page_order", "pixel_size"]

SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "ms": 1e-3,
    "msec": 1e-3,
    "µs": 1e-6,
    "us": 1e-6,
    "min": 60.0,
}
MICROMETRES = {
    "um": 1.0, "µm": 1.0, "μm": 1.0, "\\u00b5m": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0,
    "nm": 1e-3, "nanometer": 1e-3, "mm": 1e3, "millimeter": 1e3, "cm": 1e4, "centimeter": 1e4, "inch": 25_400.0,
}  # fmt: skip
PLAUSIBLE = (0.02, 50.0)
"""Pixel sizes in micrometres that a two-photon microscope makes."""


@dataclass(frozen=True)
class Metadata:
    """What a program wrote about the movie, by its own names, and the name of that program."""

    program: str
    values: Mapping[str, Any]


def metadata(tif: tifffile.TiffFile) -> Metadata:
    """Find what a program wrote about the first movie of a file."""
    if tif.is_imagej:
        return Metadata("ImageJ", tif.imagej_metadata or {})
    if tif.is_ome:
        image = tifffile.xml2dict(tif.ome_metadata or "<OME/>").get("OME", {}).get("Image", {})
        pixels = (image[0] if isinstance(image, list | tuple) else image).get("Pixels", {})
        return Metadata("OME", pixels)
    return Metadata("the image description", (tif.shaped_metadata or ({},))[0])


def page_order(tif: tifffile.TiffFile, n_pages: int) -> tuple[str, tuple[int, ...]] | None:
    """Return the axes and lengths of the pages of an OME file whose only image is all its pages in order; else None."""
    ome = tifffile.xml2dict(tif.ome_metadata or "<OME/>").get("OME", {}) if tif.is_ome else {}
    image = ome.get("Image") if isinstance(ome, dict) else None
    pixels = image.get("Pixels") if isinstance(image, dict) else None
    if not isinstance(pixels, dict):
        return None
    data = pixels.get("TiffData") or {}
    if not isinstance(data, dict) or any(data.get(key) for key in ("IFD", "FirstC", "FirstZ", "FirstT")):
        return None
    if data.get("UUID") or data.get("PlaneCount", n_pages) != n_pages:
        return None  # several files, or not all pages
    axes = str(pixels.get("DimensionOrder", ""))[:1:-1]
    sizes = tuple(n for axis in axes if isinstance(n := pixels.get(f"Size{axis}"), int))
    if sorted(axes) != ["C", "T", "Z"] or len(sizes) < 3 or math.prod(sizes) != n_pages:
        return None
    kept = [(axis, n) for axis, n in zip(axes, sizes, strict=True) if n > 1]
    return "".join(axis for axis, _ in kept), tuple(n for _, n in kept)


def channel_names(known: Metadata) -> list[str]:
    """Find the names of the channels; empty when they have none."""
    if known.program == "OME":
        channels = known.values.get("Channel", ())
        listed = channels if isinstance(channels, list | tuple) else [channels]
        return [str(c["Name"]) for c in listed if isinstance(c, Mapping) and c.get("Name")]
    names = (known.values.get("Channel") or {}).get("Name", ()) if isinstance(known.values.get("Channel"), dict) else ()
    return [str(name) for name in names] if isinstance(names, list | tuple) else []


def frame_rate(known: Metadata) -> Fact:
    """Find the frame rate in Hz."""
    for key, unit_key in (("finterval", "tunit"), ("TimeIncrement", "TimeIncrementUnit")):
        unit = str(known.values.get(unit_key, "s")).strip()
        interval = _positive(known.values.get(key))
        if interval is not None and unit in SECONDS:
            return Fact(1 / (interval * SECONDS[unit]), f"from {known.program} ({key} = {interval:.6g} {unit})")
    for key in ("frame_rate", "fps"):
        rate = _positive(known.values.get(key))
        if rate is not None:
            doubt = "; ImageJ means the speed of playback, so check it" if known.program == "ImageJ" else ""
            return Fact(rate, f"from {known.program} ({key}{doubt})")
    return Fact()


def pixel_size(known: Metadata, page: tifffile.TiffPage) -> Fact:
    """Find the edge of a pixel in micrometres."""
    sizes = [_positive(known.values.get(f"PhysicalSize{axis}")) for axis in "XY"]
    units = [str(known.values.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "XY"]
    if sizes == [None, None]:
        tagged = "cm" if page.resolutionunit == 3 else ""  # inches are a printer's default
        units = [str(known.values.get("unit", tagged)).strip().lower()] * 2
        per_unit = [_positive(value) for value in page.resolution]
        sizes = [None if value is None else 1 / value for value in per_unit]
    x, y = (
        size * MICROMETRES[unit] if size is not None and unit in MICROMETRES else None
        for size, unit in zip(sizes, units, strict=True)
    )
    if x is None or y is None:
        return Fact()
    if not math.isclose(x, y, rel_tol=0.01):
        return Fact(None, f"not used: the file states {x:.4g} um across and {y:.4g} um down, and pixels must be square")
    if not PLAUSIBLE[0] <= x <= PLAUSIBLE[1]:
        return Fact(None, f"not used: the file states {x:.4g} um, which no such microscope makes")
    return Fact(x, f"from {known.program if known.values else 'the resolution tags'}")


def _positive(value: Any) -> float | None:
    """Return a number if it is positive and of a size that can be meant."""
    return float(value) if isinstance(value, int | float) and 1e-9 < value < 1e9 else None
