"""The frame sets of a session as a table, with what edits them."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_varae.figures.colours import set_colours
from napari_varae.io.trials import open_trials
from napari_varae.session.frame_sets import as_trials
from napari_varae.session.ranges import parse_ranges
from napari_varae.session.reasons import why_not
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.frame_set_table import FrameSetTable
from napari_varae.widgets.parts.panel import Panel, allow, row, small_button
from napari_varae.widgets.parts.text import in_words, report_done

__all__ = ["FrameSetBox"]

TABLES = "Tables of frame sets (*.csv *.tsv);;All files (*)"


class FrameSetBox(QWidget):
    """Names, segments and sides of the frame sets; undo and redo; tables in and out."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._session = session = panel.session
        self.table = FrameSetTable()
        self.table.activated_set.connect(session.activate)
        self.table.sided.connect(session.choose_side)
        self.table.renamed.connect(self._rename)
        self.table.retyped.connect(self._retype)
        self.new = small_button("New", session.new_frame_set, "A new frame set, to draw segments for")
        self.remove = small_button(
            "Remove", lambda: session.remove_frame_set(session.active), "Remove the selected frame set"
        )
        self.undo = small_button("Undo", session.undo, "Undo the last edit of the frame sets (Ctrl+Z in this dock)")
        self.redo = small_button("Redo", session.redo, "Redo the edit (Ctrl+Shift+Z in this dock)")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.table, 1)
        layout.addLayout(row(self.new, self.remove, self.undo, self.redo, self._file_menu()))
        for keys, act in (("Ctrl+Z", session.undo), ("Ctrl+Shift+Z", session.redo), ("Delete", self.remove_here)):
            shortcut = QShortcut(QKeySequence(keys), panel)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(act)
        for signal in (session.ranges_changed, session.movie_changed):
            panel.listen(signal, self._show)
        self._show()

    def remove_here(self) -> None:
        """Remove the segment of the selected frame set that holds the current frame."""
        self._session.remove_segment(self._session.active, self._session.frame)

    def ask_import(self) -> None:
        """Let the user choose a table of frame sets, and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Import frame sets", "", TABLES)
        if path:
            self.import_sets(path)

    def import_sets(self, path: str) -> None:
        """Open a table of start, stop and condition; each condition becomes a frame set, or replaces one."""
        with in_words():
            self._session.use_conditions_as_sets(open_trials(path, self._session.require_stack().frame_rate))

    def ask_export(self) -> None:
        """Let the user choose where to write the frame sets, and write them."""
        with in_words():
            if path := ask_path(self, "Export the frame sets", "frame-sets.csv", (".csv", ".tsv")):
                self.export(path)

    def export(self, path: str) -> None:
        """Write the frame sets as CSV or TSV: start, stop and condition (the name) of each segment.

        Raises
        ------
        ValueError
            When there are none, or they cannot be written.
        """
        table = as_trials(self._session.frame_sets, self._session.require_stack().frame_rate)
        report_done(f"The frame sets were saved as {table.save(path)}.")

    def _file_menu(self) -> QPushButton:
        """Make the menu of tables."""
        made = small_button("CSV", lambda: None, "Frame sets from a table and to one")
        menu = QMenu(made)
        menu.addAction("Import frame sets…", self.ask_import)
        menu.addAction("Export frame sets…", self.ask_export)
        made.setMenu(menu)
        return made

    def _rename(self, old: str, new: str) -> None:
        with in_words():
            self._session.rename_frame_set(old, new)
        self._show()

    def _retype(self, name: str, text: str) -> None:
        """Take over segments that were typed; what cannot be read is put back."""
        with in_words():
            stack = self._session.require_stack()
            if text:
                segments = parse_ranges(text, stack.frame_rate, stack.n_frames, name=name)
                self._session.set_frame_sets({name: segments})
            else:
                self._session.clear_frame_set(name)
        self._show()

    def _show(self) -> None:
        session, sets = self._session, self._session.frame_sets
        rate = None if session.stack is None else session.stack.frame_rate
        self.table.show_sets(sets, session.active, set_colours(sets.names, sets.a, sets.b), rate)
        no_movie = why_not(session, "movie")
        allow(self.undo, "" if session.can_undo else "There is no edit to undo.")
        allow(self.redo, "" if session.can_redo else "No edit was undone.")
        allow(self.remove, no_movie or ("" if sets.names else "There is no frame set."))
        allow(self.new, no_movie)
