"""Traces over time as a figure: latents and behaviour as rows, a raster, and frame sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.figures.colours import TRACE_COLOURS, set_colours
from napari_varae.figures.paper import DOUBLE, drawn, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_varae.core.movie.frames import FrameRange

__all__ = ["draw_traces"]

ROW, RASTER = 9.0, 32.0
"""Millimetres of a row and of the raster."""
POINTS = 4000
"""Points that are drawn of a trace, about: of each piece its lowest and its highest value."""
COLUMNS = 1600
"""Columns of the raster, at most."""
SPREAD = 99.8
"""Percentile of the sizes of a trace that fills its row."""
DARK, BRIGHT = 2.0, 99.0
"""Percentiles of the raster that are drawn white and black."""


@drawn
def draw_traces(
    traces: Mapping[str, ArrayLike],
    *,
    frame_rate: float | None = None,
    frames: FrameRange | None = None,
    frame_sets: Mapping[str, Sequence[FrameRange]] | None = None,
    sides: tuple[str, str] = ("A", "B"),
    raster: ArrayLike | None = None,
    colours: Sequence[str] | None = None,
) -> Figure:
    """Draw traces as rows over time, with frame sets as shades and bars.

    Parameters
    ----------
    traces : mapping of str to array (T,)
        The rows by name, the first on top; NaN is left out. Each fills its row, whatever its unit.
    frame_rate : float, optional
        In Hz; time is in frames when unknown.
    frames : (int, int), optional
        Half-open range to draw; all frames when not given.
    frame_sets : mapping of str to ranges, optional
        Half-open ranges of frames by name.
    sides : (str, str)
        Names of the frame sets that are drawn green, as A, and violet, as B.
    raster : array, shape (T, K), optional
        Latents to draw below as lines of an image, the first on top, each in its SD.
    colours : sequence of str, optional
        A colour for each row.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        When there is nothing to draw, or traces differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> z = np.random.default_rng(0).normal(size=(300, 2))
    >>> sets = {"go": [(0, 60), (120, 180)], "stop": [(60, 120)]}
    >>> figure = nv.draw_traces({"latent 0": z[:, 0], "latent 1": z[:, 1]}, frame_rate=30.0, frame_sets=sets)
    >>> figure.axes[0].get_xlabel()
    'Time (s)'
    """
    rows = {name: np.asarray(values, dtype=float) for name, values in traces.items()}
    lines = np.zeros((0, 0)) if raster is None else np.asarray(raster, dtype=float)
    lengths = {len(values) for values in rows.values()} | ({len(lines)} if lines.size else set())
    if len(lengths) != 1:
        raise ValueError(f"Traces have {sorted(lengths)} frames: give one length, and at least one trace.")
    start, stop = (0, lengths.pop()) if frames is None else frames
    rate = frame_rate or 1.0
    sets = {name: ranges for name, ranges in (frame_sets or {}).items() if len(ranges)}
    names = set_colours(list(sets), *sides)
    heights = [ROW * max(len(rows), 1) + 8] + ([RASTER] if lines.size else [])
    figure = new_figure(DOUBLE, sum(heights) + 16)
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    axes = plain_axes(figure, grid[0], x="Time (s)" if frame_rate else "Frame")
    shown = list(TRACE_COLOURS) if colours is None else list(colours)
    _add_rows(axes, rows, (start, stop), rate, shown)
    _add_sets(axes, sets, names, rate, len(rows))
    axes.set_xlim(start / rate, stop / rate)
    if lines.size:
        below = plain_axes(figure, grid[1], x=axes.get_xlabel(), y="Latents")
        below.sharex(axes)
        _add_raster(below, lines, (start, stop), rate)
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)
    return figure


def _add_rows(
    axes: Axes, rows: Mapping[str, NDArray[Any]], frames: FrameRange, rate: float, colours: Sequence[str]
) -> None:
    """Draw each trace about the middle of its row, the first on top."""
    n, (start, stop) = len(rows), frames
    for i, values in enumerate(rows.values()):
        known = values[np.isfinite(values)]
        middle = float(np.median(known)) if len(known) else 0.0
        height = 2 * float(np.percentile(np.abs(known - middle), SPREAD)) if len(known) else 1.0
        at, y = _thinned((values[start:stop] - middle) / (height or 1.0))
        axes.plot((start + at) / rate, y + n - i - 0.5, color=colours[i % len(colours)], linewidth=0.6)
    axes.set_yticks([n - i - 0.5 for i in range(n)], list(rows))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(-0.1, n + 0.3)


def _add_sets(
    axes: Axes, sets: Mapping[str, Sequence[FrameRange]], colours: Mapping[str, str], rate: float, n: int
) -> None:
    """Shade the segments of frame sets, with a bar above and a legend."""
    from matplotlib.patches import Patch

    for name, ranges in sets.items():
        spans = [(a / rate, (b - a) / rate) for a, b in ranges]
        axes.broken_barh(spans, (-0.1, n + 0.1), facecolor=colours[name], alpha=0.15, linewidth=0)
        axes.broken_barh(spans, (n + 0.05, 0.2), facecolor=colours[name], linewidth=0)
    if sets:
        patches = [Patch(facecolor=colours[name], label=name) for name in sets]
        axes.legend(handles=patches, loc="lower left", bbox_to_anchor=(0, 1), ncols=min(len(sets), 6))


def _add_raster(axes: Axes, lines: NDArray[Any], frames: FrameRange, rate: float) -> None:
    """Draw latents as lines of an image, in SD of their own."""
    start, stop = frames
    edges = np.unique(np.linspace(start, stop, min(stop - start, COLUMNS) + 1).astype(int))
    z = (lines - np.nanmean(lines, axis=0)) / np.maximum(np.nanstd(lines, axis=0), 1e-12)
    binned = np.add.reduceat(z[:stop], edges[:-1], axis=0) / np.diff(edges)[:, None]
    low, high = np.nanpercentile(binned, [DARK, BRIGHT])
    axes.imshow(
        binned.T, aspect="auto", cmap="Greys", vmin=low, vmax=max(high, low + 1e-6), interpolation="nearest",
        extent=(start / rate, stop / rate, lines.shape[1], 0),
    )  # fmt: skip
    axes.set_yticks([])


def _thinned(values: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Return which points of a trace to draw, and their values: of each piece the lowest and the highest."""
    size = -(-2 * len(values) // POINTS)
    if size <= 2:
        return np.arange(len(values)), values
    whole = len(values) // size * size
    pieces = values[:whole].reshape(-1, size)
    unknown = np.isnan(pieces)
    low, high = np.where(unknown, np.inf, pieces).argmin(1), np.where(unknown, -np.inf, pieces).argmax(1)
    first = np.arange(len(pieces)) * size
    at = np.unique(np.concatenate([first + low, first + high, np.arange(whole, len(values))]))
    return at, values[at]
