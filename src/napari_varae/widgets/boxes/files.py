"""A button that makes a frame set of each file of a recording that was joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton

from napari_varae.widgets.parts.text import in_words, report_done

if TYPE_CHECKING:
    from napari_varae.widgets.parts.panel import Panel

__all__ = ["FilesButton"]


class FilesButton(QPushButton):
    """Makes frame sets of joined files; hidden while the movie is a single file."""

    def __init__(self, panel: Panel) -> None:
        super().__init__("Files as frame sets")
        self._session = panel.session
        self.setToolTip("A frame set of each file, by its name; the first two are A and B while these are empty")
        self.clicked.connect(self.use)
        panel.listen(self._session.movie_changed, self._show)
        self._show()

    def use(self) -> None:
        """Make the frame sets."""
        with in_words():
            self._session.use_files()
            report_done(f"A frame set was made of each of {len(self._session.files)} files.")

    def _show(self, _news: object = None) -> None:
        self.setVisible(len(self._session.files) > 1)
