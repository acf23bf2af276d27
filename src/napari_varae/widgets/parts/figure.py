"""Figures for a paper: a plot as it looks, in a file."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QRectF
from qtpy.QtGui import QImage, QPainter
from qtpy.QtSvg import QSvgGenerator
from qtpy.QtWidgets import QGraphicsView

__all__ = ["save_figure"]

SCALE = 4
"""Pixels of an image for one on the screen."""


def save_figure(view: QGraphicsView, path: str) -> None:
    """Write a view as it looks, as SVG or as an image of four times its size.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    if path.lower().endswith(".svg"):
        canvas: Any = QSvgGenerator()
        canvas.setFileName(path)
        canvas.setSize(view.size())
        canvas.setViewBox(view.rect())
    else:
        canvas = QImage(view.size() * SCALE, QImage.Format.Format_ARGB32)
        canvas.setDevicePixelRatio(SCALE)  # text grows with the rest
        canvas.fill(view.backgroundBrush().color())
    painter = QPainter()
    drawn = painter.begin(canvas)
    if drawn:
        view.render(painter, QRectF(view.rect()), view.rect())
        painter.end()
    if not drawn or (isinstance(canvas, QImage) and not canvas.save(path)):
        raise OSError(f"{path} could not be written. Choose another folder, and .svg or .png.")
