"""A frame, its reconstruction and the residual side by side, in the same grey levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

if TYPE_CHECKING:
    from napari_varae.core.training.example import Example

__all__ = ["ExampleView"]

EDGE = 122
"""Largest width and height of a picture, in pixels."""
DARKEST, BRIGHTEST = 1, 99.7
"""Percentiles of the frame that are drawn black and white."""
TIP = "Change from the static image in a frame that is not trained on. The grey levels are the same in all three."


class ExampleView(QWidget):
    """Three small pictures with their names below."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(TIP)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.pictures, self.names = [QLabel() for _ in range(3)], [QLabel() for _ in range(3)]
        for column, labels in enumerate(zip(self.pictures, self.names, strict=True)):
            for row, label in enumerate(labels):
                label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
                layout.addWidget(label, row, column)

    def show_example(self, example: Example) -> None:
        """Draw an example."""
        low, high = np.percentile(example.movie, (DARKEST, BRIGHTEST))
        named = {
            f"held-out frame {example.frame}": example.movie,
            "reconstruction": example.reconstruction,
            "residual": example.residual,
        }
        for picture, label, (name, image) in zip(self.pictures, self.names, named.items(), strict=True):
            picture.setPixmap(_pixmap(image, float(low), max(float(high - low), 1e-12)))
            picture.setAccessibleName(name)
            label.setText(name)


def _pixmap(image: NDArray[np.float32], low: float, span: float) -> QPixmap:
    """Draw an image in grey, at most EDGE pixels wide and high; a larger one is averaged."""
    grey = np.ascontiguousarray(np.clip(255 * (image - low) / span, 0, 255).astype(np.uint8))
    height, width = grey.shape
    drawn = QImage(grey.data, width, height, width, QImage.Format.Format_Grayscale8)
    mode = Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(drawn.scaled(EDGE, EDGE, Qt.AspectRatioMode.KeepAspectRatio, mode))
