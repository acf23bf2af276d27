"""Figures for a paper: a plot as it looks, in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QBuffer, QIODevice, QRectF
from qtpy.QtGui import QImage, QPainter
from qtpy.QtSvg import QSvgGenerator
from qtpy.QtWidgets import QGraphicsView

from napari_varae.core.files import write_file

__all__ = ["save_figure"]

SCALE = 4
"""Pixels of an image for one on the screen."""


def save_figure(view: QGraphicsView, path: str) -> None:
    """Write a view as it looks, as SVG or as an image of four times its size; an existing file is replaced as a whole.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    suffix = Path(path).suffix[1:].lower()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if suffix == "svg":
        canvas: Any = QSvgGenerator()
        canvas.setOutputDevice(buffer)
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
    if isinstance(canvas, QImage):
        drawn = drawn and canvas.save(buffer, suffix)
    if not drawn:
        raise OSError(f"{path} could not be drawn as {suffix or 'a file without suffix'}. Choose .svg or .png.")
    try:
        write_file(path, bytes(buffer.data().data()))
    except OSError as error:
        raise OSError(f"{path} could not be written ({error}). Choose another folder, or free some space.") from error
