"""Links and latents on the image, in the Links dock: what is drawn, and how much of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from annotated_types import Ge
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QCheckBox, QSlider, QVBoxLayout, QWidget

from napari_varae.session.links import MOST
from napari_varae.widgets.parts.number_field import NumberField
from napari_varae.widgets.parts.panel import Panel, row
from napari_varae.widgets.parts.text import in_words, note

__all__ = ["ArrowsBox"]

LEGEND = (
    "Width: size of the coefficient. Orange: positive; blue: negative. Of the chosen link, the source is outlined in "
    "white and the target in cyan; the chosen latent in pink."
)


class ArrowsBox(QWidget):
    """Switch arrows and outlines on, and choose which of the links are drawn."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._session = panel.session
        self.drawn = note()
        self.arrows, self.outlines = QCheckBox("Links as arrows"), QCheckBox("Outlines of latents")
        self.chosen_only = QCheckBox("Only links from or to the chosen latent")
        for box in (self.arrows, self.outlines, self.chosen_only):
            box.clicked.connect(self._set_graph)
        self.strongest = QSlider(Qt.Orientation.Horizontal)
        self.strongest.setRange(1, MOST)
        self.strongest.setValue(self._session.graph.strongest)
        self.strongest.setAccessibleName("Number of links that are drawn, the strongest first")
        self.strongest.valueChanged.connect(self._set_graph)
        self.smallest = NumberField(float, (Ge(0),), empty="none", absent=0.0)
        self.smallest.setAccessibleName("Hide links smaller than")
        self.smallest.setToolTip("Links with smaller coefficients are hidden, on the image and in the matrix")
        self.smallest.editingFinished.connect(self._set_graph)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row(self.arrows, self.outlines))
        layout.addWidget(self.chosen_only)
        layout.addLayout(row("Strongest", self.strongest))
        layout.addLayout(row("Hide links smaller than", self.smallest))
        layout.addWidget(self.drawn)
        panel.listen(self._session.graph_changed, self._show_graph)
        for signal in (self._session.penalty_changed, self._session.fit_changed, self._session.latent_changed):
            panel.listen(signal, self._show_drawn)
        self._show_graph()

    def _set_graph(self, _value: Any = None) -> None:
        with in_words():
            self._session.set_graph(
                replace(
                    self._session.graph, shown=self.arrows.isChecked(), outlines=self.outlines.isChecked(),
                    strongest=self.strongest.value(), chosen_only=self.chosen_only.isChecked(),
                    smallest=self.smallest.value(),
                )
            )  # fmt: skip

    def _show_graph(self) -> None:
        graph = self._session.graph
        for box, on in (
            (self.arrows, graph.shown), (self.outlines, graph.outlines), (self.chosen_only, graph.chosen_only),
        ):  # fmt: skip
            box.setChecked(on)
        self.smallest.set_value(graph.smallest)
        with QSignalBlocker(self.strongest):
            self.strongest.setValue(graph.strongest)
        self._show_drawn()

    def _show_drawn(self) -> None:
        """Count the links that are drawn on the image."""
        count, wanted = len(self._session.drawn_edges()), self._session.graph.strongest
        if count == 0:
            self.drawn.setText("There are no links to draw.")
            return
        number = f"{count} links" if count > 1 else "link" if count == wanted else "1 link"
        what = f"The strongest {number}" if count == wanted else f"All {number}" if count > 1 else number
        self.drawn.setText(f"{what}. {LEGEND}")
