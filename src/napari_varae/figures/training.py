"""Trainings as figures: the curves over epochs, and the choice of the number of latents and the order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_varae.figures.colours import CURVE_COLOURS, OBSERVED_COLOUR, OTHER_COLOUR
from napari_varae.figures.paper import DOUBLE, SINGLE, drawn, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_varae.core.fit.report import EpochReport
    from napari_varae.core.training.choice import Choice

__all__ = ["draw_choice", "draw_training"]


@drawn
def draw_training(history: Sequence[EpochReport]) -> Figure:
    """Draw loss, what is explained, and sparsity over the epochs of a training, with the best epoch marked.

    Parameters
    ----------
    history : sequence of EpochReport
        Such as `fit.history`.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        When the history is empty.

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4, seed=0)).stack
    >>> figure = nv.draw_training(nv.fit(stack, nv.FitConfig(latents=4, epochs=2)).history)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Loss', 'Variance explained, held out', 'Nonzero coefficients per latent']
    """
    from matplotlib.ticker import MaxNLocator

    if not history:
        raise ValueError("This fit has no training history: there is nothing to draw.")
    plots = {
        "Loss": {"training": [r.train_loss for r in history], "held out": [r.held_out_loss for r in history]},
        "Variance explained, held out": {
            "reconstruction": [r.reconstruction_fve for r in history],
            "prediction": [r.prediction_fve for r in history],
        },
        "Nonzero coefficients per latent": {"": [r.nonzeros_per_target for r in history]},
    }
    epochs = [report.epoch for report in history]
    best = next((report.epoch for report in reversed(history) if report.best), None)
    figure = new_figure(DOUBLE, 52)
    for i, (name, lines) in enumerate(plots.items(), 1):
        axes = plain_axes(figure, 1, len(plots), i, x="Epoch", y=name)
        for (label, values), colour in zip(lines.items(), CURVE_COLOURS, strict=False):
            axes.plot(epochs, values, "-o", color=colour, markersize=2, label=label or None)
        if best is not None:
            axes.axvline(best, color=OBSERVED_COLOUR, linestyle="--", linewidth=0.8, label="best epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    return figure


@drawn
def draw_choice(choice: Choice) -> Figure:
    """Draw held-out reconstruction and prediction over the number of latents, for each order, with the suggestion.

    Parameters
    ----------
    choice : Choice
        From :func:`napari_varae.choose`.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=400, height=32, width=32, cells=4, seed=0)).stack
    >>> figure = nv.draw_choice(nv.choose(stack, latents=[2, 4, 8], orders=[1, 2]))
    >>> figure.axes[0].get_xlabel()
    'Number of latents'
    """
    figure = new_figure(SINGLE, 62)
    axes = plain_axes(figure, x="Number of latents", y="Variance explained, held out")
    axes.plot(choice.latents, choice.reconstruction, "-o", color=OTHER_COLOUR, markersize=2, label="reconstruction")
    for order, column, colour in zip(choice.orders, choice.prediction.T, CURVE_COLOURS, strict=False):
        axes.plot(choice.latents, column, "-o", color=colour, markersize=2, label=f"prediction, order {order}")
    latents, order = choice.suggested
    at = choice.prediction[choice.latents == latents][0, choice.orders == order][0]
    axes.plot(
        latents, at, "o", markersize=8, markerfacecolor="none", markeredgecolor=OBSERVED_COLOUR, linestyle="none",
        label=f"suggested: {latents} latents, order {order}",
    )  # fmt: skip
    for order, value, colour in zip(choice.orders, choice.automatic_prediction, CURVE_COLOURS, strict=False):
        name = f"automatic: {choice.automatic} latents" if order == choice.orders[0] else None
        axes.plot(choice.automatic, value, "D", color=colour, markersize=4, linestyle="none", label=name)
    axes.set_xscale("log", base=2)
    ticks = np.unique([*choice.latents, choice.automatic])
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(bottom=min(0.0, float(np.nanmin(choice.prediction))))
    axes.legend()
    return figure
