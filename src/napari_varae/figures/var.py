"""The coefficients of a VAR as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from napari_varae.figures.colours import CURVE_COLOURS, OBSERVED_COLOUR, OTHER_COLOUR
from napari_varae.figures.paper import SINGLE, add_colour_bar, drawn, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_varae.core.training.along_path import AlongPath

__all__ = ["draw_matrix", "draw_path"]

COLOURS = ("#08519c", "#3b8eea", "#ffffff", "#f08c2e", "#a63603")
"""Blue below zero, white at it, orange above."""


@drawn
def draw_matrix(coefficients: ArrayLike, *, title: str = "") -> Figure:
    """Draw coefficients as a matrix of targets by sources, blue below and orange above zero.

    Colours follow the square root of the size, so that links are seen beside own past; the colour bar is labelled with
    the coefficients themselves.

    Parameters
    ----------
    coefficients : array, shape (K, K)
        Of one lag, as [target, source].
    title : str

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        When it is not a square matrix.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> figure = nv.draw_matrix(np.array([[0.8, 0.0], [-0.3, 0.7]]), title="Lag 1")
    >>> figure.axes[0].get_xlabel()
    'Source latent'
    """
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import MaxNLocator

    matrix = np.asarray(coefficients, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"coefficients have the shape {matrix.shape}. Give those of one lag, (K, K).")
    figure = new_figure(SINGLE, SINGLE * 0.85)
    axes = figure.add_subplot()
    end = np.sqrt(np.abs(matrix).max(initial=0)) or 1.0
    shaded = axes.imshow(
        np.sign(matrix) * np.sqrt(np.abs(matrix)), cmap=LinearSegmentedColormap.from_list("varae", COLOURS), vmin=-end,
        vmax=end, interpolation="nearest",
    )  # fmt: skip
    axes.set(xlabel="Source latent", ylabel="Target latent")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if title:
        axes.set_title(title, loc="left")
    shares = np.array([-1, -0.25, -0.05, 0, 0.05, 0.25, 1])
    places = np.sign(shares) * np.sqrt(np.abs(shares)) * end
    add_colour_bar(figure, axes, shaded, "Coefficient (latents of SD 1)", places, shares * end**2)
    return figure


@drawn
def draw_path(along: AlongPath, penalty: float) -> Figure:
    """Draw the held-out prediction along the l1 path, with the penalty of the fit and the best one.

    Parameters
    ----------
    along : AlongPath
        From :func:`napari_varae.prediction_along_path`.
    penalty : float
        That of the fit, `fit.var.penalty`.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4, seed=0)).stack
    >>> fit = nv.fit(stack, nv.FitConfig(latents=4, epochs=1))
    >>> figure = nv.draw_path(nv.prediction_along_path(fit, stack), fit.var.penalty)
    >>> figure.axes[0].get_xlabel()
    'Penalty: more links to the right'
    """
    figure = new_figure(SINGLE, 50)
    axes = plain_axes(figure, x="Penalty: more links to the right", y="R² of one-step prediction, held out")
    known = np.asarray(along.penalties) > 0
    axes.plot(along.penalties[known], along.r2[known], color=CURVE_COLOURS[0])
    axes.axvline(penalty, color=OBSERVED_COLOUR, linestyle="--", linewidth=0.8, label="the fit")
    if along.best > 0:
        axes.axvline(along.best, color=OTHER_COLOUR, linestyle=":", linewidth=1, label="best")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.invert_xaxis()
    axes.legend()
    return figure
