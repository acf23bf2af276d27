"""The table of frame sets: names and segments can be typed, and a click makes a set side A or B."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QModelIndex, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QKeyEvent, QPixmap
from qtpy.QtWidgets import QHeaderView, QStyledItemDelegate, QTableWidget, QTableWidgetItem, QWidget

from napari_varae.session.frame_sets import FrameSets
from napari_varae.session.ranges import format_ranges, total

__all__ = ["FrameSetTable"]

NAME, A, B, SEGMENTS, TOTAL = range(5)
ROW_HEIGHT, LEAST_HEIGHT = 18, 74
"""Pixels of a row, and of the header with three rows."""
CHOSEN = "●"


class FrameSetTable(QTableWidget):
    """Frame sets as rows; the current row is the one to which segments are added."""

    activated_set = Signal(str)
    renamed = Signal(str, str)
    retyped = Signal(str, str)
    """A frame set, and what was typed as its segments."""
    sided = Signal(str, str)
    """A letter, and the frame set that is to be this side."""

    def __init__(self) -> None:
        super().__init__(0, 5)
        self.setAccessibleName("Frame sets")
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)  # arrow keys move inside, Tab goes on
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setItemDelegate(_Delegate(self))
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(SEGMENTS, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(18)
        header.setFixedHeight(ROW_HEIGHT)
        self.setMinimumHeight(LEAST_HEIGHT)
        self.setToolTip(
            "Drag over the traces to add a segment to the selected frame set. Double-click a name or the segments to "
            "type them. Click below A or B to choose what is compared, or press the space bar there."
        )
        self._names: list[str] = []
        self.currentCellChanged.connect(self._moved)
        self.cellClicked.connect(self._clicked)
        self.itemChanged.connect(self._typed)

    def show_sets(self, sets: FrameSets, active: str, colours: Mapping[str, str], rate: float | None) -> None:
        """Replace the rows; times are in seconds at `rate` (Hz), or in frames when that is None."""
        with QSignalBlocker(self):
            unit = "s" if rate else "frames"
            self.setHorizontalHeaderLabels(["Frame set", "A", "B", f"Segments ({unit})", f"Total ({unit})"])
            self._names = list(sets.names)
            self.setRowCount(len(self._names))
            for line, (name, segments) in enumerate(sets):
                frames = total(segments)
                duration = "" if not frames else str(frames) if rate is None else f"{frames / rate:.4g}"
                whole = format_ranges(segments, rate)
                summary = whole if len(segments) < 3 else f"{len(segments)} segments"
                self._set(line, NAME, name, icon=_square(colours[name]), editable=True)
                self._set(line, A, CHOSEN if name == sets.a else "", tip=f"Compare {name} as A")
                self._set(line, B, CHOSEN if name == sets.b else "", tip=f"Compare {name} as B")
                self._set(line, SEGMENTS, summary, whole=whole, editable=True, tip=whole)
                self._set(line, TOTAL, duration)
            if active in self._names:
                self.setCurrentCell(self._names.index(active), max(self.currentColumn(), 0))

    def _set(
        self, line: int, column: int, text: str, *, whole: str | None = None, icon: QIcon | None = None,
        editable: bool = False, tip: str = "",
    ) -> None:  # fmt: skip
        item = QTableWidgetItem(text)
        item.setData(Qt.ItemDataRole.UserRole, text if whole is None else whole)
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        item.setFlags(flags | Qt.ItemFlag.ItemIsEditable if editable else flags)
        item.setToolTip(tip[:500])
        if icon is not None:
            item.setIcon(icon)
        if column in (A, B, TOTAL):
            item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setItem(line, column, item)

    def _moved(self, line: int, *_rest: int) -> None:
        if 0 <= line < len(self._names):
            self.activated_set.emit(self._names[line])

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Choose what is compared with the space bar, as a click does."""
        if event is not None and event.key() == Qt.Key.Key_Space and self.currentColumn() in (A, B):
            self._clicked(self.currentRow(), self.currentColumn())
        else:
            super().keyPressEvent(event)

    def _clicked(self, line: int, column: int) -> None:
        if column in (A, B):
            self.sided.emit("a" if column == A else "b", self._names[line])

    def _typed(self, item: QTableWidgetItem) -> None:
        text = item.text().strip()
        if item.column() == NAME:
            self.renamed.emit(self._names[item.row()], text)
        elif item.column() == SEGMENTS:
            self.retyped.emit(self._names[item.row()], text)


class _Delegate(QStyledItemDelegate):
    """Offers all segments for editing where the cell shows how many there are."""

    def setEditorData(self, editor: QWidget, index: QModelIndex) -> None:
        editor.setProperty("text", index.data(Qt.ItemDataRole.UserRole))

    def setModelData(self, editor: QWidget, model: Any, index: QModelIndex) -> None:
        text = editor.property("text")
        if text != index.data(Qt.ItemDataRole.UserRole):
            model.setData(index, text)


def _square(colour: str) -> QIcon:
    image = QPixmap(10, 10)
    image.fill(QColor(colour))
    return QIcon(image)
