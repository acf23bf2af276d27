"""Held-out reconstruction and prediction over the number of latents; suggestion and automatic choice are marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg

from napari_varae.figures.colours import CURVE_COLOURS, OTHER_COLOUR
from napari_varae.widgets.parts.plots import CURSOR_COLOUR, Plot

if TYPE_CHECKING:
    from napari_varae.core.training.choice import Choice

__all__ = ["ChoicePlot"]


HEADROOM = 0.65
"""Room above the curves, as a share of their height, for the legend."""


class ChoicePlot(Plot):
    """A curve for the reconstruction, and one for the prediction of each order."""

    def __init__(self) -> None:
        super().__init__("number of latents", "explained, held out", height=210)
        self.legend.setColumnCount(2)
        self._curves: list[Any] = []
        self._suggested = pg.ScatterPlotItem(size=15, pen=pg.mkPen(CURSOR_COLOUR, width=2), brush=None)
        self._automatic = pg.ScatterPlotItem(size=11, symbol="d", name="automatic")
        for marks in (self._automatic, self._suggested):
            self.addItem(marks)
            marks.setZValue(1)  # above the curves

    def show_choice(self, choice: Choice) -> None:
        """Replace the curves."""
        for curve in self._curves:
            self.removeItem(curve)
        self._curves = []
        x = np.log2(choice.latents)
        lines = [("reconstruction", OTHER_COLOUR, choice.reconstruction)]
        for order, colour, values in zip(choice.orders, CURVE_COLOURS, choice.prediction.T, strict=False):
            lines.append((f"prediction, order {order}", colour, values))
        text = self.getAxis("bottom").textPen()
        for name, colour, values in lines:
            known = np.isfinite(values)
            self._curves.append(
                self.plot(
                    x[known], values[known], name=name, pen=pg.mkPen(colour, width=2), symbol="o", symbolSize=5,
                    symbolBrush=colour, symbolPen=None,
                )
            )  # fmt: skip
        self.legend.setLabelTextColor(text.color())
        for _sample, label in self.legend.items:
            label.setText(label.text, color=text.color())
        latents, order = choice.suggested
        at = choice.prediction[choice.latents == latents][0, choice.orders == order][0]
        self._suggested.setData([np.log2(latents)], [at])
        known = np.isfinite(choice.automatic_prediction)
        brushes = [pg.mkBrush(colour) for colour, there in zip(CURVE_COLOURS, known, strict=False) if there]
        values = choice.automatic_prediction[known][: len(brushes)]
        places = [np.log2(choice.automatic)] * len(values)
        self._automatic.setData(places, values, brush=brushes, pen=pg.mkPen(text.color()))
        numbers = sorted({*choice.latents.tolist(), choice.automatic})
        self.getAxis("bottom").setTicks([[(np.log2(k), str(k)) for k in numbers]])
        found = np.concatenate([*(values for _name, _colour, values in lines), choice.automatic_prediction])
        low, high = float(np.nanmin(found)), float(np.nanmax(found))
        self.setXRange(np.log2(numbers[0]), np.log2(numbers[-1]))
        self.setYRange(low, high + HEADROOM * (high - low))
