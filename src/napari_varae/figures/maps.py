"""Contribution maps as figures: over the static image, with colour bar, unit and scale bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.maps.limits import map_limit
from napari_varae.figures.colours import SIGNED_COLOURS
from napari_varae.figures.paper import SINGLE, add_colour_bar, drawn, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_map", "scale_bar_length"]

SHADE = 0.75
"""Brightness of the brightest pixels of the image below a map, of 1."""
CUT = (0.5, 99.5)
"""Percentiles of the image that are drawn black and bright."""
LONGEST = 0.3
"""Length of the scale bar as a share of the width, at most."""
STEPS = (1, 2, 5)
MARGIN, PANEL, TALLEST = 16.0, 70.0, 3.0
"""Millimetres for title and bar, millimetres of the width of a map among several, and most height for width 1."""


@drawn
def draw_map(
    maps: ArrayLike | Mapping[str, ArrayLike],
    image: ArrayLike,
    *,
    title: str = "",
    unit: str | Mapping[str, str] = "",
    pixel_size: float | None = None,
    limit: float | Mapping[str, float] | None = None,
) -> Figure:
    """Draw contribution maps over an image, side by side, on white.

    Parameters
    ----------
    maps : array (Y, X), or mapping of str to such arrays
        One map, or several with their titles.
    image : array, shape (Y, X)
        What is shown in grey below, such as `fit.static`.
    title : str
        Title of a single map.
    unit : str, or mapping of str to str
        Unit of the values, written beside the colour bar.
    pixel_size : float, optional
        Edge of a pixel in micrometres, for the scale bar; no scale bar when unknown.
    limit : float, or mapping of str to float, optional
        Value at which the colours end, on both sides of zero. By default the one that the window takes: robust against
        hot pixels, and shared by all maps.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        When a map has another size than the image.

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4, seed=0)).stack
    >>> fit = nv.fit(stack, nv.FitConfig(latents=4, epochs=1))
    >>> drivers = nv.contribution_map(fit, stack, kind="driver")
    >>> figure = nv.draw_map(drivers, fit.static, title="Driver map", unit="SD", pixel_size=1.5)
    >>> figure.axes[0].get_title("left")
    'Driver map'
    """
    named = dict(maps) if isinstance(maps, Mapping) else {title: maps}
    values = {name: np.asarray(one, dtype=float) for name, one in named.items()}
    below = np.asarray(image, dtype=float)
    for name, one in values.items():
        if one.shape != below.shape:
            raise ValueError(f"The map {name!r} has the shape {one.shape}, and the image {below.shape}.")
    if not values:
        raise ValueError("No map was given to draw.")
    shared = map_limit(*values.values()) if limit is None else limit
    width = SINGLE if len(values) == 1 else PANEL * len(values)
    tall = min(below.shape[0] / below.shape[1], TALLEST)
    figure = new_figure(width, 0.82 * width / len(values) * tall + MARGIN)
    grey = _grey(below)
    for i, (name, one) in enumerate(values.items()):
        end = shared[name] if isinstance(shared, Mapping) else shared
        axes = figure.add_subplot(1, len(values), i + 1)
        axes.imshow(_over(one, end, grey), interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(name, loc="left", wrap=True)
        if pixel_size is not None:
            _add_scale_bar(axes, below.shape, pixel_size)
        of_it = unit[name] if isinstance(unit, Mapping) else unit
        _add_bar(figure, axes, end, of_it, float(np.median(grey)), signed=bool((one < 0).any()))
    return figure


def scale_bar_length(width: float) -> float:
    """Return a length of 1, 2 or 5 times a power of ten, at most 0.3 of a width."""
    most = LONGEST * width
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in STEPS if step * power <= most * (1 + 1e-9)))


def _grey(image: NDArray[Any]) -> NDArray[np.float64]:
    """Scale an image to between black and a grey on which colours are seen."""
    low, high = np.nanpercentile(image, CUT)
    scaled: NDArray[np.float64] = np.nan_to_num((image - low) / max(high - low, 1e-30)).clip(0, 1) * SHADE
    return scaled


def _colours(share: NDArray[Any]) -> NDArray[np.float64]:
    """Red, green, blue and opacity of values from -1 to 1; what is not a number is transparent."""
    at = np.nan_to_num(share).clip(-1, 1)
    stops = np.linspace(-1, 1, len(SIGNED_COLOURS))
    return np.stack([np.interp(at, stops, channel) for channel in SIGNED_COLOURS.T], axis=-1)


def _over(values: NDArray[Any], end: float, grey: NDArray[Any] | float) -> NDArray[np.float64]:
    """Lay the colours of a map over a grey."""
    colours = _colours(values / end)
    opacity = colours[..., 3:]
    mixed: NDArray[np.float64] = opacity * colours[..., :3] + (1 - opacity) * np.asarray(grey)[..., None]
    return mixed


def _add_bar(figure: Figure, axes: Axes, end: float, unit: str, grey: float, *, signed: bool) -> None:
    """Draw the colours as they appear over the median of the image; of a map without negative values, half of them."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    low = -end if signed else 0.0
    colours = ListedColormap(_over(np.linspace(low, end, 256), end, np.full(256, grey)))
    ticks = [low, low / 2, 0, end / 2, end] if signed else [0, end / 2, end]
    add_colour_bar(figure, axes, ScalarMappable(Normalize(low, end), colours), unit, ticks, ticks)


def _add_scale_bar(axes: Axes, shape: tuple[int, ...], pixel_size: float) -> None:
    """Draw a white bar with its length at the bottom right, readable on any image."""
    from matplotlib.patheffects import withStroke

    height, width = shape
    length = scale_bar_length(width * pixel_size)
    end, pixels, y = width * 0.95, length / pixel_size, height * 0.94
    axes.plot([end - pixels, end], [y, y], color="white", linewidth=1.5, path_effects=[withStroke(linewidth=2.5)])
    axes.text(
        end - pixels / 2, y - 0.03 * height, f"{length:g} µm", color="white", ha="center", va="bottom", fontsize=6,
        bbox={"facecolor": "black", "alpha": 0.5, "linewidth": 0, "pad": 0.8},
    )  # fmt: skip
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
