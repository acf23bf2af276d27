"""Comparisons as figures: null distributions with what was observed, and the p-values of a placebo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.figures.colours import CURVE_COLOURS, OBSERVED_COLOUR, OTHER_COLOUR
from napari_varae.figures.paper import SINGLE, drawn, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_varae.core.comparison.conditions import Conditions
    from napari_varae.core.comparison.result import Comparison

__all__ = ["Question", "draw_null", "draw_placebo"]

Question = Literal["coupling", "persistence", "any"]
NAMES = {"coupling": "Coupling", "persistence": "Persistence", "any": "Any coefficient"}
HEIGHT = 55.0
MOST_BINS = 40


@drawn
def draw_null(result: Comparison | Conditions, question: Question = "coupling") -> Figure:
    """Draw the null distribution of a comparison, and the statistic that was observed.

    Parameters
    ----------
    result : Comparison or Conditions
        Of two frame sets, or of several conditions: then of the test over all of them.
    question : {"coupling", "persistence", "any"}
        Links between latents, own past, or any coefficient.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        When the question applies to no coefficient.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> za, zb = np.random.default_rng(0).normal(size=(2, 200, 3))
    >>> figure = nv.draw_null(nv.compare_latents(za, zb, resamples=99, power_draws=0))
    >>> figure.axes[0].get_xlabel()
    'Largest studentised difference'
    """
    null, observed, p_value = _of(result, question)
    if not len(null):
        raise ValueError(f"No coefficient was tested for {question}: there is nothing to draw.")
    figure = new_figure(SINGLE, HEIGHT)
    axes = plain_axes(figure, x="Largest studentised difference", y="Resamples")
    axes.hist(null, bins=min(MOST_BINS, max(5, len(null) // 10)), color=OTHER_COLOUR, label="if nothing differed")
    axes.axvline(observed, color=OBSERVED_COLOUR, linewidth=1.5, label="observed")
    axes.set_title(f"{NAMES[question]}: p = {p_value:.3g}, {len(null)} resamples", loc="left")
    axes.margins(x=0.05)
    axes.locator_params(axis="y", integer=True)
    axes.legend(loc="upper left" if observed > np.median(null) + (null.max() - null.min()) / 2 else "upper right")
    return figure


@drawn
def draw_placebo(p_values: ArrayLike) -> Figure:
    """Draw the p-values of a placebo in order, against those that chance would give.

    Parameters
    ----------
    p_values : array, shape (n,)

    Returns
    -------
    figure : matplotlib.figure.Figure

    Examples
    --------
    >>> import napari_varae as nv
    >>> figure = nv.draw_placebo([0.2, 0.9, 0.5])
    """
    values = np.sort(np.asarray(p_values, dtype=float))
    figure = new_figure(SINGLE, SINGLE * 0.8)
    axes = plain_axes(figure, x="p if nothing differed", y="p found")
    axes.plot([0, 1], [0, 1], "--", color=OTHER_COLOUR, label="as by chance")
    expected = (np.arange(len(values)) + 0.5) / max(len(values), 1)
    axes.plot(expected, values, "o", color=CURVE_COLOURS[0], markersize=3, label=f"{len(values)} pairs")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.legend(loc="upper left")
    return figure


def _of(result: Comparison | Conditions, question: Question) -> tuple[NDArray[np.float64], float, float]:
    """Return null distribution, observed statistic and p-value."""
    from napari_varae.core.comparison.conditions import Conditions

    if isinstance(result, Conditions):
        over_all = result.omnibus
        return over_all.nulls[question], over_all.statistics[question], over_all.p_values[question]
    test = result.test if question == "any" else getattr(result, question)
    return np.asarray(test.null), float(test.statistic), float(test.p_value)
