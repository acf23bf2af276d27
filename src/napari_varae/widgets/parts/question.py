"""A choice that a file leaves open, asked in the dock: what was found, a drop-down for each choice, and a button."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from annotated_types import Ge, Le
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from napari_varae.session.questions import Openable
from napari_varae.session.reasons import why_not
from napari_varae.widgets.parts.docks import show_dock
from napari_varae.widgets.parts.number_field import NumberField
from napari_varae.widgets.parts.panel import Panel, allow, button, narrow_choice, row
from napari_varae.widgets.parts.text import in_words, note

__all__ = ["PATH", "QuestionBox"]

LABELS = {
    "channel": "Channel", "plane": "Plane", "dataset": "Data set", "name": "Which", "unit": "Times are in",
    "start": "Trials start at", "window": "From, to (around onset)", "movie file": "Movie",
}  # fmt: skip
PATH = "movie file"
"""The choice whose answer is a path."""
UNITS = {"s": "seconds", "frames": "frames"}
FAR = 1e9


class QuestionBox(QFrame):
    """Shows the open question of the session when it is about one of these things, and reports what was chosen."""

    chosen = Signal(object, dict)
    """The question, and its choices with those that were made before."""

    def __init__(self, panel: Panel, about: Sequence[Openable]) -> None:
        super().__init__()
        self._panel, self._session, self._about = panel, panel.session, tuple(about)
        self.text = note()
        self.fields: dict[str, Any] = {}
        self._form = QFormLayout()
        self._form.setVerticalSpacing(4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.addWidget(self.text)
        layout.addLayout(self._form)
        self.open_button = button("Open", self._open, "Open it with these choices")
        self.cancel_button = button("Cancel", self._cancel, "Open nothing; what was there stays")
        layout.addLayout(row(self.open_button, self.cancel_button))
        panel.listen(self._session.asked, self._ask)
        panel.mirror(self._session.job_changed, self._show_job)
        self._show()

    def _ask(self) -> None:
        self._show()
        if self._session.question is not None and self._session.question.what in self._about:
            show_dock(self._panel.viewer, type(self._panel))  # also when the file was dropped on the window

    def _show(self) -> None:
        question = self._session.question
        mine = question is not None and question.what in self._about
        self.setVisible(mine)
        while self._form.rowCount():
            self._form.removeRow(0)
        self.fields = {}
        if question is not None and mine:
            self.text.setText(_question(question.text))
            for name, options in question.options.items():
                self.fields[name] = field = _field(name, options)
                field.setAccessibleName(LABELS.get(name, name))
                self._form.addRow(LABELS.get(name, name), field)

    def _show_job(self) -> None:
        allow(self.open_button, why_not(self._session, "idle"))

    def _open(self) -> None:
        question = self._session.question
        if question is None:
            return
        with in_words():
            self.chosen.emit(question, {**question.given, **_values(self.fields)})

    def _cancel(self) -> None:
        self._session.ask(None)


class _Window(QWidget):
    """Two numbers: the window around an onset."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = NumberField(float, [Ge(-FAR), Le(FAR)]), NumberField(float, [Ge(-FAR), Le(FAR)])
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for end in self.ends:
            layout.addWidget(end)

    def value(self) -> tuple[float, float]:
        start, stop = (end.value() for end in self.ends)
        return start, stop


class _PathField(QWidget):
    """A file or folder that is to be found."""

    def __init__(self) -> None:
        super().__init__()
        self.path = QLineEdit()
        self.path.setPlaceholderText("choose its file or folder")
        self.path.setAccessibleName("Path")
        layout = row(self.path, button("File…", self._ask_file), button("Folder…", self._ask_folder), stretch=0)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)

    def value(self) -> str | None:
        return self.path.text().strip() or None

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose the movie")
        self.path.setText(path or self.path.text())

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose the folder of the movie")
        self.path.setText(path or self.path.text())


def _field(name: str, options: Sequence[str | int]) -> QWidget:
    """Make the field of one choice."""
    if options:
        return _choice(options)
    return _PathField() if name == PATH else _Window()


def _choice(options: Sequence[str | int]) -> QComboBox:
    """Make a drop-down without a default: the choice is the user's."""
    box = narrow_choice()
    box.addItem("choose…", None)
    for option in options:
        box.addItem(UNITS.get(option, str(option)) if isinstance(option, str) else str(option), option)
    return box


def _question(text: str) -> str:
    """Give what was found; what to write in a script follows it, and the drop-downs take its place."""
    found = re.match(r".*?[.?](?= [A-Z])", text)
    return found[0] if found else text


def _values(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Read the choices.

    Raises
    ------
    ValueError
        When one is not made.
    """
    values = {
        name: field.currentData() if isinstance(field, QComboBox) else field.value() for name, field in fields.items()
    }
    for name, value in values.items():
        if value is None:
            raise ValueError(f"{LABELS.get(name, name)}: choose one first.")
    return values
