"""A table to look things up in: sorted by a click on a header, and a click on a row chooses what it is about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem

__all__ = ["ROW_HEIGHT", "Table"]

ROW_HEIGHT = 22


class Table(QTableWidget):
    """Rows of text that sort by the values behind them.

    Parameters
    ----------
    columns : sequence of str
        Headers.
    height : int
        Least height in pixels.
    wide : int
        Number of the column that takes the width that is left, and is cut off where there is none.
    tip : str
        What the columns are.
    """

    picked = Signal(object)
    """What the row is about that was clicked, or reached with the arrow keys."""

    def __init__(self, columns: Sequence[str], *, height: int = 150, wide: int = 0, tip: str = "") -> None:
        super().__init__(0, len(columns))
        self.setHorizontalHeaderLabels(list(columns))
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)  # arrow keys move inside, Tab goes on
        self.setMinimumHeight(height)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(wide, QHeaderView.ResizeMode.Stretch)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setToolTip(tip)
        self.currentCellChanged.connect(self._moved)

    def show_rows(self, rows: Sequence[Sequence[tuple[str, Any]]], about: Sequence[Any]) -> None:
        """Replace the rows: (text, value) of each column, and what each row is about."""
        with QSignalBlocker(self):
            self.setSortingEnabled(False)
            self.setRowCount(len(rows))
            numbers = {i for cells in rows for i, (_, value) in enumerate(cells) if isinstance(value, int | float)}
            for line, (cells, subject) in enumerate(zip(rows, about, strict=True)):
                for column, (text, value) in enumerate(cells):
                    item = _Cell(text, value, subject)
                    if column in numbers:  # also where there is none
                        item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                    self.setItem(line, column, item)
            self.sortItems(-1)  # as they came, until a header is clicked
            self.setSortingEnabled(True)
            self.clearSelection()
            self.setCurrentItem(None)

    def choose(self, wanted: Any) -> None:
        """Select the first row that is about this, or none."""
        with QSignalBlocker(self):
            for line in range(self.rowCount()):
                if self._about(line) == wanted and wanted is not None:
                    if self._about(self.currentRow()) != wanted:
                        self.setCurrentCell(line, 0)
                    return
            self.clearSelection()
            self.setCurrentItem(None)

    def _about(self, line: int) -> Any:
        item = self.item(line, 0)
        return None if item is None else item.about

    def _moved(self, line: int, *_rest: int) -> None:
        if self._about(line) is not None:
            self.picked.emit(self._about(line))


class _Cell(QTableWidgetItem):
    """A cell that sorts by its value; without one it comes last."""

    def __init__(self, text: str, value: Any, about: Any) -> None:
        super().__init__(text)
        self.value, self.about = value, about

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return _key(self.value) < _key(getattr(other, "value", None))


def _key(value: Any) -> tuple[int, float, str]:
    """Order numbers before texts, and NaN last."""
    if isinstance(value, int | float):
        return (2, 0.0, "") if math.isnan(value) else (0, float(value), "")
    return (1, 0.0, str(value))
