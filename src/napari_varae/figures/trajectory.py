"""The trajectory of the latents as a figure, of all frames or of A beside B."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.figures.colours import OTHER_COLOUR, set_colours
from napari_varae.figures.paper import DOUBLE, SINGLE, drawn, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_varae.core.movie.frames import FrameRange

__all__ = ["draw_trajectory", "project"]

MOST_POINTS = 4000
"""Points that are drawn; more would be no clearer."""
LINE = "#80808055"
MAP = "viridis"
Ranges = Sequence["FrameRange"]


@drawn
def draw_trajectory(
    values: ArrayLike,
    names: Sequence[str],
    *,
    colour: ArrayLike | None = None,
    colour_name: str = "Frame",
    frame_sets: Mapping[str, Ranges] | None = None,
    sides: tuple[str, str] = ("A", "B"),
    beside: bool = False,
    angles: tuple[float, float] = (0.6, 0.4),
) -> Figure:
    """Draw latents against each other, one point a frame.

    Parameters
    ----------
    values : array, shape (T, 2) or (T, 3)
        Latents or their principal components; frames of NaN are left out.
    names : sequence of str
        Names of the axes.
    colour : array, shape (T,), optional
        What colours the points, such as time; frame sets do when not given.
    colour_name : str
        Its name with its unit, for the colour bar.
    frame_sets : mapping of str to ranges, optional
        Half-open ranges of frames by name.
    sides : (str, str)
        Names of the frame sets that are A and B.
    beside : bool
        Whether the frames of A are drawn beside those of B, on the same axes.
    angles : (float, float)
        Azimuth and elevation in radians from which three dimensions are seen.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        When there are not two or three dimensions, or no frame is known.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> z = np.random.default_rng(0).normal(size=(200, 2)).cumsum(axis=0)
    >>> figure = nv.draw_trajectory(z, ["PC 1", "PC 2"], colour=np.arange(200) / 30, colour_name="Time (s)")
    >>> figure.axes[0].get_xlabel()
    'PC 1'
    """
    points = np.asarray(values, dtype=float)
    if points.ndim != 2 or points.shape[1] not in (2, 3) or len(names) != points.shape[1]:
        raise ValueError(f"values have the shape {points.shape} and {len(names)} names. Give (T, 2) or (T, 3).")
    known = np.isfinite(points).all(axis=1)
    if not known.any():
        raise ValueError("No frame of the trajectory is known: there is nothing to draw.")
    sets = dict(frame_sets or {})
    masks = {side: _mask(sets.get(side, ()), len(points)) for side in sides} if beside else {"": known}
    turned = points.shape[1] == 3
    flat = project(points, angles)
    figure = new_figure(DOUBLE if beside else SINGLE, 80)
    first: Any = None
    shown: list[Axes] = []
    for i, (title, mask) in enumerate(masks.items(), 1):
        label = ("", "") if turned else tuple(names)
        axes = plain_axes(figure, 1, len(masks), i, x=label[0], y=label[1], title=title)
        frames = np.flatnonzero(mask & known)
        first = _add_path(axes, flat, frames, colour, sets, sides) or first
        _frame(axes, flat[known])
        if turned:
            axes.set(xticks=[], yticks=[])
            axes.spines[["left", "bottom"]].set_visible(False)
            _add_directions(axes, names, angles)
        shown.append(axes)
    if colour is not None and first is not None:
        figure.colorbar(first, ax=shown, fraction=0.04, pad=0.02, label=colour_name).outline.set_linewidth(0.5)
    elif sets and not beside:
        shown[0].legend(loc="upper right", markerscale=2)
    return figure


def project(values: NDArray[Any], angles: tuple[float, float]) -> NDArray[Any]:
    """Return points of two dimensions as they are, and those of three as seen from an azimuth and an elevation.

    Axes of three dimensions are brought to the same spread, shape (T, 2).
    """
    if values.shape[1] == 2:
        return values
    with np.errstate(invalid="ignore"):
        known = values[np.isfinite(values).all(axis=1)]
        if not len(known):
            return values[:, :2]
        scaled = (values - known.mean(axis=0)) / np.maximum(known.std(axis=0), 1e-12)
    return np.asarray(scaled @ plane(angles))


def plane(angles: tuple[float, float]) -> NDArray[np.float64]:
    """Directions to the right and up, shape (3, 2), as seen from an azimuth and an elevation."""
    (sin_a, cos_a), (sin_e, cos_e) = ((np.sin(angle), np.cos(angle)) for angle in angles)
    return np.array([[cos_a, sin_a, 0.0], [-sin_a * sin_e, cos_a * sin_e, cos_e]]).T


def _mask(ranges: Ranges, n: int) -> NDArray[np.bool_]:
    mask = np.zeros(n, dtype=bool)
    for start, stop in ranges:
        mask[start:stop] = True
    return mask


def _add_path(
    axes: Axes,
    points: NDArray[Any],
    frames: NDArray[np.intp],
    colour: ArrayLike | None,
    sets: Mapping[str, Ranges],
    sides: tuple[str, str],
) -> Any:
    """Draw some frames as points on a faint line, without a line from one segment to the next."""
    step = -(-len(frames) // MOST_POINTS) or 1
    frames = frames[::step]
    if not len(frames):
        return None
    line = points[frames].copy()
    line[np.diff(frames, prepend=frames[:1]) > 2 * step] = np.nan
    axes.plot(*line.T, color=LINE, linewidth=0.4, zorder=1)
    if colour is not None:
        values = np.asarray(colour, dtype=float)
        low, high = np.nanmin(values), np.nanmax(values)
        return _dots(axes, points[frames], c=values[frames], cmap=MAP, vmin=low, vmax=high)
    colours, rest = set_colours(list(sets), *sides), np.ones(len(points), dtype=bool)
    for name, ranges in reversed(list(sets.items())):  # of several sets, the last one in the table
        inside = frames[(_mask(ranges, len(points)) & rest)[frames]]
        rest &= ~_mask(ranges, len(points))
        if len(inside):
            _dots(axes, points[inside], color=colours[name], label=name, zorder=3)
    others = frames[rest[frames]]
    if len(others):
        _dots(axes, points[others], color=OTHER_COLOUR, alpha=0.4, label="other frames")
    return None


def _dots(axes: Axes, points: NDArray[Any], **style: Any) -> Any:
    """Draw points, (n, 2)."""
    return axes.scatter(points[:, 0], points[:, 1], s=2, linewidths=0, **style)


def _frame(axes: Axes, points: NDArray[Any]) -> None:
    """Give all panels the same axes: those of all frames."""
    (low, high), room = (points.min(axis=0), points.max(axis=0)), 0.05
    margin = np.maximum(high - low, 1e-12) * room
    axes.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))


def _add_directions(axes: Axes, names: Sequence[str], angles: tuple[float, float]) -> None:
    """Draw where the three axes lead, in the corner at the bottom left."""
    for name, (right, up) in zip(names, plane(angles), strict=True):
        axes.annotate(
            name, xy=(0.13, 0.13), xytext=(0.13 + 0.11 * right, 0.13 + 0.11 * up), ha="center", va="center",
            xycoords="axes fraction", textcoords="axes fraction", fontsize=6,
            arrowprops={"arrowstyle": "<-", "linewidth": 0.5},
        )  # fmt: skip
