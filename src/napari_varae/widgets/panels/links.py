"""The Links dock: how latents drive each other, at any penalty, as a matrix and as arrows on the image."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget

from napari_varae.figures.var import draw_matrix, draw_path
from napari_varae.session.results import Edge
from napari_varae.widgets.boxes.arrows import ArrowsBox
from napari_varae.widgets.boxes.sparsity import SparsityBox
from napari_varae.widgets.jobs import maps
from napari_varae.widgets.jobs.figures import Draw, FigurePanel
from napari_varae.widgets.parts.plots import MatrixPlot
from napari_varae.widgets.parts.text import heading, in_words, note

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.core.var.model import VAR

__all__ = ["LinksPanel"]

ON_CLICK = {"driver": "its driver map", "effect": "its effect map", None: "nothing more"}
CHOOSE = "Choose a link: click an entry of the matrix, move there with the arrow keys, or click an arrow on the image."


class LinksPanel(FigurePanel):
    """Show the links of the fit at any penalty, as a matrix and on the image, and choose one."""

    dock = "Links"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.summary, self.cell = note(), note()
        self.sparsity, self.image = SparsityBox(self), ArrowsBox(self)
        self.lag, self.on_click = QComboBox(), QComboBox()
        self.lag.addItem("1", 1)
        self.lag.currentIndexChanged.connect(self._set_lag)
        for kind, text in ON_CLICK.items():
            self.on_click.addItem(text, kind)
        self.matrix = MatrixPlot()
        self.matrix.picked.connect(self._pick)
        self.matrix.hovered.connect(self._hover)
        self.add_plot(self.matrix)
        self._missed = False
        """Whether a link was picked while another map was being computed."""
        self._lay_out()
        self._listen()
        self._show_fit()

    def _lay_out(self) -> None:
        self.body.addWidget(self.summary)
        self.of_fit = QWidget()
        """Everything that there is only of a fit."""
        rest = QVBoxLayout(self.of_fit)
        rest.setContentsMargins(0, 0, 0, 0)
        form = QFormLayout()
        form.setVerticalSpacing(4)
        form.addRow("Lag (frames)", self.lag)
        form.addRow("A click on a link shows", self.on_click)
        for widget in (heading("Sparsity: how many links"), self.sparsity, heading("On the image"), self.image):
            rest.addWidget(widget)
        rest.addWidget(heading("Matrix: targets from sources"))
        rest.addLayout(form)
        rest.addWidget(self.cell)
        rest.addWidget(self.matrix)
        self.body.addWidget(self.of_fit)
        self.body.addStretch()

    def _listen(self) -> None:
        session = self.session
        self.listen(session.fit_changed, self._show_fit)
        self.listen(session.cells_changed, self._show_fit)
        self.listen(session.penalty_changed, self._show_penalty)
        self.listen(session.graph_changed, self._show_graph)
        self.listen(session.edge_changed, self._show_edge)
        self.listen(session.latent_changed, self._mark)
        self.listen(session.edge_picked, self._show_map)
        self.listen(session.job_changed, self._catch_up)

    def figures(self) -> dict[str, Draw]:
        """Return the matrix as it is shown, and the held-out prediction along the path."""
        var, along, fit = self.session.shown_var, self.session.along_path, self.session.fit
        found: dict[str, Draw] = {}
        if var is not None:
            lag = self.lag.currentText()
            title = f"Lag {lag}, penalty {var.penalty:.3g}" if self.lag.currentData() else f"At {lag}"
            found["coefficients"] = partial(draw_matrix, self._shown(var), title=title)
        if along is not None and fit is not None:
            found["held-out prediction along the path"] = partial(draw_path, along, fit.var.penalty)
        return found

    def showEvent(self, event: QShowEvent | None) -> None:
        """Predict held-out frames once the dock is looked at."""
        super().showEvent(event)
        self.sparsity.follow_path()

    # What the user does

    def _set_lag(self, _index: int) -> None:
        with in_words():
            self.session.set_graph(replace(self.session.graph, lag=self.lag.currentData()))

    def _pick(self, target: int, source: int) -> None:
        self.session.pick_edge(self._edge_at(target, source))

    def _hover(self, target: int, source: int) -> None:
        if self.session.fit is not None:
            self.cell.setText(self._in_words(self._edge_at(target, source)))

    def _show_map(self) -> None:
        """Show the map of the link that was clicked, here or on the image."""
        edge, kind = self.session.edge, self.on_click.currentData()
        self._missed = self.session.job != "idle"
        if edge is not None and kind is not None:
            with in_words():
                maps.show_edge(self, edge, kind)

    def _catch_up(self, state: str) -> None:
        """Show the map of the link that was picked last, once there is time."""
        if state == "idle" and self._missed:
            self._show_map()

    # What the session has

    def _show_fit(self) -> None:
        fit = self.session.fit
        self._offer_lags()
        self.of_fit.setVisible(fit is not None)
        if fit is None:
            self.summary.setText("No fit yet: train or load one in the Train dock.")
        else:
            named = ", ".join(self.session.name_latent(latent) for latent in fit.whole_image)
            whole = f" Latents of the whole image, whose links are not drawn: {named}." if named else ""
            self.summary.setText(f"Spectral radius of the fit {fit.var.spectral_radius:.2f}.{whole}")
        self.sparsity.show_fit()
        self._show_matrix()
        self._show_edge()

    def _show_penalty(self) -> None:
        self._show_matrix()
        self._show_edge()

    def _show_graph(self) -> None:
        with QSignalBlocker(self.lag):
            self.lag.setCurrentIndex(self._lag_index())
        self._show_matrix()

    def _show_matrix(self) -> None:
        var = self.session.shown_var
        if var is not None:
            self.matrix.show_matrix(self._shown(var))
        self._mark()

    def _show_edge(self) -> None:
        edge = self.session.edge
        self.cell.setText(CHOOSE if edge is None or self.session.fit is None else self._in_words(edge))
        self._mark()

    def _mark(self) -> None:
        edge, lag = self.session.edge, self.lag.currentData()
        shown = edge is not None and lag in (None, edge.lag)
        self.matrix.mark((edge.target, edge.source) if edge is not None and shown else None)
        self.matrix.mark_latent(self.session.latent)

    # Words and numbers

    def _offer_lags(self) -> None:
        """Offer the lags of the fit, and keep the chosen one if it is among them."""
        order = 1 if self.session.fit is None else self.session.fit.var.order
        if order == self.lag.count() - (order > 1):
            return
        with QSignalBlocker(self.lag):
            self.lag.clear()
            for lag in range(1, order + 1):
                self.lag.addItem(str(lag), lag)
            if order > 1:
                self.lag.addItem("the largest of each pair", None)
            self.lag.setCurrentIndex(self._lag_index())
        self.lag.setEnabled(order > 1)

    def _lag_index(self) -> int:
        """Entry of the lag that the session has."""
        return next((i for i in range(self.lag.count()) if self.lag.itemData(i) == self.session.graph.lag), 0)

    def _lags(self, var: VAR) -> Any:
        """Lag that is shown for each pair (target, source)."""
        lag = self.lag.currentData()
        return np.abs(var.coefficients).argmax(0) + 1 if lag is None else np.full(var.coefficients.shape[1:], lag)

    def _shown(self, var: VAR) -> Any:
        """Coefficients (K, K) of the lag that is shown; links that are too small are zero."""
        shown = np.take_along_axis(var.coefficients, self._lags(var)[None] - 1, 0)[0]
        hidden = (np.abs(shown) < self.session.graph.smallest) & ~np.eye(var.latents, dtype=bool)
        return np.where(hidden, 0, shown)

    def _edge_at(self, target: int, source: int) -> Edge:
        var = self.session.shown_var
        return Edge(1 if var is None else int(self._lags(var)[target, source]), target, source)

    def _in_words(self, edge: Edge) -> str:
        """Describe one coefficient."""
        var = self.session.shown_var
        if var is None or edge.lag > var.order:
            return ""
        value = var.coefficients[edge.lag - 1, edge.target, edge.source]
        source, target = (self.session.name_latent(latent) for latent in (edge.source, edge.target))
        number = f"{value:+.3f}" if value else "no link"
        return f"Latent {source} → latent {target} after {edge.lag} frame{'s' * (edge.lag > 1)}: {number}"
