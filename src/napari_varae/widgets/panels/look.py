"""The Look dock: views of the fit, maps of which regions drive its dynamics, and the VAR as a matrix."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QGridLayout

from napari_varae.session.ranges import Segments
from napari_varae.session.results import Edge
from napari_varae.session.session import Letter
from napari_varae.viewer import views
from napari_varae.widgets.jobs import maps
from napari_varae.widgets.parts.fields import NumberField
from napari_varae.widgets.parts.panel import Panel, button
from napari_varae.widgets.parts.plots import MatrixPlot
from napari_varae.widgets.parts.text import heading, in_words, note

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.core.fit.fit import Fit

__all__ = ["LookPanel"]

VIEWS: dict[views.View, str] = {
    "reconstruction": "Reconstruction",
    "residual": "Residual",
    "prediction": "VAR prediction",
    "static": "Static image",
}
KINDS = {
    "driver": "driver: pixels that the prediction depends on",
    "effect": "effect: pixels that the prediction changes",
}
SUBJECTS = {"whole": "the whole VAR", "latent": "one latent", "edge": "one link"}
SPANS = {"all": "all frames", "a": "range A", "b": "range B", "a-b": "A minus B"}


class LookPanel(Panel):
    """Show views and contribution maps of the fit as layers, and its VAR as a matrix."""

    dock = "Look"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.views = {view: QCheckBox(text) for view, text in VIEWS.items()}
        grid = QGridLayout()
        for i, (view, box) in enumerate(self.views.items()):
            box.clicked.connect(partial(self._toggle, view))
            grid.addWidget(box, i // 2, i % 2)
        self.kind, self.subject, self.span = _choice(KINDS), _choice(SUBJECTS), _choice(SPANS)
        self.latent = NumberField(int)
        self.latent.set_value(0)
        self.own_past = QCheckBox("Include what a latent's own past predicts")
        self.map_button = button(
            "Show map", self.show_map, "Adds an image layer with colours symmetric about zero; zero is transparent"
        )
        self.lag = QComboBox()
        self.lag.addItem("1", 1)
        self.lag.currentIndexChanged.connect(self._show_matrix)
        self.matrix = MatrixPlot()
        self.matrix.picked.connect(self._pick)
        self.matrix.hovered.connect(self._hover)
        self.summary, self.cell = note(), note()
        self.add_plot(self.matrix)

        self.body.addWidget(heading("Layers, computed for the frame shown"))
        self.body.addLayout(grid)
        self.body.addWidget(heading("Contribution map"))
        form = QFormLayout()
        form.setVerticalSpacing(4)
        for label, widget in (("Map", self.kind), ("Of", self.subject), ("Latent", self.latent), ("Over", self.span)):
            form.addRow(label, widget)
        self.body.addLayout(form)
        self.body.addWidget(self.own_past)
        self.body.addWidget(self.map_button)
        self.body.addWidget(heading("VAR: how latents drive each other"))
        self.body.addWidget(self.summary)
        lag_form = QFormLayout()
        lag_form.addRow("Lag (frames)", self.lag)
        self.body.addLayout(lag_form)
        self.body.addWidget(self.matrix)
        self.body.addWidget(self.cell)
        self.body.addStretch()

        self.listen(self.session.fit_changed, self._show_fit)
        self.listen(self.session.job_changed, self._show_enabled)
        self.listen(self.session.edge_changed, self._show_edge)
        self.listen(self.session.latent_changed, self._show_latent)
        self.listen(self.session.cells_changed, self._show_fit)
        for event in (napari_viewer.layers.events.inserted, napari_viewer.layers.events.removed):
            self.listen(event, self._show_toggles)
        self._show_fit()

    def show_map(self) -> None:
        """Compute the chosen map and show it as a layer."""
        with in_words():
            stack, fit, request = self.session.require_stack(), self.session.require_fit(), self._request()
            maps.show(self, stack, fit, request)

    def _request(self) -> maps.MapRequest:
        """Read the choices."""
        kind, subject, span = self.kind.currentData(), self.subject.currentData(), self.span.currentData()
        target, edge, of = None, None, "the whole VAR"
        if subject == "latent":
            target = self.latent.value()
            last = self.session.require_fit().latents - 1
            if not 0 <= target <= last:
                raise ValueError(f"There is no latent {target}. Choose 0 to {last}.")
            of = f"latent {self.session.name_latent(target)}"
        elif subject == "edge":
            edge = self.session.edge
            if edge is None:
                raise ValueError(
                    "Choose a link first: click a cell of the matrix below, or a row of the table in the Compare dock."
                )
            of = f"link {edge}"
        a, b = self.session.ranges["a"], self.session.ranges["b"]
        if ("a" in span and span != "all" and not a) or ("b" in span and not b):
            raise ValueError("Set the range first: drag it in the Time dock, or type it in the Compare dock.")
        spans: dict[str, tuple[tuple[float, Segments | None], ...]] = {
            "all": ((1.0, None),), "a": ((1.0, a),), "b": ((1.0, b),), "a-b": ((1.0, a), (-1.0, b)),
        }  # fmt: skip
        suffix = "" if span == "all" else f", {SPANS[span]}"
        ranges: dict[str, tuple[Letter, ...]] = {"all": (), "a": ("a",), "b": ("b",), "a-b": ("a", "b")}
        name = f"{kind} map of {of}{suffix}"
        own_past = self.own_past.isChecked()
        return maps.MapRequest(kind, subject, target, edge, own_past, spans[span], name, ranges[span])

    def _toggle(self, view: views.View, on: bool) -> None:
        with in_words():
            if on:
                views.show(self.viewer, self.session.require_stack(), self.session.require_fit(), view)
            else:
                views.hide(self.viewer, view)
        self._show_toggles()

    def _pick(self, target: int, source: int) -> None:
        """Select a cell of the matrix, and show its map when there is a link."""
        with in_words():
            fit, lag = self.session.require_fit(), self._lag()
            self.session.set_edge(Edge(lag, target, source))
            if fit.var.coefficients[lag - 1, target, source] != 0 and self.session.job == "idle":
                self.subject.setCurrentIndex(self.subject.findData("edge"))
                self.show_map()

    def _hover(self, target: int, source: int) -> None:
        fit = self.session.fit
        if fit is not None:
            self.cell.setText(self._in_words(fit, Edge(self._lag(), target, source)))

    def _lag(self) -> int:
        """Return the lag to show: one that the fit has."""
        return int(self.lag.currentData())

    def _offer_lags(self) -> None:
        """Offer the lags of the fit, and keep the chosen one if it is among them."""
        order = 1 if self.session.fit is None else self.session.fit.var.order
        if order != self.lag.count():
            kept = min(self._lag(), order)
            with QSignalBlocker(self.lag):
                self.lag.clear()
                for lag in range(1, order + 1):
                    self.lag.addItem(str(lag), lag)
                self.lag.setCurrentIndex(kept - 1)
        self.lag.setEnabled(order > 1)

    def _show_fit(self) -> None:
        fit = self.session.fit
        if fit is None:
            self.summary.setText("No fit yet: train or load one in the Train dock.")
        else:
            links = np.count_nonzero((fit.var.coefficients != 0) & ~np.eye(fit.latents, dtype=bool)) / fit.latents
            self.summary.setText(
                f"{links:.1f} links into each of {fit.latents} latents, besides its own past; "
                f"penalty {fit.var.penalty:.3g}, spectral radius {fit.var.spectral_radius:.2f}.{self._whole(fit)}"
            )
        self.cell.setText("Click a cell to see the map of that link.")
        self._offer_lags()
        self._show_matrix()
        self._show_enabled()
        self._show_toggles()

    def _show_matrix(self) -> None:
        fit = self.session.fit
        if fit is not None:
            self.matrix.show_matrix(fit.var.coefficients[self._lag() - 1])
        self._show_edge()

    def _show_edge(self) -> None:
        edge, fit = self.session.edge, self.session.fit
        shown = edge is not None and edge.lag == self._lag()
        self.matrix.mark((edge.target, edge.source) if edge is not None and shown else None)
        if edge is not None and fit is not None:
            self.cell.setText(self._in_words(fit, edge))

    def _show_enabled(self) -> None:
        ready = self.session.fit is not None
        for box in self.views.values():
            box.setEnabled(ready)
        self.map_button.setEnabled(ready and self.session.job == "idle")

    def _show_latent(self) -> None:
        """Offer the map of the latent that was chosen."""
        if self.session.latent is not None:
            self.latent.set_value(self.session.latent)
            self.subject.setCurrentIndex(self.subject.findData("latent"))

    def _whole(self, fit: Fit) -> str:
        """Name the latents of the whole image."""
        named = ", ".join(self.session.name_latent(latent) for latent in fit.whole_image)
        return f" Latents of the whole image: {named}." if named else ""

    def _in_words(self, fit: Fit, edge: Edge) -> str:
        """Describe one coefficient."""
        value = fit.var.coefficients[edge.lag - 1, edge.target, edge.source]
        source, target = (self.session.name_latent(latent) for latent in (edge.source, edge.target))
        return f"Latent {source} → latent {target} after {edge.lag} frame{'s' * (edge.lag > 1)}: {value:+.3f}"

    def _show_toggles(self, _event: Any = None) -> None:
        for view, box in self.views.items():
            box.setChecked(views.is_shown(self.viewer, view))


def _choice(options: dict[str, str]) -> QComboBox:
    box = QComboBox()
    for value, text in options.items():
        box.addItem(text, value)
    return box
