"""Held-out prediction over the penalty, with the penalty of the fit and the one that is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal

from napari_varae.figures.colours import CURVE_COLOURS
from napari_varae.widgets.parts.plots import CURSOR_COLOUR, Plot

if TYPE_CHECKING:
    from napari.utils.theme import Theme

__all__ = ["PathPlot"]


class PathPlot(Plot):
    """A curve over the penalty, on a logarithmic axis that falls to the right as links increase."""

    dragged = Signal(float)
    released = Signal()

    def __init__(self) -> None:
        super().__init__("penalty", "held-out R²", height=130)
        self.setLogMode(x=True)
        self.getViewBox().invertX(True)
        self.getAxis("left").setWidth(58)
        self._curve = self.plot(pen=pg.mkPen(CURVE_COLOURS[0], width=2))
        self._fit = pg.InfiniteLine()
        self._tried = pg.InfiniteLine(movable=True, pen=pg.mkPen(CURSOR_COLOUR, width=2))
        for line in (self._fit, self._tried):
            self.addItem(line, ignoreBounds=True)
            line.hide()
        self.set_range(1.0, 0.01)  # until there is a fit
        self._tried.sigDragged.connect(lambda line: self.dragged.emit(float(10 ** line.value())))
        self._tried.sigPositionChangeFinished.connect(lambda _line: self.released.emit())

    def restyle(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().restyle(theme)
        self._fit.setPen(pg.mkPen(theme.text.as_hex(format="long"), width=1, style=Qt.PenStyle.DashLine))

    def set_range(self, top: float, floor: float) -> None:
        """Set the largest and the smallest penalty."""
        self.setXRange(np.log10(floor), np.log10(top), padding=0.02)
        round_ones = [m * 10.0**k for k in range(-6, 1) for m in (1, 2, 5)]
        self.getAxis("bottom").setTicks([[(float(np.log10(x)), f"{x:g}") for x in round_ones if floor <= x <= top]])
        self._tried.setBounds((np.log10(floor), np.log10(top)))

    def show_curve(self, penalties: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Replace the curve."""
        self._curve.setData(penalties, values)
        self.getViewBox().enableAutoRange(axis="y")

    def mark(self, of_fit: float | None, tried: float | None) -> None:
        """Mark the penalty of the fit, and the one that is tried."""
        for line, penalty in ((self._fit, of_fit), (self._tried, tried)):
            line.setVisible(penalty is not None and penalty > 0)
            if penalty is not None and penalty > 0 and not (line is self._tried and line.moving):
                line.setValue(float(np.log10(penalty)))
