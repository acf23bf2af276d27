"""Traces of regions that the user drew, computed in the background."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_varae.core.movie.stack import Stack
from napari_varae.io.cells import open_cells
from napari_varae.session.job_events import Controls
from napari_varae.widgets.jobs.job import Job, Report
from napari_varae.widgets.parts.panel import Panel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_varae.core.experiment.cells import Cells

__all__ = ["trace_regions"]

MOST = 8
"""Regions whose traces are shown."""


def trace_regions(panel: Panel, layer: Any) -> None:
    """Average the movie over the regions of a Labels or Shapes layer, and show the traces.

    Raises
    ------
    DataError
        When there is no region, or the layer has another size.
    ValueError
        While another job is running, or when there are too many regions.
    """
    stack = panel.session.require_stack()
    regions = open_cells(layer, stack.shape[1:])
    if len(regions) > MOST:
        raise ValueError(
            f"The layer {layer.name!r} has {len(regions)} regions; up to {MOST} traces are shown. Draw those that you "
            "want to see in a layer of their own."
        )
    names = [f"{layer.name} {region}" for region in regions.ids]

    def use(traces: NDArray[np.float32]) -> None:
        panel.session.show_regions(dict(zip(names, traces.T, strict=True)))

    work = partial(_compute, stack, regions)
    Job(panel, "computing", work, title=f"Traces of {layer.name}", on_return=use, about=("movie",))


def _compute(
    stack: Stack, regions: Cells, controls: Controls, report: Report
) -> Generator[None, None, NDArray[np.float32]]:
    """Go through the movie in the worker's thread."""
    from napari_varae.core.experiment.region_traces import region_traces

    yield
    return region_traces(stack.checked(controls.check), regions, partial(report, "reading"))
