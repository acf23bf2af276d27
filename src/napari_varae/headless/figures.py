"""Figures of an analysis folder, for the command line and the report of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_varae.core.maps.definition import UNITS
from napari_varae.core.maps.limits import map_limit
from napari_varae.figures.comparison import draw_null
from napari_varae.figures.maps import draw_map
from napari_varae.figures.traces import draw_traces
from napari_varae.figures.training import draw_training
from napari_varae.figures.var import draw_matrix
from napari_varae.io.analysis_files import MAPS
from napari_varae.io.map_tiff import read_map
from napari_varae.session.time_rows import strongest_latents

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_varae.core.comparison.result import Comparison
    from napari_varae.io.analysis import Analysis

__all__ = ["What", "draw_analysis", "draw_maps", "draw_result"]

What = Literal["latents", "links", "comparisons", "training", "maps"]
TRACES = 8


def draw_analysis(analysis: Analysis, what: What) -> Figure:
    """Draw one of the results of an analysis.

    Parameters
    ----------
    analysis : Analysis
    what : str
        "latents" with frame sets over time, "links" as a matrix, the null distribution of the last of the
        "comparisons", the curves of "training", or all "maps" side by side.

    Raises
    ------
    ValueError
        When the analysis does not have it yet.
    FitFileError, DataError
        When a file is missing or damaged.
    """
    fit = analysis.fit
    if what == "training":
        return draw_training(fit.history)
    if what == "links":
        coefficients = fit.var.coefficients
        largest = np.take_along_axis(coefficients, np.abs(coefficients).argmax(0)[None], 0)[0]
        title = "Lag 1" if fit.var.order == 1 else f"The largest of lags 1 to {fit.var.order}"
        return draw_matrix(largest, title=f"{title}, penalty {fit.var.penalty:.3g}")
    if what == "comparisons":
        if not (names := list(analysis.comparisons)):
            raise ValueError(f"{analysis.folder} holds no comparison yet. Compare first.")
        return draw_result(analysis.comparison(names[-1]))
    if what == "maps":
        if not (maps := analysis.maps):
            raise ValueError(f"{analysis.folder} holds no map yet. Draw one with: napari-varae map {analysis.folder}")
        return draw_maps(analysis, *maps)
    if (latents := analysis.latents) is None:
        raise ValueError(f"{analysis.folder} holds no latents yet. Go on with: napari-varae resume {analysis.folder}")
    shown = strongest_latents(fit, latents, TRACES)
    sides = analysis.record.sides or ("A", "B")
    return draw_traces(
        {f"latent {i}": latents[:, i] for i in shown}, frame_rate=analysis.frame_rate, frame_sets=analysis.frame_sets,
        sides=sides, raster=latents,
    )  # fmt: skip


def draw_maps(analysis: Analysis, *names: str) -> Figure:
    """Draw maps of an analysis over the static image, each with limits of its own."""
    read = {name: read_map(analysis.folder / MAPS / f"{name}.tif") for name in names}
    units: dict[str, Any] = {name: UNITS.get(about.get("kind", ""), "") for name, (_, about) in read.items()}
    limits = {name: map_limit(image) for name, (image, _) in read.items()}
    return draw_map(
        {name: image for name, (image, _) in read.items()}, analysis.fit.static, unit=units,
        pixel_size=analysis.pixel_size, limit=limits,
    )  # fmt: skip


def draw_result(result: Comparison) -> Figure:
    """Draw the null distribution of coupling, or of any coefficient where there are only own pasts."""
    return draw_null(result, "coupling" if result.coupling.n_coefficients else "any")
