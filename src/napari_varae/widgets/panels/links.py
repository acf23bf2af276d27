"""The Links dock: how latents drive each other, at any penalty, as a matrix and as arrows on the image."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from annotated_types import Ge
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QSlider

from napari_varae.figures.var import draw_matrix, draw_path
from napari_varae.session.links import MOST, Graph
from napari_varae.session.reasons import why_not
from napari_varae.session.results import Edge
from napari_varae.widgets.jobs import maps
from napari_varae.widgets.jobs.along_path import follow_path
from napari_varae.widgets.jobs.figures import Draw, FigurePanel
from napari_varae.widgets.parts.fields import NumberField
from napari_varae.widgets.parts.panel import allow, button, row
from napari_varae.widgets.parts.path_plot import PathPlot
from napari_varae.widgets.parts.plots import MatrixPlot
from napari_varae.widgets.parts.text import heading, in_words, note

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.var.model import VAR

__all__ = ["LinksPanel"]

STEPS = 1000
"""Steps of the sparsity slider, even on the logarithm of the penalty."""
ON_CLICK = {"driver": "its driver map", "effect": "its effect map", None: "nothing more"}
CHOOSE = "Click a cell of the matrix, or an arrow on the image, to choose a link."


class LinksPanel(FigurePanel):
    """Show the links of the fit at any penalty, as a matrix and on the image, and choose one."""

    dock = "Links"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.summary, self.sparsity_text, self.curve_text, self.drawn, self.cell = (note() for _ in range(5))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setToolTip("Left: few links (large penalty). Right: many links (small penalty).")
        self.slider.valueChanged.connect(self._slide)
        self.slider.sliderReleased.connect(self._released)
        self.path = PathPlot()
        self.path.dragged.connect(self._try)
        self.path.released.connect(self._released)
        self.use_button = button(
            "Use this penalty",
            self.use_penalty,
            "Makes a fit with this penalty the fit in use: comparisons, the prediction layer and saving use it. "
            "The fit before it is kept.",
        )
        self.back_button = button("Back to the penalty of the fit", lambda: self._try(None, released=True))
        self.arrows, self.outlines = QCheckBox("Links as arrows"), QCheckBox("Outlines of latents")
        self.chosen_only = QCheckBox("Only links from or to the chosen latent")
        for box in (self.arrows, self.outlines, self.chosen_only):
            box.clicked.connect(self._set_graph)
        self.strongest = QSlider(Qt.Orientation.Horizontal)
        self.strongest.setRange(1, MOST)
        self.strongest.setValue(self.session.graph.strongest)
        self.strongest.valueChanged.connect(self._set_graph)
        self.smallest = NumberField(float, (Ge(0),), empty="none", absent=0.0)
        self.smallest.setAccessibleName("Hide links smaller than")
        self.smallest.setToolTip("Links with smaller coefficients are hidden, on the image and in the matrix")
        self.smallest.editingFinished.connect(self._set_graph)
        self.lag, self.on_click = QComboBox(), QComboBox()
        self.lag.addItem("1", 1)
        self.lag.currentIndexChanged.connect(self._set_graph)
        for kind, text in ON_CLICK.items():
            self.on_click.addItem(text, kind)
        self.matrix = MatrixPlot()
        self.matrix.picked.connect(self._pick)
        self.matrix.hovered.connect(self._hover)
        for plot in (self.path, self.matrix):
            self.add_plot(plot)
        self._followed: Fit | None = None
        self._lay_out()
        self._listen()
        self._show_fit()

    def _lay_out(self) -> None:
        for widget in (heading("Sparsity: how many links"), self.summary, self.slider, self.sparsity_text):
            self.body.addWidget(widget)
        self.body.addWidget(self.path)
        self.body.addWidget(self.curve_text)
        self.body.addLayout(row(self.use_button, self.back_button))
        self.body.addWidget(heading("On the image"))
        self.body.addLayout(row(self.arrows, self.outlines))
        self.body.addWidget(self.chosen_only)
        self.body.addLayout(row("Strongest", self.strongest))
        self.body.addLayout(row("Hide links smaller than", self.smallest))
        self.body.addWidget(self.drawn)
        self.body.addWidget(heading("Matrix: targets from sources"))
        form = QFormLayout()
        form.setVerticalSpacing(4)
        form.addRow("Lag (frames)", self.lag)
        form.addRow("A click on a link shows", self.on_click)
        self.body.addLayout(form)
        self.body.addWidget(self.cell)
        self.body.addWidget(self.matrix)
        self.body.addStretch()

    def _listen(self) -> None:
        session = self.session
        self.listen(session.fit_changed, self._show_fit)
        self.listen(session.cells_changed, self._show_fit)
        self.listen(session.penalty_changed, self._show_penalty)
        self.listen(session.along_path_changed, self._show_curve)
        self.listen(session.graph_changed, self._show_graph)
        self.listen(session.edge_changed, self._show_edge)
        self.listen(session.latent_changed, self._show_drawn)
        self.listen(session.edge_picked, self._show_map)
        self.listen(session.job_changed, self._job_changed)

    def use_penalty(self) -> None:
        """Put a fit with the penalty that is tried in use."""
        with in_words():
            self.session.use_penalty()
            maps.follow_penalty(self)

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
        self._follow_path()

    # What the user does

    def _slide(self, step: int) -> None:
        """Try the penalty at a step of the slider, and let maps follow when it was moved by a key."""
        self._try(self._penalty_at(step), released=not self.slider.isSliderDown())

    def _try(self, penalty: float | None, released: bool = False) -> None:
        with in_words():
            self.session.set_penalty(penalty)
            if released:
                maps.follow_penalty(self)

    def _released(self) -> None:
        with in_words():
            maps.follow_penalty(self)

    def _set_graph(self, _value: Any = None) -> None:
        with in_words():
            self.session.set_graph(
                Graph(
                    self.arrows.isChecked(), self.outlines.isChecked(), self.strongest.value(), self.lag.currentData(),
                    self.chosen_only.isChecked(), self.smallest.value(),
                )
            )  # fmt: skip

    def _pick(self, target: int, source: int) -> None:
        self.session.pick_edge(self._edge_at(target, source))

    def _hover(self, target: int, source: int) -> None:
        if self.session.fit is not None:
            self.cell.setText(self._in_words(self._edge_at(target, source)))

    def _show_map(self) -> None:
        """Show the map of the link that was clicked, here or on the image."""
        edge, kind = self.session.edge, self.on_click.currentData()
        if edge is not None and kind is not None:
            with in_words():
                maps.show_edge(self, edge, kind)

    # What the session has

    def _show_fit(self) -> None:
        fit = self.session.fit
        self._offer_lags()
        on_image = (self.arrows, self.outlines, self.chosen_only, self.strongest, self.smallest)
        for widget in (self.slider, self.matrix, self.path, *on_image):
            allow(widget, why_not(self.session, "fit"))
        if fit is None:
            self.summary.setText("No fit yet: train or load one in the Train dock.")
        else:
            self.path.set_range(*self._ends())
            named = ", ".join(self.session.name_latent(latent) for latent in fit.whole_image)
            whole = f" Latents of the whole image, whose links are not drawn: {named}." if named else ""
            self.summary.setText(f"Spectral radius of the fit {fit.var.spectral_radius:.2f}.{whole}")
        self._show_penalty()
        self._show_curve()
        self._show_edge()
        self._follow_path()

    def _show_penalty(self) -> None:
        """Show the links at the penalty that is tried."""
        fit, var = self.session.fit, self.session.shown_var
        tried = self.session.penalty is not None
        self._allow()
        if fit is None or var is None:
            self.sparsity_text.setText("")
        else:
            top, floor = self._ends()
            share = np.log(top / max(var.penalty, floor)) / np.log(top / floor)
            if not self.slider.isSliderDown():
                with QSignalBlocker(self.slider):
                    self.slider.setValue(round(STEPS * float(np.clip(share, 0, 1))))
            of_fit = f"the fit: {_count(fit.var)} at {fit.var.penalty:.3g}" if tried else "that of the fit"
            self.sparsity_text.setText(f"{_count(var)} links at penalty {var.penalty:.3g} ({of_fit})")
            self.path.mark(fit.var.penalty, var.penalty)
        self._show_matrix()
        self._show_drawn()

    def _show_curve(self) -> None:
        along = self.session.along_path
        if along is None:
            self.path.show_curve(np.zeros(0), np.zeros(0))
            self.curve_text.setText("" if self.session.fit is None else "Held-out prediction is computed once here.")
        else:
            self.path.show_curve(along.penalties, along.r2)
            self.curve_text.setText(
                f"R² of one-step prediction in {along.n_frames} frames, {along.held_out}; best {along.r2.max():.3f} at "
                f"penalty {along.best:.3g}. Dashed: the fit."
            )

    def _show_graph(self) -> None:
        graph = self.session.graph
        for box, on in (
            (self.arrows, graph.shown), (self.outlines, graph.outlines), (self.chosen_only, graph.chosen_only),
        ):  # fmt: skip
            box.setChecked(on)
        self.smallest.set_value(graph.smallest)
        for widget, value in ((self.strongest, graph.strongest), (self.lag, self._lag_index())):
            with QSignalBlocker(widget):
                widget.setCurrentIndex(value) if widget is self.lag else widget.setValue(value)
        self._show_matrix()
        self._show_drawn()

    def _show_drawn(self) -> None:
        """Count the links that are drawn on the image."""
        count, wanted = len(self.session.drawn_edges()), self.session.graph.strongest
        text = f"the strongest {count}" if count == wanted else f"all {count}"
        self.drawn.setText(
            f"{text[0].upper()}{text[1:]} links. Width: size of the coefficient. Orange: positive; blue: negative. "
            "Outlined: the source of the chosen link in green, its target in pink."
        )

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

    def _allow(self) -> None:
        tried = "" if self.session.penalty is not None else "Move the slider first: this is the penalty of the fit."
        allow(self.use_button, why_not(self.session, "fit", "idle") or tried)
        allow(self.back_button, why_not(self.session, "fit") or tried)

    def _job_changed(self, _state: str) -> None:
        self._allow()
        self._follow_path()

    def _follow_path(self) -> None:
        """Predict held-out frames in the background, unless that was done, is being done, or something else is."""
        session = self.session
        fit, wanted = session.fit, self.isVisible() and session.job == "idle" and session.along_path is None
        if fit is not None and fit is not self._followed and wanted:
            self._followed = fit  # once for each fit, also when there is no result
            follow_path(self)

    # Words and numbers

    def _ends(self) -> tuple[float, float]:
        """Largest and smallest penalty of the path."""
        path = self.session.require_fit().var.path
        top, floor = float(path.max_penalty.max()), float(path.min_penalty.max())
        return (top, floor) if top > floor > 0 else (1.0, 0.01)  # latents without a single link

    def _penalty_at(self, step: int) -> float:
        top, floor = self._ends()
        return float(floor if step == STEPS else top * (floor / top) ** (step / STEPS))

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
        return f"Latent {source} → latent {target} after {edge.lag} frame{'s' * (edge.lag > 1)}: {value:+.3f}"


def _count(var: VAR) -> int:
    """Count the links of a VAR: nonzero coefficients between different latents."""
    return int(np.count_nonzero((var.coefficients != 0) & ~np.eye(var.latents, dtype=bool)))
