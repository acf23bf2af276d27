"""The Time dock: traces and latents over time, behaviour and trials, and the frame sets that are drawn there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.layers import Labels, Shapes
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QLineEdit, QMenu, QPushButton, QSplitter, QVBoxLayout, QWidget

from napari_varae.core.movie.frames import FrameRange
from napari_varae.figures.colours import SET_COLOURS, set_colours
from napari_varae.figures.traces import draw_traces
from napari_varae.session.frame_sets import Letter, join
from napari_varae.session.labels import parse_latents
from napari_varae.session.ranges import Segments, format_ranges
from napari_varae.session.time_rows import KINDS, ORDERS, Kind, Order, raster_order, time_rows, usual_frames
from napari_varae.viewer.cells import CELLS
from napari_varae.viewer.provenance import about
from napari_varae.widgets.jobs.figures import Draw, FigurePanel
from napari_varae.widgets.jobs.regions import trace_regions
from napari_varae.widgets.parts.complaints import complaint, of_field
from napari_varae.widgets.parts.frame_set_box import FrameSetBox
from napari_varae.widgets.parts.low_area import LowArea
from napari_varae.widgets.parts.panel import row, small_button
from napari_varae.widgets.parts.segments import Shaded, Spans
from napari_varae.widgets.parts.state_strip import JobLine
from napari_varae.widgets.parts.text import in_words
from napari_varae.widgets.parts.time_plot import Lane, TimePlot

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["TimePanel"]

LEFT = 330
"""Pixels of the controls."""
SHOWN: tuple[Kind, ...] = ("behaviour", "latents")
"""Rows that are shown at first."""


class TimePanel(FigurePanel):
    """Look at latents over time, and make frame sets."""

    scrolls = False
    dock = "Time"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.traces, self.sets = TimePlot(), FrameSetBox(self)
        self.which = QLineEdit()
        self.which.setPlaceholderText("the strongest")
        self.which.setAccessibleName("Latents")
        self.which.setToolTip(
            "Numbers of the latents to show, for example 3, 8 - 12. Empty: those that change the image most."
        )
        self.which.editingFinished.connect(self._choose)
        self.shown: set[Kind] = set(SHOWN)
        self.order: Order = "number"
        self.snaps = True
        self._picked: list[int] = []
        self._of: Any = None

        splitter = QSplitter()
        splitter.addWidget(LowArea(self._controls()))
        splitter.addWidget(self.traces)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([LEFT, 1000])
        self.body.addWidget(splitter)
        self.add_plot(self.traces)
        self._connect()
        self._show_latents()

    def _connect(self) -> None:
        """Follow mouse, table and session."""
        session, traces = self.session, self.traces
        traces.sought.connect(self._seek)
        traces.picked.connect(self._pick)
        traces.menu_wanted.connect(self._show_menu)
        traces.segments.moved.connect(self._moved)
        traces.segments.drawn.connect(self._drawn)
        for signal in (session.movie_changed, session.fit_changed, session.cells_changed, session.behaviour_changed):
            self.listen(signal, self._show_latents)
        for signal in (session.latent_changed, session.regions_changed):
            self.listen(signal, self._show_latents)
        for signal in (session.trials_changed, session.ranges_changed):
            self.listen(signal, self._show_ranges)
        self.listen(session.frame_changed, self._show_cursor)

    def mark(self, end: Literal[0, 1]) -> None:
        """Mark the current frame as the start (0) or the end (1) of a segment that is to be made."""
        self.session.set_mark(end, self.session.frame + end)  # segments are half-open: the current frame belongs to it

    def make_range(self, letter: Letter) -> None:
        """Make range A or B from the marked start to the marked end."""
        with in_words():
            self.session.set_range(letter, self._marked())

    def add_marked(self) -> None:
        """Add the segment from the marked start to the marked end to the selected frame set."""
        with in_words():
            self.session.add_segment(self.session.active, self._marked())

    def show_rows(self, kind: Kind, on: bool) -> None:
        """Show or hide a kind of rows."""
        (self.shown.add if on else self.shown.discard)(kind)
        self._show_latents()

    def sort_raster(self, order: Order) -> None:
        """Sort the raster, and show it."""
        self.order = order
        self.show_rows("raster", True)

    def figures(self) -> dict[str, Draw]:
        """Return the rows as they are shown: the same traces, raster, frame sets and time."""
        stack, sets = self.session.stack, self.session.frame_sets
        if stack is None or not (self.traces.rows or self.traces.order.size):
            return {}
        latents = self.session.latents
        raster = None if latents is None or not self.traces.order.size else latents[:, self.traces.order]
        draw = partial(
            draw_traces, {row.label: row.values for row in self.traces.rows}, frame_rate=stack.frame_rate,
            frames=self.traces.frames, frame_sets=dict(sets), sides=(sets.a, sets.b), raster=raster,
            colours=self.traces.colours,
        )  # fmt: skip
        return {"traces": draw}

    def showEvent(self, event: QShowEvent) -> None:
        """Take the keys while the dock is visible."""
        super().showEvent(event)
        for key, act in self._keys().items():
            self.viewer.bind_key(key, act, overwrite=True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Give the keys back."""
        super().hideEvent(event)
        for key in self._keys():
            self.viewer.bind_key(key, None)

    def _keys(self) -> dict[str, Any]:
        def key(act: Any) -> Any:
            return lambda _viewer: act()

        return {
            "[": key(partial(self.mark, 0)),
            "]": key(partial(self.mark, 1)),
            "Shift-A": key(partial(self.make_range, "a")),
            "Shift-B": key(partial(self.make_range, "b")),
            "Shift-S": key(self.add_marked),
        }

    def _controls(self) -> QWidget:
        """Make the column on the left."""
        widget = QWidget()
        layout = QVBoxLayout(widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.marks = (
            small_button("Start  [", partial(self.mark, 0), "Mark the current frame as the start of a segment"),
            small_button("End  ]", partial(self.mark, 1), "Mark the current frame as the end of a segment"),
        )
        makes = (
            small_button("Make A  ⇧A", partial(self.make_range, "a"), "Frame set A from the marked start to the end"),
            small_button("Make B  ⇧B", partial(self.make_range, "b"), "Frame set B from the marked start to the end"),
            small_button(
                "Add  ⇧S", self.add_marked, "Add the segment from the marked start to the end to the selected frame set"
            ),
        )
        layout.addLayout(row(*self.marks, *makes))
        layout.addWidget(self.sets, 1)
        reset = small_button("Whole recording", self.traces.reset_view, "Undo zoom and pan")
        layout.addLayout(row("Latents", self.which, self._row_menu(), reset, stretch=1))
        layout.addWidget(complaint(self.which))
        layout.addLayout(row("Job", JobLine(self, brief=True), stretch=1))
        return widget

    def _row_menu(self) -> QPushButton:
        """Make the menu of what is shown; it is filled when it opens."""
        made = small_button("Rows", lambda: None, "What is shown over time")
        menu = QMenu(made)
        menu.aboutToShow.connect(partial(self._fill_rows, menu))
        made.setMenu(menu)
        return made

    def _fill_rows(self, menu: QMenu) -> None:
        menu.clear()
        for kind, text in KINDS.items():
            action = menu.addAction(text)
            action.setCheckable(True)
            action.setChecked(kind in self.shown)
            action.toggled.connect(partial(self.show_rows, kind))
        sort = menu.addMenu("Sort the raster by")
        for order, text in ORDERS.items():
            action = sort.addAction(text)
            action.setCheckable(True)
            action.setChecked(order == self.order)
            action.triggered.connect(lambda _on, order=order: self.sort_raster(order))
        regions = menu.addMenu("Mean over the regions of")
        layers = [layer for layer in self.viewer.layers if isinstance(layer, Labels | Shapes)]
        for layer in layers:
            what = about(layer)
            if what is None or what.kind != CELLS:
                regions.addAction(layer.name, partial(self._trace, layer))
        if regions.isEmpty():
            regions.addAction("no Labels or Shapes layer yet: draw a region in one").setEnabled(False)
        if self.session.regions:
            menu.addAction("Hide the regions", partial(self.session.show_regions, {}))
        menu.addSeparator()
        snap = menu.addAction("Snap edges to trials, breaks and other segments")
        snap.setCheckable(True)
        snap.setChecked(self.snaps)
        snap.toggled.connect(self._set_snaps)

    def _set_snaps(self, on: bool) -> None:
        self.snaps = on
        self._show_ranges()

    def _trace(self, layer: Any) -> None:
        with in_words():
            trace_regions(self, layer)

    # What the mouse and the table do

    @property
    def _rate(self) -> float:
        """Frames per unit of the time axis."""
        stack = self.session.stack
        return 1.0 if stack is None else stack.frame_rate or 1.0

    def _seek(self, position: float) -> None:
        if self.session.stack is not None:
            self.session.set_frame(round(position * self._rate))

    def _pick(self, latent: int) -> None:
        self.session.set_latent(latent)

    def _marked(self) -> FrameRange:
        start, stop = self.session.marks
        if start is None or stop is None:
            raise ValueError("Mark a start and an end first: move to a frame and press Start, then End.")
        return min(start, stop - 1), max(start + 1, stop)

    def _drawn(self, start: float, stop: float) -> None:
        """Add the segment that was drawn."""
        with in_words():
            first, last = round(start * self._rate), round(stop * self._rate)
            if last > first and self.session.stack is not None:
                self.session.add_segment(self.session.active, (first, last))

    def _moved(self, name: str, spans: list[tuple[float, float]]) -> None:
        """Take over a segment whose edge was dragged; it becomes one with those that it now meets."""
        with in_words():
            n_frames = self.session.require_stack().n_frames
            ends = [[min(max(round(end * self._rate), 0), n_frames) for end in span] for span in spans]
            self.session.set_frame_sets({name: join((min(a, b - 1), max(b, a + 1)) for a, b in ends)})
        self._show_ranges()

    def _show_menu(self, position: float, at: QPoint) -> None:
        """Offer what can be done with the segment under the mouse."""
        self._menu_at(position).exec(at)

    def _menu_at(self, position: float) -> QMenu:
        session, frame = self.session, int(position * self._rate)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        name = self.traces.segments.segment_at(position)
        if name is not None:
            menu.addAction(f"Remove this segment of {name}", partial(session.remove_segment, name, frame))
            menu.addAction(f"Clear {name}", partial(session.clear_frame_set, name))
            menu.addAction(f"Draw segments for {name}", partial(session.activate, name))
        menu.addAction("Show the whole recording", self.traces.reset_view)
        return menu

    # What is shown

    def _show_cursor(self) -> None:
        # At once, not by a timer: so plots and canvas are drawn, and the window put together, in one go per frame.
        if self.session.stack is not None:
            self.traces.set_cursor(self.session.frame / self._rate)

    def _show_latents(self) -> None:
        stack, latents = self.session.stack, self.session.latents
        if latents is not self._of:
            self._picked, self._of = [], latents
            if latents is not None:
                self.traces.raster.set_latents(latents, usual_frames(self.session))
        known = stack is not None and stack.frame_rate is not None
        self.traces.set_time("time (s)" if known else "frame", stack.n_frames if stack else 1, self._rate)
        if stack is None:
            self.traces.show_rows([])
            self.traces.show_marks([], [])
        else:
            raster = raster_order(self.session, self.order) if "raster" in self.shown else None
            self.traces.show_rows(time_rows(self.session, self.shown, self._picked), raster)
            bad = [(frame / self._rate, (frame + 1) / self._rate) for frame in sorted(stack.bad_frames)]
            self.traces.show_marks([frame / self._rate for frame in stack.breaks], bad)
        self._show_ranges()
        self._show_cursor()

    def _choose(self) -> None:
        """Show the latents that were typed; what cannot be read stays in its field, to be corrected."""
        if self.session.latents is None:
            return
        text = self.which.text().strip()
        with in_words(), of_field(self.which):
            self._picked = parse_latents(text, self.session.latents.shape[1]) if text else []
            self.show_rows("latents", True)

    def _spans(self, segments: Segments) -> Spans:
        return [(start / self._rate, stop / self._rate) for start, stop in segments]

    def _show_ranges(self) -> None:
        """Show frame sets, trials and marks."""
        session, stack = self.session, self.session.stack
        sets = session.frame_sets
        colours = set_colours(sets.names, sets.a, sets.b)
        rate = None if stack is None else stack.frame_rate
        self.traces.show_sets(
            {name: Shaded(colours[name], self._spans(segments)) for name, segments in sets}, session.active
        )
        lanes = [Lane("frame sets", colours[name], self._spans(segments)) for name, segments in sets if segments]
        conditions = () if session.trials is None or stack is None else session.trials.conditions
        for i, name in enumerate(conditions):
            frames = session.condition_frames(name)
            if frames == sets[name]:
                continue  # it is a frame set as well
            spans = self._spans(frames)
            lanes.append(Lane("trials", SET_COLOURS[i % len(SET_COLOURS)], spans))
        self.traces.show_lanes(lanes)
        breaks = () if stack is None else stack.breaks
        ends = [end for lane in lanes for span in lane.spans for end in span] + [at / self._rate for at in breaks]
        self.traces.segments.snaps = np.unique(ends) if self.snaps else np.zeros(0)
        for button, text, mark in zip(self.marks, ("Start  [", "End  ]"), session.marks, strict=True):
            marked = "" if mark is None else format_ranges(((mark, mark),), rate).split(" - ")[0]
            button.setText(f"{text}  {marked}".strip())
