"""Contribution maps that a dock asks for: computed in the background, shown as layers."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from napari_varae.core.compute.checkpoint import go_on
from napari_varae.core.maps.definition import UNITS, define_map, explain_empty
from napari_varae.session.generation import EVERYTHING, Generation, Part
from napari_varae.session.job_events import Controls
from napari_varae.session.ranges import Segments, name_ranges
from napari_varae.session.results import Edge
from napari_varae.viewer.colour_bars import is_empty
from napari_varae.viewer.lazy_movie import LazyMovie
from napari_varae.viewer.maps import show_map
from napari_varae.viewer.provenance import ours
from napari_varae.viewer.side_by_side import put_pair
from napari_varae.widgets.jobs.job import Job, Report
from napari_varae.widgets.parts.panel import Panel
from napari_varae.widgets.parts.text import report_caution

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack

__all__ = ["Kind", "MapRequest", "follow_penalty", "show", "show_difference", "show_edge"]

Kind = Literal["driver", "effect"]
CLICKED = "link"
"""Key of the layer that holds the map of the link that was clicked last."""


class MapRequest(NamedTuple):
    """Which contribution map: its kind, its subject, its frames (parts with a sign), a name for the layer.

    `ranges` names the frame sets of the session that the frames are; maps with the same `key` replace each other. With
    `each_frame` it is a map of every frame, computed when the frame is looked at.
    """

    kind: Kind
    subject: str
    target: int | None
    edge: Edge | None
    own_past: bool
    spans: tuple[tuple[float, Segments | None], ...]
    name: str
    ranges: tuple[Part, ...] = ()
    key: str = ""
    each_frame: bool = False

    @property
    def definition(self) -> str:
        """What the map shows, in words."""
        return f"{self.name}: {define_map(self.kind, self.own_past or self.edge is not None)}"


_requests: weakref.WeakKeyDictionary[Layer, MapRequest] = weakref.WeakKeyDictionary()
"""What a layer of a map was asked to show."""


def show(panel: Panel, *requests: MapRequest, side_by_side: bool = False, follows: bool = False) -> None:
    """Compute maps of the fit in use, with the penalty that is tried, and add or update their layers.

    An empty map is reported, unless it `follows` the sparsity slider.

    Raises
    ------
    ValueError, StackError
        Without a fit or a movie, and while another job is running.
    """
    session = panel.session
    stack, in_use = session.require_stack(), session.require_fit()
    fit, latents = session.shown_fit or in_use, session.latents
    suffix = "" if session.penalty is None else f", penalty {session.penalty:.3g}"
    viewer, generation = panel.viewer, session.generation

    def compute(controls: Controls, _report: Report) -> Generator[None, None, list[Any]]:
        found = []
        for request in requests:
            yield
            found.append(_compute(fit, stack.checked(controls.check), request, latents))
        return found

    def add_layers(images: list[Any]) -> None:
        layers = [
            _add_layer(viewer, fit, stack, request, request.name + suffix, generation, image)
            for request, image in zip(requests, images, strict=True)
        ]
        if side_by_side:
            put_pair(viewer, stack, fit, *layers)
        empty = next((request for request, layer in zip(requests, layers, strict=True) if is_empty(layer)), None)
        if empty is not None and not follows:
            report_caution(explain_empty(empty.name, empty.subject, empty.own_past))

    Job(panel, "computing", compute, title=requests[0].name, on_return=add_layers, about=("movie", "fit"))


def show_edge(panel: Panel, edge: Edge, kind: Kind = "driver") -> None:
    """Select a link, and show its map when the VAR has this link and nothing else is being computed."""
    session = panel.session
    session.set_edge(edge)
    session.require_stack()
    var = session.shown_var or session.require_fit().var
    if session.job == "idle" and var.coefficients[edge.lag - 1, edge.target, edge.source] != 0:
        name = f"{kind} map of link {edge}"
        show(panel, MapRequest(kind, "edge", None, edge, False, ((1.0, None),), name, key=CLICKED))


def follow_penalty(panel: Panel) -> None:
    """Compute the visible maps of the VAR and of links again, with the penalty that is tried."""
    layers = [layer for layer, _ in ours(panel.viewer, "map:") if layer.visible and layer in _requests]
    if layers and panel.session.job == "idle":
        show(panel, *(_requests[layer] for layer in layers), follows=True)


def show_difference(panel: Panel, comparison: Comparison) -> None:
    """Show where the coefficients that a comparison found to differ drive more in A, or in B."""
    stack, fit = panel.session.require_stack(), panel.session.require_fit()
    (a, short_a), (b, short_b) = (
        [name_ranges(comparison.ranges[letter], stack.frame_rate, short=short) for short in (False, True)]
        for letter in "ab"
    )
    name = f"difference map, A {short_a} minus B {short_b}, p ≤ {comparison.config.level:g}"
    definition = (
        f"Difference map, A ({a}) minus B ({b}): mean absolute gradient times input of the one-step "
        f"prediction by the coefficients that differ (adjusted p <= {comparison.config.level:g}; own past included), "
        "with those of each range: the map of A minus the map of B."
    )

    about = panel.session.compared

    def compute(controls: Controls, _report: Report) -> Generator[None, None, NDArray[np.float32]]:
        from napari_varae.core.comparison.difference_map import difference_map

        yield
        return difference_map(fit, stack.checked(controls.check), comparison)

    def add_layer(image: NDArray[np.float32]) -> None:
        unit = UNITS["driver"]
        show_map(viewer, stack, fit, image, name, definition, "difference", about, EVERYTHING, unit=unit)

    viewer = panel.viewer
    Job(panel, "computing", compute, title=name, on_return=add_layer, about=("movie", "fit"))


def _compute(fit: Fit, stack: Stack, request: MapRequest, latents: Any) -> NDArray[np.float32] | LazyMovie:
    """Compute a map in the worker's thread, averaged over the parts of its ranges."""
    from napari_varae.core.maps.contribution import contribution_map
    from napari_varae.core.maps.frame_contributions import FrameContributions

    what = {"target": request.target, "edge": request.edge, "own_past": request.own_past}
    if request.each_frame:
        contributions = FrameContributions(fit, stack, **what)  # type: ignore[arg-type]  # mypy sees one union
        contributions(0, 1)  # what is chosen once is chosen here
        contributions.stack = stack.checked(go_on)  # the job ends; the layer stays
        return LazyMovie(contributions, stack.shape)
    image: Any = 0
    for sign, segments in request.spans:
        # mypy sees one union here, too
        found = contribution_map(fit, stack, kind=request.kind, frames=segments, latents=latents, **what)  # type: ignore[arg-type]
        image = image + np.float32(sign) * found
    return np.asarray(image)


def _add_layer(
    viewer: Viewer, fit: Fit, stack: Stack, request: MapRequest, name: str, generation: Generation, image: Any
) -> Layer:
    """Show a map that has been computed."""
    parts: tuple[Part, ...] = ("movie", "fit", "bad_frames", *request.ranges)
    group = f"{request.kind} {request.subject}{' of each frame' * request.each_frame}"
    layer = show_map(
        viewer, stack, fit, image, name, request.definition, group, generation, parts,
        key=request.key or request.name, unit=UNITS[request.kind],
    )  # fmt: skip
    _requests[layer] = request
    return layer
