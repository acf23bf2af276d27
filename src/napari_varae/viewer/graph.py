"""The links as arrows on the image, and outlines of latents; both show and set what is chosen."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import Colormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_varae.figures.colours import ANY_COLOUR, CHOSEN_COLOUR, SOURCE_COLOUR, TARGET_COLOUR
from napari_varae.session.results import Edge
from napari_varae.session.session import Session
from napari_varae.viewer.grid import shared_grid
from napari_varae.viewer.meshes import ARROW, Mesh, arrow_mesh, distance_to_arrows, line_mesh, shorten
from napari_varae.viewer.outlines import outlines
from napari_varae.viewer.provenance import KEY, LINKS, SIGNED, About, ours, register

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Surface

__all__ = ["choose_latent", "choose_link", "follow_graph", "graph_removed", "show_graph"]

WIDEST, THINNEST, LINE = 1 / 110, 1 / 450, 1 / 400
"""Widths of arrows and of outlines, as shares of the diagonal of the image."""
OTHER_PART = 0.4
"""Width of the outline of another part of a footprint than the main one, relative to that."""
NEAR = 5
"""Pixels of the screen by which a click may miss an arrow."""
PLAIN, BRIGHT, DIM = 0.75, 1.0, 0.2
"""How strong the colour of an arrow is, when nothing is chosen, when it is, and when another one is."""

ANY, CHOSEN, SOURCE, TARGET = range(2, 6)
"""Values of outlines: of any latent, of the chosen one, of source and target of the chosen link. Arrows: -1 to 1."""
OF_OUTLINES = transform_color([ANY_COLOUR, CHOSEN_COLOUR, SOURCE_COLOUR, TARGET_COLOUR])
LIMITS = (-1, TARGET)
COLOURS = Colormap(
    np.concatenate([SIGNED.colors, OF_OUTLINES]),
    controls=(np.array([-1, -0.5, 0, 0.5, 1, ANY, CHOSEN, SOURCE, TARGET]) + 1) / (TARGET + 1),
    name="varae links",
    display_name="varae links",
)

Array = NDArray[np.float64]

_outlined: weakref.WeakKeyDictionary[Session, tuple[Any, Mesh, Array]] = weakref.WeakKeyDictionary()
"""Outlines that a session shows: of which network and latents; their mesh, and the value of each vertex."""
_empty: weakref.WeakSet[Surface] = weakref.WeakSet()
"""Layers that are hidden because there is nothing to draw."""


def follow_graph(reference: Callable[[], ViewerModel | None], session: Session) -> None:
    """Keep arrows and outlines as the session has them."""

    def changed(*_news: Any) -> None:
        viewer = reference()
        if viewer is not None:
            show_graph(viewer, session)

    for signal in (
        session.graph_changed, session.penalty_changed, session.fit_changed, session.edge_changed,
        session.latent_changed,
    ):  # fmt: skip
        signal.connect(changed)


def show_graph(viewer: ViewerModel, session: Session) -> None:
    """Draw the links and outlines that the session wants, in one layer, which is hidden while there are none.

    One layer that stays: napari 0.9 may crash when several layers are removed before it has drawn again.
    """
    layer, ready = _layer(viewer), session.fit is not None and session.stack is not None
    wanted = _wanted_outlines(session) if ready else []
    if not wanted and not (ready and session.graph.shown):
        if layer is not None and layer.visible:
            _empty.add(layer)
            layer.visible = False
        return
    (vertices, faces), values = _outlined_mesh(session, wanted)
    if session.graph.shown:
        arrows = _arrows(session)
        more, triangles = arrow_mesh(arrows.starts, arrows.stops, arrows.widths)
        vertices, faces = np.concatenate([more, vertices]), np.concatenate([triangles, faces + len(more)])
        values = np.concatenate([np.repeat(arrows.colours, ARROW), values])
    layer = _put(viewer, session, vertices, faces, values)
    if layer in _empty:
        _empty.discard(layer)
        layer.visible = True


def graph_removed(session: Session) -> None:
    """Take in that the user removed the layer."""
    session.set_graph(replace(session.graph, shown=False, outlines=False))


def choose_link(viewer: ViewerModel, session: Session, event: Any) -> bool:
    """Choose the link whose arrow lies under the mouse."""
    layer = _layer(viewer)
    if layer is None or not layer.visible or not session.graph.shown or not len(arrows := _arrows(session)):
        return False
    point = _point(layer, event)
    distance = distance_to_arrows(point, arrows.starts, arrows.stops, arrows.widths)
    pixel = float(layer.scale[-1]) * float(viewer.scene.camera.zoom)  # of the screen, for one of the image
    nearest = len(distance) - 1 - int(distance[::-1].argmin())  # of several, the one on top
    if distance[nearest] * pixel > NEAR:
        return False
    session.pick_edge(arrows.edges[nearest])
    return True


def choose_latent(viewer: ViewerModel, session: Session, event: Any) -> bool:
    """Choose the latent whose outline surrounds the mouse, the smallest one; nothing is chosen beside the outlines."""
    layer, wanted = _layer(viewer), session.graph.shown or session.graph.outlines
    if session.fit is None or layer is None or not layer.visible or not wanted:
        return False
    point, known = _point(layer, event), outlines(session.fit)
    holding = [k for k in _with_place(session) if known[k].holds(point)] if session.graph.outlines else []
    session.set_edge(None)
    session.set_latent(min(holding, key=lambda k: known[k].area, default=None))
    return bool(holding)


class _Arrows:
    """Arrows to draw: links, ends (n, 2), widths (n,) in pixels of the image, colours (n,) from -1 to 1."""

    def __init__(self, edges: list[Edge], starts: Array, stops: Array, widths: Array, colours: Array) -> None:
        self.edges, self.starts, self.stops, self.widths, self.colours = edges, starts, stops, widths, colours

    def __len__(self) -> int:
        return len(self.edges)


def _arrows(session: Session) -> _Arrows:
    """Place the arrows of the links to draw, and of the chosen link in any case."""
    fit, var, chosen = session.fit, session.shown_var, session.edge
    assert fit is not None
    assert var is not None
    drawn = session.drawn_edges()
    if chosen is not None and _drawable(session, chosen) and all(edge != chosen for edge, _ in drawn):
        drawn.append((chosen, float(var.coefficients[chosen.lag - 1, chosen.target, chosen.source])))
    edges, sizes = [edge for edge, _ in drawn], np.array([size for _, size in drawn])
    sources, targets = (np.array([edge[i] for edge in edges], dtype=int) for i in (2, 1))
    radii = np.array([outline.radius for outline in outlines(fit)])
    starts, stops = shorten(fit.places[sources], fit.places[targets], radii[sources], radii[targets])
    share = np.abs(sizes) / max(np.abs(sizes).max(initial=0), 1e-30)
    widths = _diagonal(session) * (THINNEST + (WIDEST - THINNEST) * share)
    if chosen is not None:
        bright = np.array([edge == chosen for edge in edges], dtype=bool)
    else:
        bright = (sources == session.latent) | (targets == session.latent)
    strength = np.where(bright, BRIGHT, DIM) if bright.any() else np.full(len(edges), PLAIN)
    return _Arrows(edges, starts, stops, widths, np.sign(sizes) * strength)


def _drawable(session: Session, edge: Edge) -> bool:
    """Whether there is such a link now, between two latents that have a place."""
    fit, var = session.fit, session.shown_var
    if fit is None or var is None or edge.source == edge.target:
        return False
    placed = not {edge.source, edge.target} & fit.whole_image.keys()
    return placed and bool(var.coefficients[edge.lag - 1, edge.target, edge.source])


def _wanted_outlines(session: Session) -> list[tuple[int, int]]:
    """Latents to outline, with the kind of each: all, if wanted, and what is chosen on top."""
    placed = _with_place(session)
    wanted = dict.fromkeys(placed, ANY) if session.graph.outlines else {}
    chosen: list[tuple[int | None, int]] = [(session.latent, CHOSEN)]
    if session.edge is not None:
        chosen = [(session.edge.source, SOURCE), (session.edge.target, TARGET)]
    for latent, kind in chosen:
        if latent in placed:
            wanted.pop(latent, None)  # drawn last, above the others
            wanted[latent] = kind
    return list(wanted.items())


def _with_place(session: Session) -> list[int]:
    """Latents of the fit that are not of the whole image."""
    assert session.fit is not None
    return [k for k in range(session.fit.latents) if k not in session.fit.whole_image]


def _diagonal(session: Session) -> float:
    """Diagonal of the image in pixels."""
    assert session.stack is not None
    return float(np.hypot(*session.stack.shape[1:]))


def _point(layer: Any, event: Any) -> Array:
    """Place of the mouse in pixels of the image (y, x)."""
    return np.asarray(layer.world_to_data(event.position), dtype=float)[-2:]


def _layer(viewer: ViewerModel) -> Any:
    return next((layer for layer, _ in ours(viewer, LINKS)), None)


def _outlined_mesh(session: Session, wanted: list[tuple[int, int]]) -> tuple[Mesh, Array]:
    """Mesh of the outlines of some latents, each of a kind, and the value of each vertex; kept until they change."""
    assert session.fit is not None
    about = (weakref.ref(session.fit.network), wanted)
    if session not in _outlined or _outlined[session][0] != about:
        known = outlines(session.fit)
        parts = [(line, kind, i) for latent, kind in wanted for i, line in enumerate(known[latent].lines)]
        kinds = np.array([kind for _, kind, _ in parts], dtype=float)
        main = np.array([i == 0 for *_, i in parts], dtype=bool)  # other parts are thin: no arrow leads to them
        widths = np.where(kinds == ANY, 1, 2.5) * np.where(main, 1, OTHER_PART) * LINE * _diagonal(session)
        vertices, faces, which = line_mesh([line for line, *_ in parts], widths)
        _outlined[session] = about, (vertices, faces), kinds[which]
    return _outlined[session][1:]


def _put(viewer: ViewerModel, session: Session, vertices: Array, faces: NDArray[np.intp], values: Array) -> Surface:
    """Add or update the layer, and return it.

    Two vertices at the corners of the image keep its extent the same, so that napari need not slice every layer again.
    """
    assert session.stack is not None
    corners = np.array([[0, 0], [side - 1 for side in session.stack.shape[1:]]], dtype=float)
    none = np.zeros((0 if len(faces) else 1, 3), dtype=faces.dtype)  # a mesh without a triangle cannot be drawn
    data = np.concatenate([corners, vertices]), np.concatenate([none, faces + 2]), np.concatenate([[0, 0], values])
    layer = _layer(viewer)
    if layer is not None:
        with layer.events.data.blocker():  # nothing that follows from data changes but the drawing
            layer.data = data
        return layer
    selection = set(viewer.layers.selection)
    layer = viewer.add_surface(
        data, name=LINKS, colormap=COLOURS, contrast_limits=LIMITS, shading="none",
        metadata={KEY: {"kind": LINKS}}, **shared_grid(viewer, session.stack, 2),
    )  # fmt: skip
    register(layer, About(LINKS, True, session.generation, (), LINKS))
    if selection:
        viewer.layers.selection = selection
    return layer
