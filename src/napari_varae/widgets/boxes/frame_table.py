"""A button that takes bad frames and shifts from a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_varae.io.frame_table import open_frame_table
from napari_varae.session.reasons import why_not
from napari_varae.widgets.parts.panel import allow
from napari_varae.widgets.parts.text import in_words

if TYPE_CHECKING:
    from napari_varae.widgets.parts.panel import Panel

__all__ = ["FrameTableButton"]

FILES = "Tables (*.csv *.tsv *.txt);;All files (*)"


class FrameTableButton(QPushButton):
    """Adds the bad frames of a table to those of the movie, and takes its shifts."""

    def __init__(self, panel: Panel) -> None:
        super().__init__("From CSV…")
        self._session = panel.session
        self.setToolTip("Table with a row per frame, or a column 'frame': 'bad' (0 or 1), or shifts in pixels 'y', 'x'")
        self.clicked.connect(self.ask)
        for signal in (self._session.movie_changed, self._session.job_changed):
            panel.mirror(signal, self._show)
        self._show()

    def ask(self) -> None:
        """Let the user choose a table, and use it."""
        path, _ = QFileDialog.getOpenFileName(self, "Bad frames and shifts", "", FILES)
        if path:
            self.open(path)

    def open(self, path: str) -> None:
        """Use a table."""
        with in_words():
            stack = self._session.require_stack()
            self._session.use_frame_table(open_frame_table(path, stack.n_frames))

    def _show(self, _news: object = None) -> None:
        allow(self, why_not(self._session, "movie", "idle"))
