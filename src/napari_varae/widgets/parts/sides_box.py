"""Sides A and B of a comparison: which frame sets they are, and their segments as text."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from napari_varae.session.frame_sets import Letter
from napari_varae.session.ranges import Segments, format_duration, format_ranges, parse_ranges, total
from napari_varae.widgets.parts.complaints import clear_complaint, complaint, of_field
from napari_varae.widgets.parts.panel import Panel, narrow_choice, row
from napari_varae.widgets.parts.text import in_words, note

__all__ = ["SidesBox"]


class SidesBox(QWidget):
    """Choose the frame sets to compare, or type their segments."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._session = panel.session
        self.unit = QComboBox()
        self.unit.setToolTip("Unit of the ranges below")
        self.unit.setAccessibleName("Unit of the ranges")
        self.sets: dict[Letter, QComboBox] = {"a": narrow_choice(), "b": narrow_choice()}
        self.fields: dict[Letter, QLineEdit] = {"a": QLineEdit(), "b": QLineEdit()}
        self.notes = note()
        self._shown: dict[Letter, str] = {"a": "", "b": ""}
        self._seen: dict[Letter, Segments] = {"a": (), "b": ()}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for letter, field in self.fields.items():
            field.setPlaceholderText("start - stop, start - stop, …")
            field.setAccessibleName(f"Range {letter.upper()}")
            field.editingFinished.connect(partial(self._typed, letter))
            box = self.sets[letter]
            box.setAccessibleName(f"Frame set of side {letter.upper()}")
            box.setToolTip("The frame set that is compared; make more in the Time dock")
            box.activated.connect(partial(self._chosen, letter))
            parts = [letter.upper(), box, field] + ([self.unit] if letter == "a" else [])
            layout.addLayout(row(*parts, stretch=2))
            layout.addWidget(complaint(field))
        layout.addWidget(self.notes)
        self.unit.currentIndexChanged.connect(self._change_unit)
        for signal in (self._session.ranges_changed, self._session.fit_changed):
            panel.listen(signal, self._show)
        panel.listen(self._session.movie_changed, self._show_units)
        self._show_units()

    @property
    def rate(self) -> float | None:
        """The frame rate when ranges are typed in seconds."""
        stack = self._session.stack
        return None if stack is None or self.unit.currentText() != "s" else stack.frame_rate

    def _chosen(self, letter: Letter, index: int) -> None:
        """Compare the chosen frame set."""
        with in_words():
            self._session.choose_side(letter, self.sets[letter].itemText(index))
        self._show()

    def _typed(self, letter: Letter) -> None:
        """Set a range that was typed. One that cannot be used stays in its field, to be corrected."""
        text, stack, sets = self.fields[letter].text().strip(), self._session.stack, self._session.frame_sets
        if stack is None or not self._is_typed(letter):
            return
        with in_words(), of_field(self.fields[letter]):
            name = sets.side(letter)
            ranges = parse_ranges(text, self.rate, stack.n_frames, name=f"Range {letter.upper()}") if text else None
            if name not in sets.names:
                self._session.set_range(letter, ranges)
            elif ranges is None:
                self._session.clear_frame_set(name)
            else:
                self._session.set_frame_sets({name: ranges})
            self._shown[letter] = self.fields[letter].text().strip()
            self._show()  # as it was understood

    def _is_typed(self, letter: Letter) -> bool:
        """Whether a field holds a text that is not in use."""
        return bool(self.fields[letter].text().strip() != self._shown[letter])

    def _change_unit(self) -> None:
        """Show ranges in the other unit; one that was typed and could not be used may be meant in this one."""
        typed = [letter for letter in self.fields if self._is_typed(letter)]
        self._show()
        for letter in typed:
            self._typed(letter)

    def _show_units(self) -> None:
        stack = self._session.stack
        units = ["s", "frames"] if stack is not None and stack.frame_rate else ["frames"]
        if units != [self.unit.itemText(i) for i in range(self.unit.count())]:
            self.unit.clear()
            self.unit.addItems(units)
        self._show()

    def _show(self) -> None:
        session, sets = self._session, self._session.frame_sets
        for letter, field in self.fields.items():
            box = self.sets[letter]
            with QSignalBlocker(box):
                box.clear()
                box.addItems(sets.names)
                box.setCurrentIndex(box.findText(sets.side(letter)))
            segments = session.ranges[letter]
            text = format_ranges(segments, self.rate)
            if segments != self._seen[letter] or not self._is_typed(letter):
                field.setText(text)
                field.setCursorPosition(0)  # the beginning of a long list is shown
                clear_complaint(field)
            self._seen[letter], self._shown[letter] = segments, text
            for widget in (box, field):
                widget.setEnabled(session.stack is not None)
        rate = None if session.stack is None else session.stack.frame_rate
        lengths = [
            f"{letter.upper()}: {format_duration(total(segments), rate)}."
            for letter, segments in session.ranges.items()
            if segments
        ]
        self.notes.setText(" ".join([*lengths, *session.range_notes()]))
