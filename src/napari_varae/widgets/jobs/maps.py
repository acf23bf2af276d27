"""Contribution maps that a dock asks for: computed in the background, shown as layers."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from napari_varae.core.maps.definition import define_map
from napari_varae.session.generation import EVERYTHING, Generation, Part
from napari_varae.session.job_events import Controls
from napari_varae.session.ranges import Segments, name_ranges
from napari_varae.session.results import Edge
from napari_varae.viewer.maps import show_map
from napari_varae.widgets.jobs.job import Job, Report
from napari_varae.widgets.parts.panel import Panel

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack

__all__ = ["MapRequest", "show", "show_difference", "show_edge"]


class MapRequest(NamedTuple):
    """Which contribution map: its kind, its subject, its frames (parts with a sign), a name for the layer.

    `ranges` names the frame sets of the session that the frames are.
    """

    kind: Literal["driver", "effect"]
    subject: str
    target: int | None
    edge: Edge | None
    own_past: bool
    spans: tuple[tuple[float, Segments | None], ...]
    name: str
    ranges: tuple[Part, ...] = ()

    @property
    def definition(self) -> str:
        """What the map shows, in words."""
        return f"{self.name}: {define_map(self.kind, self.own_past or self.edge is not None)}"


def show(panel: Panel, stack: Stack, fit: Fit, request: MapRequest) -> None:
    """Compute a map and add or update its layer.

    Raises
    ------
    ValueError
        While another job is running.
    """
    Job(
        panel,
        "computing",
        partial(_compute, fit, stack, request),
        title=request.name,
        on_return=partial(_add_layer, panel.viewer, fit, stack, request, panel.session.generation),
        about=("movie", "fit"),
    )


def show_edge(panel: Panel, edge: Edge) -> None:
    """Select a link, and show its driver map when the VAR has this link and nothing else is being computed."""
    session = panel.session
    session.set_edge(edge)
    stack, fit = session.require_stack(), session.require_fit()
    if session.job == "idle" and fit.var.coefficients[edge.lag - 1, edge.target, edge.source] != 0:
        request = MapRequest("driver", "edge", None, edge, False, ((1.0, None),), f"driver map of link {edge}")
        show(panel, stack, fit, request)


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
        show_map(viewer, stack, fit, image, name, definition, "difference", about, EVERYTHING)

    viewer = panel.viewer
    Job(panel, "computing", compute, title=name, on_return=add_layer, about=("movie", "fit"))


def _compute(
    fit: Fit, stack: Stack, request: MapRequest, controls: Controls, _report: Report
) -> Generator[None, None, NDArray[np.float32]]:
    """Compute a map in the worker's thread, averaged over the parts of its ranges."""
    from napari_varae.core.maps.contribution import contribution_map

    image: Any = 0
    stack = stack.checked(controls.check)
    for sign, segments in request.spans:
        yield
        found = contribution_map(
            fit,
            stack,
            kind=request.kind,
            frames=segments,
            target=request.target,
            edge=request.edge,
            own_past=request.own_past,
        )
        image = image + np.float32(sign) * found
    return np.asarray(image)


def _add_layer(
    viewer: Viewer, fit: Fit, stack: Stack, request: MapRequest, generation: Generation, image: NDArray[np.float32]
) -> None:
    """Show a map that has been computed."""
    parts: tuple[Part, ...] = ("movie", "fit", "bad_frames", *request.ranges)
    group = f"{request.kind} {request.subject}"
    show_map(viewer, stack, fit, image, request.name, request.definition, group, generation, parts)
