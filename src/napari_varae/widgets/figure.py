"""Figures for a paper: a widget as it looks, in a file."""

from __future__ import annotations

from typing import Any

from qtpy.QtGui import QImage, QPainter
from qtpy.QtSvg import QSvgGenerator
from qtpy.QtWidgets import QWidget

__all__ = ["save_figure"]


def save_figure(widget: QWidget, path: str) -> None:
    """Write a widget as it looks, as SVG or as an image of four times its size.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    if path.lower().endswith(".svg"):
        canvas: Any = QSvgGenerator()
        canvas.setFileName(path)
        canvas.setSize(widget.size())
        canvas.setViewBox(widget.rect())
    else:
        canvas = QImage(widget.size() * 4, QImage.Format.Format_ARGB32)
    painter = QPainter(canvas)
    widget.render(painter)
    painter.end()
    if isinstance(canvas, QImage) and not canvas.save(path):
        raise OSError(f"{path} could not be written. Choose another folder or one of .svg, .png.")
