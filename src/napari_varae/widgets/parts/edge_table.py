"""The table of coefficients that were compared, the largest studentised difference first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem

from napari_varae.session.results import Edge

if TYPE_CHECKING:
    from napari_varae.core.comparison.result import Comparison

__all__ = ["EdgeTable"]

COLUMNS = {"a": "A", "b": "B", "difference": "A − B (interval)", "p_within": "p"}
MOST_ROWS = 500
"""Rows that are shown; the exported table has all."""


class EdgeTable(QTableWidget):
    """Links with their coefficients in A and B; a click on a header sorts, a click on a row selects the link."""

    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__(0, 1 + len(COLUMNS))
        self.setHorizontalHeaderLabels(["Link", *COLUMNS.values()])
        self.verticalHeader().setVisible(False)
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.setMinimumHeight(180)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setStretchLastSection(True)
        self.setToolTip(
            "Coefficients on latents of SD 1. Intervals and p are adjusted for all links, or for all own past. "
            "Click a row to see the map of its link."
        )
        self.cellClicked.connect(self._clicked)

    def show_edges(self, result: Comparison, name_latent: Callable[[int], str] = str) -> None:
        """Replace the rows; latents are named by `name_latent`."""
        edges = result.edges
        order = np.lexsort((-np.abs(edges["difference"]), edges["p_within"]))[:MOST_ROWS]
        self.setSortingEnabled(False)
        self.setRowCount(len(order))
        for line, i in enumerate(order):
            edge = Edge(int(edges["lag"][i]), int(edges["target"][i]), int(edges["source"][i]))
            name = f"{name_latent(edge.source)} → {name_latent(edge.target)}"
            self.setItem(line, 0, _Cell(f"{name}, lag {edge.lag}" if result.test.order > 1 else name, edge))
            for column, field in enumerate(COLUMNS, 1):
                self.setItem(line, column, _Cell(_text(edges[i], field), float(edges[field][i])))
        self.sortItems(-1)  # as they came, until a header is clicked
        self.setSortingEnabled(True)

    def _clicked(self, line: int, _column: int) -> None:
        item = self.item(line, 0)
        if item is not None:
            self.picked.emit(item.data(Qt.ItemDataRole.UserRole))


def _text(edge: Any, name: str) -> str:
    """Spell one entry of a row of the table of edges."""
    if name == "p_within":
        return f"{edge[name]:.3g}"
    interval = f" ({edge['low']:+.2f} to {edge['high']:+.2f})" if name == "difference" else ""
    return f"{edge[name]:+.2f}{interval}"


class _Cell(QTableWidgetItem):
    """A cell that sorts by its value."""

    def __init__(self, text: str, value: Any) -> None:
        super().__init__(text)
        self.setData(Qt.ItemDataRole.UserRole, value)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return bool(self.data(Qt.ItemDataRole.UserRole) < other.data(Qt.ItemDataRole.UserRole))
