"""The table of links that a comparison found, the surest difference first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem

from napari_varae.session import Edge

if TYPE_CHECKING:
    from napari_varae.core.comparison import Comparison

__all__ = ["EdgeTable"]

COLUMNS = {"a": "A", "b": "B", "difference": "Difference", "low": "from", "high": "to", "p_adjusted": "p (adjusted)"}
MOST_ROWS = 500
"""Rows that are shown; the exported table has all."""


class EdgeTable(QTableWidget):
    """Links with their coefficients in A and B; a click on a header sorts, a click on a row points at the link."""

    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__(0, 1 + len(COLUMNS))
        self.setHorizontalHeaderLabels(["Link", *COLUMNS.values()])
        self.verticalHeader().setVisible(False)
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.setMinimumHeight(180)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.cellClicked.connect(self._clicked)

    def show_edges(self, result: Comparison) -> None:
        """Replace the rows."""
        edges = result.edges
        surest = np.lexsort((-np.abs(edges["difference"]), edges["p_adjusted"]))[:MOST_ROWS]
        self.setSortingEnabled(False)
        self.setRowCount(len(surest))
        for line, i in enumerate(surest):
            edge = Edge(int(edges["lag"][i]), int(edges["target"][i]), int(edges["source"][i]))
            self.setItem(line, 0, _Cell(str(edge), edge))
            for column, name in enumerate(COLUMNS, 1):
                value = float(edges[name][i])
                self.setItem(line, column, _Cell(f"{value:.3g}" if name == "p_adjusted" else f"{value:+.3f}", value))
        self.sortItems(-1)  # as they came, until a header is clicked
        self.setSortingEnabled(True)

    def _clicked(self, line: int, _column: int) -> None:
        item = self.item(line, 0)
        if item is not None:
            self.picked.emit(item.data(Qt.ItemDataRole.UserRole))


class _Cell(QTableWidgetItem):
    """A cell that sorts by its value."""

    def __init__(self, text: str, value: Any) -> None:
        super().__init__(text)
        self.setData(Qt.ItemDataRole.UserRole, value)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return bool(self.data(Qt.ItemDataRole.UserRole) < other.data(Qt.ItemDataRole.UserRole))
