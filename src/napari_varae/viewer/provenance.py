"""Which layers are ours, what each shows, and whether that is current.

A layer is ours because it was registered here, never because of what its metadata holds: napari's Duplicate copies
metadata, and a copy belongs to the user.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari.utils.colormaps import Colormap

from napari_varae.figures.colours import SIGNED_COLOURS
from napari_varae.session.generation import Generation, Part, name_parts
from napari_varae.session.session import Session, session_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_varae.core.fit.fit import Fit

__all__ = ["KEY", "LINKS", "MOVIE", "SIGNED", "About", "about", "clear", "forget", "mark", "ours", "place", "register"]

KEY = "napari-varae"
"""Where our layers carry what they are, in `layer.metadata`, for the user to read."""
MOVIE = "movie"
"""Kind of the movie layer."""
LINKS = "links"
"""Kind of the layer of links and outlines, and its name. It stays above all images."""
NOTHING = Generation()
DOUBT = " ⚠ "
"""What stands between the name of a layer and a reason to doubt it."""

SIGNED = Colormap(SIGNED_COLOURS, name="varae signed", display_name="varae signed")
"""Blue below zero, orange above it, transparent at it."""


@dataclass
class About:
    """What one of our layers shows.

    Attributes
    ----------
    kind : str
        The movie, a view of the fit, or a map: at most one layer of each.
    made : bool
        Whether we made the layer; else it is one of the user that we use.
    generation : Generation
        Movie, fit, frame sets and bad frames that it was made of.
    parts : tuple of str
        Those of them that matter to it.
    name, shown : str
        Its name, and the name with what we added to it.
    """

    kind: str
    made: bool = True
    generation: Generation = NOTHING
    parts: tuple[Part, ...] = ()
    name: str = ""
    shown: str = ""


_registered: WeakKeyDictionary[Layer, About] = WeakKeyDictionary()


def register(layer: Layer, what: About) -> None:
    """Note that a layer is ours."""
    _registered[layer] = what


def forget(layer: Layer) -> None:
    """Let a layer be the user's."""
    _registered.pop(layer, None)


def about(layer: Layer) -> About | None:
    """Return what we know about a layer, None when it is the user's."""
    return _registered.get(layer)


def ours(viewer: ViewerModel, kind: str = "") -> Iterator[tuple[Any, About]]:
    """Yield our layers whose kind starts with `kind`, with what they show."""
    for layer in list(viewer.layers):
        what = about(layer)
        if what is not None and what.kind.startswith(kind):
            yield layer, what


def clear(viewer: ViewerModel, keep: Layer | None = None) -> None:
    """Remove the layers that we made, but for one to `keep`, and let go of those of the user."""
    for layer, what in sorted(ours(viewer), key=lambda found: found[1].kind == MOVIE):  # the movie last
        forget(layer)
        if what.made and layer is not keep:
            viewer.layers.remove(layer)


def place(
    viewer: ViewerModel,
    what: About,
    data: Any,
    fit: Fit,
    definition: str,
    keywords: dict[str, Any],
    **details: Any,
) -> Image:
    """Add a layer that shows something of a fit, or update ours of this kind; what the user set on it stays.

    `details` go into its metadata.
    """
    session = session_of(viewer)
    metadata = {KEY: {"kind": what.kind, "definition": definition, "fit": fit.id, "movie": fit.movie, **details}}
    if session.caution:
        metadata[KEY]["caution"] = session.caution
    layer = next((layer for layer, other in ours(viewer, what.kind) if other.kind == what.kind), None)
    if layer is None:
        layer = viewer.add_image(data, name=what.name, metadata=metadata, **keywords)
        for other, _ in ours(viewer, LINKS):
            viewer.layers.move(len(viewer.layers) - 1, viewer.layers.index(other))
    else:
        before = _registered[layer]
        if (own := _own_name(layer, before)) != before.name:
            what.name = own  # the user renamed it
        same = layer.data.shape == data.shape  # then nothing but the drawing changes
        with layer.events.data.blocker() if same else nullcontext():
            layer.data = data
        layer.metadata = metadata
        for name in ("scale", "translate", "units", "axis_labels"):
            if tuple(getattr(layer, name)) != tuple(keywords[name]):  # each lets napari look at all layers again
                setattr(layer, name, keywords[name])
    register(layer, what)
    _show_name(layer, what, session)
    return layer


def mark(viewer: ViewerModel, session: Session) -> None:
    """Show in the names of our layers which of them are not of the movie, fit, ranges and bad frames in use."""
    for layer, what in ours(viewer):
        if what.kind != MOVIE:
            what.name = _own_name(layer, what)
            _show_name(layer, what, session)


def _own_name(layer: Layer, what: About) -> str:
    """Name of a layer without what we added: the user may have renamed it."""
    return what.name if layer.name == what.shown else str(layer.name).split(DOUBT)[0]


def _show_name(layer: Layer, what: About, session: Session) -> None:
    """Name a layer, with what a reader must know about it."""
    changed = what.generation.changed(session.generation, what.parts)
    doubts = []
    if KEY in layer.metadata and "caution" in layer.metadata[KEY]:
        doubts.append("fit of another movie")
    if changed:
        doubts.append(f"not current: other {name_parts(changed)}")
    wanted = DOUBT.join([what.name, *doubts])
    if layer.name != wanted:
        layer.name = wanted
    what.shown = layer.name
    if KEY in layer.metadata:
        layer.metadata[KEY]["current"] = not changed
