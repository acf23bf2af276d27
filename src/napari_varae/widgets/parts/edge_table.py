"""The table of coefficients that were compared, the largest studentised difference first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QHeaderView, QTableView

from napari_varae.session.results import Edge
from napari_varae.widgets.parts.text import signed

if TYPE_CHECKING:
    from napari_varae.core.comparison.result import Comparison

__all__ = ["EdgeTable"]

COLUMNS = {"link": "Link", "a": "A", "b": "B", "difference": "A − B (interval)", "p_within": "p"}
FIELDS = tuple(COLUMNS)
NONE = QModelIndex()
WIDTHS = (120, 46, 46, 146, 44)
"""Pixels of the columns."""


class EdgeTable(QTableView):
    """Links with their coefficients in A and B: a header sorts, a row selects the link, however many there are."""

    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.edges = _Edges(self)
        self.setAccessibleName("Links")
        self.setModel(self.edges)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(22)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)  # arrow keys move inside, Tab goes on
        self.setMinimumHeight(180)
        self.setSortingEnabled(True)
        header = self.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate(WIDTHS):
            header.resizeSection(column, width)
        self.setToolTip(
            "Coefficients on latents of SD 1. Intervals and p are adjusted for all links, or for all own past. "
            "Click a row to see the map of its link."
        )
        self.selectionModel().currentRowChanged.connect(self._moved)

    def show_edges(self, result: Comparison, name_latent: Callable[[int], str] = str) -> None:
        """Replace the rows; latents are named by `name_latent`."""
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.edges.replace(result.edges, result.test.order, name_latent)

    def choose(self, edge: Edge | None) -> None:
        """Select the row of a link, or none."""
        line = None if edge is None else self.edges.line_of(edge)
        with QSignalBlocker(self.selectionModel()):
            if line is None:
                self.clearSelection()
            else:
                self.selectRow(line)
        if line is not None:
            self.scrollTo(self.edges.index(line, 0))
        self.viewport().update()

    def _moved(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self.picked.emit(self.edges.edge(now.row()))


class _Edges(QAbstractTableModel):
    """Rows of a structured array, spelled when they are seen."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._edges: NDArray[Any] = np.zeros(0, dtype=[("p_within", float)])
        self._order = np.zeros(0, dtype=np.int64)
        self._lags = 1
        self._name: Callable[[int], str] = str

    def replace(self, edges: NDArray[Any], lags: int, name_latent: Callable[[int], str]) -> None:
        """Show other edges, by p-value and size."""
        self.beginResetModel()
        self._edges, self._lags, self._name = edges, lags, name_latent
        self._order = np.lexsort((-np.abs(edges["difference"]), edges["p_within"]))
        self.endResetModel()

    def edge(self, line: int) -> Edge:
        """Return the link of a row."""
        row = self._edges[self._order[line]]
        return Edge(int(row["lag"]), int(row["target"]), int(row["source"]))

    def line_of(self, edge: Edge) -> int | None:
        """Return the row of a link."""
        if not len(self._order):
            return None
        rows = self._edges[self._order]
        found = np.flatnonzero(
            (rows["lag"] == edge.lag) & (rows["target"] == edge.target) & (rows["source"] == edge.source)
        )
        return int(found[0]) if len(found) else None

    def rowCount(self, parent: QModelIndex = NONE) -> int:
        """Count the links."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex = NONE) -> int:
        """Count the columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Name the columns."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[FIELDS[section]]
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """Spell a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(index.row(), FIELDS[index.column()])
        if role == Qt.ItemDataRole.ToolTipRole and not index.column():
            return self._text(index.row(), FIELDS[0])  # names may be cut off
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column():
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column: links by their numbers, differences by their size, others by their value."""
        if not len(self._order) or column < 0:
            return
        self.layoutAboutToBeChanged.emit()
        field = FIELDS[column]
        if field == "link":
            self._order = np.lexsort((self._edges["lag"], self._edges["target"], self._edges["source"]))
        else:
            values = self._edges[field]
            self._order = np.argsort(-np.abs(values) if field == "difference" else values, kind="stable")
        if order == Qt.SortOrder.DescendingOrder:
            self._order = self._order[::-1]
        self.layoutChanged.emit()

    def _text(self, line: int, field: str) -> str:
        row = self._edges[self._order[line]]
        if field == "link":
            source, target = self._name(int(row["source"])), self._name(int(row["target"]))
            name = f"{target}, own past" if row["source"] == row["target"] else f"{source} → {target}"
            return f"{name}, lag {row['lag']}" if self._lags > 1 else name
        if field == "p_within":
            return f"{row[field]:.3g}"
        interval = f" ({signed(row['low'])} to {signed(row['high'])})" if field == "difference" else ""
        return f"{signed(row[field])}{interval}"
