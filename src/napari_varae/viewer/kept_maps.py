"""Maps that go into an analysis folder with the layers that show them, and become layers again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.maps.definition import UNITS
from napari_varae.errors import DataError
from napari_varae.io.analysis import Analysis
from napari_varae.io.analysis_files import MAPS
from napari_varae.io.map_tiff import read_map
from napari_varae.session.session import Session
from napari_varae.viewer.maps import show_map
from napari_varae.viewer.provenance import KEY, ours

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["KeptMap", "keep_maps", "layers_of_maps", "read_maps", "show_maps"]


class KeptMap(NamedTuple):
    """A map (Y, X), and what it is, as plain values."""

    image: NDArray[np.float32]
    about: dict[str, Any]


def layers_of_maps(viewer: ViewerModel, session: Session) -> list[KeptMap]:
    """List the maps that are layers and are of what is in use; maps of each frame are computed when they are seen."""
    found = []
    for layer, what in ours(viewer, "map:"):
        known = layer.metadata[KEY]
        if session.fit is None or layer.ndim != 2 or known["fit"] != session.fit.id or not known.get("current"):
            continue
        _, group, key = what.kind.split(":", 2)
        about = {name: known[name] for name in ("definition", "unit", "fit", "movie")}
        shown = {"group": group, "key": key, "parts": list(what.parts), "visible": bool(layer.visible)}
        found.append(KeptMap(np.asarray(layer.data), {"name": what.name, **about, **shown}))
    return found


def keep_maps(analysis: Analysis, maps: Iterable[KeptMap]) -> list[str]:
    """Write maps into an analysis folder, each under its name as far as that can be a name of a file.

    What could not be written is returned in words: the rest of the analysis is saved without it.
    """
    cautions = []
    for image, about in maps:
        try:
            analysis.keep_map(image, re.sub(r'[\\/:*?"<>|]+', "", about["name"]), about)
        except (OSError, DataError) as error:
            cautions.append(f"The map {about['name']!r} was not saved. {error}")
    return cautions


def read_maps(analysis: Analysis) -> tuple[list[KeptMap], list[str]]:
    """Read the maps of an analysis that are of its fit; what cannot be read is returned in words."""
    maps: list[KeptMap] = []
    cautions: list[str] = []
    for path in sorted((analysis.folder / MAPS).glob("*.tif")) if analysis.has_fit else ():
        try:
            image, about = read_map(path)
        except DataError as error:
            cautions.append(str(error))
            continue
        if about.get("fit") == analysis.fit.id and image.shape == analysis.fit.shape:
            maps.append(KeptMap(image, {"name": path.stem, "definition": "", **about}))
    return maps, cautions


def show_maps(viewer: ViewerModel, session: Session, maps: Iterable[KeptMap]) -> None:
    """Make layers of maps; those that a command has drawn are hidden."""
    for image, about in maps:
        stack, fit = session.require_stack(), session.require_fit()
        kind = str(about.get("kind", "driver"))
        subject = "edge" if about.get("edge") else "whole" if about.get("target") is None else "latent"
        layer = show_map(
            viewer, stack, fit, image, str(about["name"]), str(about["definition"]),
            about.get("group", f"{kind} {subject}"), parts=tuple(about.get("parts", ("movie", "fit", "bad_frames"))),
            key=about.get("key"), unit=about.get("unit") or UNITS.get(kind, ""),
        )  # fmt: skip
        layer.visible = bool(about.get("visible", False))
