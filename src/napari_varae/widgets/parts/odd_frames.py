"""Odd frames of the movie, with a picture, offered to be marked as bad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_varae.session.reasons import why_not
from napari_varae.widgets.parts.means_plot import MeansPlot
from napari_varae.widgets.parts.panel import allow, button, row
from napari_varae.widgets.parts.text import heading, in_words, note

if TYPE_CHECKING:
    from napari_varae.widgets.parts.panel import Panel

__all__ = ["OddFramesView"]

SIDE = 96
"""Pixels of the picture of a frame."""


class OddFramesView(QWidget):
    """Odd frames that are not marked as bad: the mean of each frame with marks, one of them as a picture, and buttons.

    Hidden while there are none.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._session, self._shown = panel.session, 0
        self.text, self.picture, self.plot = note(), QLabel(), MeansPlot()
        self.picture.setFixedSize(SIDE, SIDE)
        self.mark_button = button("Mark all as bad", self.mark_all, "Leave these frames out of everything")
        self.next_button = button("Next", self.show_next, "Show the next odd frame, here and in the viewer")
        panel.add_plot(self.plot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading("Odd frames"))
        layout.addWidget(self.text)
        layout.addLayout(row(self.picture, self.plot, stretch=1))
        layout.addLayout(row(self.next_button, self.mark_button))
        for signal in (self._session.movie_changed, self._session.fit_changed, self._session.job_changed):
            panel.mirror(signal, self._show)
        self._show()

    @property
    def frames(self) -> list[int]:
        """The odd frames that are not marked as bad."""
        stack, odd = self._session.stack, self._session.odd
        return [] if stack is None or odd is None else list(odd.unmarked(stack.bad_frames))

    def mark_all(self) -> None:
        """Mark them as bad, with those that are already."""
        with in_words():
            stack = self._session.require_stack()
            bad = stack.bad_frames | set(self.frames)
            self._session.describe_movie(stack.frame_rate, stack.pixel_size, bad)

    def show_next(self) -> None:
        """Show the next odd frame."""
        self._shown += 1
        self._show()
        if self.frames:
            self._session.set_frame(self.frames[self._shown])

    def _show(self, _news: object = None) -> None:
        frames, odd, stack = self.frames, self._session.odd, self._session.stack
        self.setVisible(bool(frames))
        if not frames or odd is None or stack is None:
            return
        self._shown %= len(frames)
        shown = frames[self._shown]
        rate = stack.frame_rate
        count = "1 frame differs" if len(frames) == 1 else f"{len(frames)} frames differ"
        self.text.setText(
            f"{count} from all others. Shown: frame {shown} ({odd.kinds[shown]}), "
            f"{self._shown + 1} of {len(frames)}. Training leaves bright and dark ones out; comparisons do once they "
            "are marked."
        )
        times = np.arange(len(odd.means)) / (rate or 1)
        self.plot.show_means(times, odd.means, times[frames], times[shown], "frame" if rate is None else "time (s)")
        with in_words():
            self.picture.setPixmap(_pixmap(stack.read(shown, shown + 1)[0]))
        allow(self.mark_button, why_not(self._session, "idle"))
        allow(self.next_button, "" if len(frames) > 1 else "There is no other.")


def _pixmap(image: np.ndarray) -> QPixmap:
    """Draw an image (Y, X) in grey, within `SIDE` pixels."""
    low, high = np.percentile(image, (0.5, 99.5))
    grey = (255 * np.clip((image - low) / max(high - low, 1e-12), 0, 1)).astype(np.uint8)
    height, width = grey.shape
    drawn = QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    smooth = Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(drawn).scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio, smooth)
