"""Slider and cursor, movie and layer, fit and views: what changes on one side is followed on the other."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_varae.session.session import Session
from napari_varae.viewer.cells import CELLS, choose_cell, follow_cells, take_up_cells
from napari_varae.viewer.clicks import follow_clicks
from napari_varae.viewer.graph import choose_latent, choose_link, follow_graph, graph_removed
from napari_varae.viewer.grid import calibrate, frame_in_view, show_frame
from napari_varae.viewer.movie import use_layer
from napari_varae.viewer.provenance import KEY, LINKS, MOVIE, about, forget, mark, ours
from napari_varae.viewer.views import refresh

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["follow"]

_followed: weakref.WeakSet[Session] = weakref.WeakSet()


def follow(viewer: ViewerModel, session: Session) -> None:
    """Tie the cursor to the slider, the movie to its layer, and the views to the fit. Once per viewer."""
    if session in _followed:
        return
    _followed.add(session)
    # The session lives in a registry: it must not keep the viewer alive.
    reference = weakref.ref(getattr(viewer, "__wrapped__", viewer))
    _follow_cursor(viewer, reference, session)
    _follow_movie(viewer, reference, session)
    _follow_results(reference, session)
    follow_cells(reference, session)
    follow_graph(reference, session)
    follow_clicks(viewer, [partial(choose, session=session) for choose in (choose_link, choose_cell, choose_latent)])


def _follow_cursor(viewer: ViewerModel, reference: Callable[[], ViewerModel | None], session: Session) -> None:
    """Move slider and cursor together, both ways."""

    def slider_moved(_event: Any = None) -> None:
        viewer = reference()
        if viewer is not None and _shows_movie(viewer, session):
            frame = frame_in_view(viewer)
            session.set_frame(session.frame if frame is None else frame)

    def cursor_moved(frame: int) -> None:
        viewer = reference()
        if viewer is not None and _shows_movie(viewer, session):
            show_frame(viewer, frame)

    viewer.dims.events.point.connect(slider_moved)
    session.frame_changed.connect(cursor_moved)


def _follow_movie(viewer: ViewerModel, reference: Callable[[], ViewerModel | None], session: Session) -> None:
    """Take up a movie and cells that are opened while there are none; let the movie go when its layer is removed."""

    def take_up(layer: Layer) -> None:
        viewer = reference()
        kind = layer.metadata.get(KEY, {}).get("kind")
        if viewer is None or session.job != "idle" or about(layer) is not None:
            return
        if kind in ("sample", "file") and session.stack is None:
            use_layer(viewer, layer)
        elif kind == CELLS:
            take_up_cells(viewer, session, layer)

    def layer_removed(event: Any) -> None:
        what = about(event.value)
        forget(event.value)
        if what is not None and what.kind == MOVIE and session.stack is not None:
            session.close_movie()
        elif what is not None and what.kind == CELLS and session.cells is not None:
            session.use_cells(None)
        elif what is not None and what.kind == LINKS and session.stack is not None:
            graph_removed(session)

    def layer_inserted(event: Any) -> None:
        take_up(event.value)

    viewer.layers.events.inserted.connect(layer_inserted)
    viewer.layers.events.removed.connect(layer_removed)
    latest = list(reversed(viewer.layers))
    for layer in [layer for ndim in (3, 2) for layer in latest if layer.ndim == ndim]:  # the movie before its cells
        take_up(layer)


def _shows_movie(viewer: ViewerModel, session: Session) -> bool:
    """Whether the movie layer shows the movie in use, which is not so while another one is being opened."""
    now = session.generation.movie
    return session.stack is not None and any(what.generation.movie == now for _, what in ours(viewer, MOVIE))


def _follow_results(reference: Callable[[], ViewerModel | None], session: Session) -> None:
    """Keep calibration and views current, and mark what is not."""

    def changed() -> None:
        viewer = reference()
        if viewer is not None:
            if session.stack is not None and _shows_movie(viewer, session):
                frame = session.frame
                calibrate(viewer, session.stack)
                session.set_frame(frame)  # which stays in view, whatever its time is now
                show_frame(viewer, frame)
            refresh(viewer, session)
            mark(viewer, session)

    for signal in (session.movie_changed, session.fit_changed, session.ranges_changed):
        signal.connect(changed)
