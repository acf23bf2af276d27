"""The analysis part of the Movie dock: what was opened last, saving and opening analyses, recovering unsaved work."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QMenu, QMessageBox, QPushButton, QVBoxLayout, QWidget

from napari_varae.io.analysis_record import RECORD
from napari_varae.session.autosave import discard, find_left
from napari_varae.session.labels import describe_time
from napari_varae.session.reasons import why_not
from napari_varae.session.recent import note_analysis, note_movie, recent
from napari_varae.widgets.jobs.analyses import open_folder, save_into
from napari_varae.widgets.parts.keeper import keeper_of
from napari_varae.widgets.parts.panel import Panel, allow, button, narrow_choice, row
from napari_varae.widgets.parts.text import heading, in_words, literal, note

if TYPE_CHECKING:
    from napari_varae.session.autosave import Left

__all__ = ["AnalysisBox", "RecentButton", "RecoverBox"]


class AnalysisBox(QWidget):
    """Save the analysis into a folder, or open one."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel, self._session = panel, panel.session
        self.open_button = button(
            "Open analysis…",
            self.ask_open,
            "A folder with movie, fit, frame sets, trials, comparisons, cells and behaviour",
        )
        self.save_button = button(
            "Save analysis…",
            self.ask_save,
            "Movie, fit, frame sets, trials, comparisons, maps, the choice of latents, cells and traces of behaviour, "
            "into a folder; what was opened from a file stays there, and is opened from it again",
        )
        self.state = note()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading("Analysis"))
        layout.addLayout(row(self.open_button, self.save_button))
        layout.addWidget(self.state)
        for signal in (self._session.job_changed, self._session.movie_changed, self._session.saved_changed):
            panel.mirror(signal, self._show)
        panel.listen(self._session.movie_changed, self._note_movie)
        panel.listen(self._session.saved_changed, self._note_analysis)
        self._show()

    def ask_open(self) -> None:
        """Let the user choose an analysis folder, and open it."""
        folder = QFileDialog.getExistingDirectory(self, "Open an analysis folder")
        if folder:
            self.open(folder)

    def open(self, folder: str, **given: Any) -> None:
        """Open an analysis folder in the background; `given` are more arguments of `open_folder`."""
        with in_words():
            open_folder(self._panel, folder, **given)

    def ask_save(self) -> None:
        """Let the user choose a folder, and save the analysis in it."""
        stack, folder = self._session.stack, self._session.folder
        if stack is None:
            return
        name = folder or f"{Path(stack.name).stem} analysis"
        dialog = QFileDialog(self, "Save the analysis in a folder", name)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)  # asked below, where it matters
        dialog.selectFile(name)
        if dialog.exec():
            self.save(dialog.selectedFiles()[0])

    def save(self, folder: str) -> None:
        """Save the analysis in a folder; one that it holds already is replaced, once the user has agreed."""
        with in_words():
            taken = (Path(folder) / RECORD).is_file()
            if taken and Path(folder) != Path(self._session.folder or "/") and not self._may_replace(folder):
                return
            if not taken and Path(folder).is_file():
                raise ValueError(f"{folder} is a file. An analysis is a folder: choose another name.")
            save_into(self._panel, folder, overwrite=taken)

    def _may_replace(self, folder: str) -> bool:
        answer = QMessageBox.question(
            self, "Replace the analysis?", literal(f"{folder} holds another analysis. Replace it with this one?")
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _show(self) -> None:
        stack = self._session.stack
        allow(self.open_button, why_not(self._session, "idle"))
        allow(self.save_button, why_not(self._session, "movie", "idle"))
        text = "Unsaved work is kept automatically; the next start offers it."
        self.state.setText(f"Saved in {self._session.folder}." if self._session.folder else text)
        self.state.setVisible(stack is not None)

    def _note_movie(self) -> None:
        if self._session.stack is not None:
            note_movie(self._session.stack)

    def _note_analysis(self) -> None:
        if self._session.folder is not None:
            note_analysis(self._session.folder)


class RecentButton(QPushButton):
    """A menu of what was opened last, and still exists."""

    def __init__(self, open_movie: Callable[..., None], open_analysis: Callable[[str], None]) -> None:
        super().__init__("Recent")
        self._open_movie, self._open_analysis = open_movie, open_analysis
        self.setToolTip("Recordings and analyses that were opened last, with the choices they were opened with")
        self.entries = QMenu(self)
        self.entries.setToolTipsVisible(True)
        self.entries.aboutToShow.connect(self.fill)
        self.setMenu(self.entries)

    def fill(self) -> None:
        """List what there is now."""
        self.entries.clear()
        for one in recent():
            name = one.name.replace("&", "&&")
            if one.kind == "analysis":
                self.entries.addAction(name, partial(self._open_analysis, one.paths[0]))
            else:
                path = one.paths[0] if len(one.paths) == 1 else list(one.paths)
                self.entries.addAction(name, partial(self._open_movie, path, **one.options))
        if self.entries.isEmpty():
            self.entries.addAction("Nothing was opened yet").setEnabled(False)


class RecoverBox(QWidget):
    """Unsaved work that was left, by napari when it crashed or was closed, or when another movie was opened."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel, self._session = panel, panel.session
        self.left: list[Left] = []
        self.choice = narrow_choice()
        self.choice.setAccessibleName("Unsaved analysis")
        self.recover_button = button("Recover", self.recover, "Go on with it: movie, fits, frame sets, comparisons")
        self.discard_button = button("Discard", self.ask_discard, "Delete it for good")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading("Unsaved analyses"))
        layout.addWidget(self.choice)
        layout.addLayout(row(self.recover_button, self.discard_button))
        panel.mirror(self._session.job_changed, self._show_job)
        panel.listen(self._session.movie_changed, self.look)
        panel.listen(keeper_of(self._session).left_changed, self.look)
        self.look()

    def look(self) -> None:
        """List what was left; hidden when there is nothing."""
        left = find_left()
        if left != self.left:
            self.left = left
            self.choice.clear()
            for one in left:
                self.choice.addItem(f"{one.movie}, {describe_time(one.time)}: {one.text}")
        self.setVisible(bool(left))
        self._show_job()

    def recover(self) -> None:
        """Go on with the chosen work."""
        with in_words():
            open_folder(self._panel, str(self.left[self.choice.currentIndex()].folder), recover=True)

    def ask_discard(self) -> None:
        """Delete the chosen work, once the user has agreed."""
        one = self.left[self.choice.currentIndex()]
        text = literal(f"Delete the unsaved analysis of {one.movie} ({one.text}) for good?")
        if QMessageBox.question(self, "Discard unsaved work?", text) == QMessageBox.StandardButton.Yes:
            self.discard()

    def discard(self) -> None:
        """Delete the chosen work."""
        discard(self.left[self.choice.currentIndex()].folder)
        self.look()

    def _show_job(self) -> None:
        for each in (self.recover_button, self.discard_button):
            allow(each, why_not(self._session, "idle"))
