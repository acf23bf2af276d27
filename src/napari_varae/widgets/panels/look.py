"""The Look dock: views of the fit, and maps of which regions drive its dynamics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QLabel,
    QSizePolicy,
    QStackedWidget,
    QWidget,
)  # fmt: skip

from napari_varae.core.maps.definition import explain_map
from napari_varae.figures.maps import draw_map
from napari_varae.session.ranges import Segments
from napari_varae.session.reasons import why_not
from napari_varae.session.recipe import Mapped, Shown, chosen_maps
from napari_varae.session.session import Letter
from napari_varae.viewer import views
from napari_varae.viewer.maps import ShownMap, shown_maps
from napari_varae.viewer.side_by_side import put_side_by_side
from napari_varae.widgets.jobs import maps
from napari_varae.widgets.jobs.figures import Draw, FigurePanel
from napari_varae.widgets.parts.copy_as import copy_button
from napari_varae.widgets.parts.number_field import NumberField
from napari_varae.widgets.parts.panel import allow, button, row
from napari_varae.widgets.parts.text import heading, in_words, note

if TYPE_CHECKING:
    from napari.viewer import Viewer

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
SPANS = {
    "all": "all frames", "a": "range A", "b": "range B", "a-b": "A minus B", "a|b": "A beside B",
    "frame": "each frame",
}  # fmt: skip


NO_LINK = "none chosen: click one in the Links dock"
MAP_TIP = "Adds an image layer with colours symmetric about zero; zero is transparent"


class LookPanel(FigurePanel):
    """Show views and contribution maps of the fit as layers."""

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
        self.latent.setAccessibleName("Latent")
        self.link, self.which, self.which_name = QLabel(), QStackedWidget(), QLabel()
        self.link.setTextFormat(Qt.TextFormat.PlainText)
        for page in (QWidget(), self.latent, self.link):  # one row for all, so that nothing below it moves
            self.which.addWidget(page)
        self.which.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.own_past = QCheckBox("Include what a latent's own past predicts")
        self.map_button = button("Show map", self.show_map, MAP_TIP)
        self.beside = QCheckBox("Layers side by side")
        self.beside.setToolTip("Every visible layer in a field of its own (napari's grid), or all over each other")
        self.beside.clicked.connect(lambda on: put_side_by_side(self.viewer, on))
        self.meaning = note()
        for choice in (self.kind, self.subject):
            choice.currentIndexChanged.connect(self._explain)

        self.body.addWidget(heading("Layers, computed for the frame shown"))
        self.body.addLayout(grid)
        self.body.addWidget(heading("Contribution map"))
        form = QFormLayout()
        form.setVerticalSpacing(4)
        rows = (("Map", self.kind), ("Of", self.subject), (self.which_name, self.which), ("Over", self.span))
        for label, widget in rows:
            form.addRow(label, widget)
        self.body.addLayout(form)
        self.body.addWidget(self.own_past)
        self.body.addWidget(self.meaning)
        self.body.addLayout(row(self.map_button, self.beside))
        self.body.addWidget(copy_button(self._shown))
        self.body.addStretch()

        self.listen(self.session.fit_changed, self._show_fit)
        self.listen(napari_viewer.canvas.grid.events.enabled, self._show_grid)
        self.mirror(self.session.job_changed, self._show_enabled)
        self.listen(self.session.edge_changed, self._show_edge)
        self.listen(self.session.latent_changed, self._show_latent)
        for event in (napari_viewer.layers.events.inserted, napari_viewer.layers.events.removed):
            self.listen(event, self._show_toggles)
        self._show_fit()
        self._show_edge()
        self.beside.setChecked(napari_viewer.canvas.grid.enabled)
        self._explain()

    def show_map(self) -> None:
        """Compute the chosen map, or both, and show them as layers."""
        with in_words():
            self.session.require_stack()
            self.session.require_fit()
            requests = self._requests()
            maps.show(self, *requests, side_by_side=len(requests) > 1)

    def figures(self) -> dict[str, Draw]:
        """Return the maps that are visible, each over the static image, and all of them side by side."""
        stack, fit = self.session.stack, self.session.fit
        if stack is None or fit is None:
            return {}
        shown = shown_maps(self.viewer, self.session.frame)

        def drawing(*some: ShownMap) -> Draw:
            return partial(
                draw_map,
                {one.name: one.image for one in some},
                fit.static,
                unit={one.name: one.unit for one in some},
                pixel_size=stack.pixel_size,
                limit={one.name: one.end for one in some},
            )

        found = {one.name: drawing(one) for one in shown}
        return found if len(shown) < 2 else {"maps side by side": drawing(*shown), **found}

    def _shown(self) -> Shown:
        """Return the map of the choices, for a script."""
        self.session.require_fit()
        return chosen_maps(self.session, [_mapped(request, self.session.frame) for request in self._requests()])

    def _requests(self) -> list[maps.MapRequest]:
        """Read the choices."""
        span = self.span.currentData()
        return [self._request(each) for each in (("a", "b") if span == "a|b" else (span,))]

    def _request(self, span: str) -> maps.MapRequest:
        """Read the choices, for some of the frames."""
        kind, subject = self.kind.currentData(), self.subject.currentData()
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
                    "Choose a link first: click an entry of the matrix in the Links dock, an arrow on the image, or a "
                    "row of the table in the Compare dock."
                )
            of = f"link {edge}"
        if span == "frame" and kind == "effect":
            raise ValueError("An effect map is a spread over frames: choose the driver map for each frame.")
        a, b = self.session.ranges["a"], self.session.ranges["b"]
        if (span in ("a", "a-b") and not a) or (span in ("b", "a-b") and not b):
            raise ValueError("Set the range first: drag it in the Time dock, or type it in the Compare dock.")
        spans: dict[str, tuple[tuple[float, Segments | None], ...]] = {
            "all": ((1.0, None),), "a": ((1.0, a),), "b": ((1.0, b),), "a-b": ((1.0, a), (-1.0, b)),
            "frame": (),
        }  # fmt: skip
        ranges: dict[str, tuple[Letter, ...]] = {"a": ("a",), "b": ("b",), "a-b": ("a", "b")}
        side, suffix = (f"{span.upper()}: ", "") if span in ("a", "b") else ("", f", {SPANS[span]}" * (span != "all"))
        name = f"{side}{kind} map of {of}{suffix}"  # first: fields of a grid and the list of layers are narrow
        own_past = self.own_past.isChecked()
        return maps.MapRequest(
            kind, subject, target, edge, own_past, spans[span], name, ranges.get(span, ()), each_frame=span == "frame"
        )  # fmt: skip

    def _toggle(self, view: views.View, on: bool) -> None:
        with in_words():
            if on:
                views.show(self.viewer, self.session.require_stack(), self.session.require_fit(), view)
            else:
                views.hide(self.viewer, view)
        self._show_toggles()

    def _show_fit(self) -> None:
        self._show_enabled()
        self._show_toggles()

    def _show_edge(self) -> None:
        """Offer the map of the link that was chosen."""
        edge = self.session.edge
        self.link.setText(NO_LINK if edge is None else str(edge))
        if edge is not None:
            self.subject.setCurrentIndex(self.subject.findData("edge"))

    def _show_grid(self, _event: Any = None) -> None:
        """Follow napari's own button, too."""
        on = self.viewer.canvas.grid.enabled
        self.beside.setChecked(on)
        put_side_by_side(self.viewer, on)
        self.viewer.reset_view()

    def _explain(self, _index: int = 0) -> None:
        """State what the chosen map means, and of which latent or link it is."""
        subject = self.subject.currentData()
        self.meaning.setText(explain_map(self.kind.currentData(), subject))
        self.which.setCurrentIndex(self.subject.currentIndex())
        self.which_name.setText({"latent": "Latent", "edge": "Link"}.get(subject, ""))

    def _show_enabled(self) -> None:
        for box in self.views.values():
            allow(box, why_not(self.session, "movie", "fit"))
        allow(self.map_button, why_not(self.session, "movie", "fit", "idle"))

    def _show_latent(self) -> None:
        """Offer the map of the latent that was chosen."""
        if self.session.latent is not None:
            self.latent.set_value(self.session.latent)
            self.subject.setCurrentIndex(self.subject.findData("latent"))

    def _show_toggles(self, _event: Any = None) -> None:
        for view, box in self.views.items():
            box.setChecked(views.is_shown(self.viewer, view))


def _mapped(request: maps.MapRequest, frame: int) -> Mapped:
    """Describe a map for a script; of a map of each frame, that of the frame shown."""
    over, minus = (*(segments for _, segments in request.spans), None, None)[:2]
    at = frame if request.each_frame else None
    return Mapped(request.kind, over, minus, at, request.target, request.edge, request.own_past)


def _choice(options: dict[str, str]) -> QComboBox:
    box = QComboBox()
    for value, text in options.items():
        box.addItem(text, value)
    return box
