"""Figures for a paper: a plot as it looks, in a file."""

from __future__ import annotations

from typing import Any

from qtpy.QtGui import QImage, QPainter
from qtpy.QtSvg import QSvgGenerator
from qtpy.QtWidgets import QGraphicsView

__all__ = ["save_figure"]


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
        canvas = QImage(view.size() * 4, QImage.Format.Format_ARGB32)
    painter = QPainter()
    drawn = painter.begin(canvas)
    if drawn:
        view.render(painter)
        painter.end()
    if not drawn or (isinstance(canvas, QImage) and not canvas.save(path)):
        raise OSError(f"{path} could not be written. Choose another folder, and .svg or .png.")
