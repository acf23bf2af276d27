"""The Time dock: behaviour and latents over time, trials, the ranges A and B, and the trajectory of the latents."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QSplitter, QVBoxLayout, QWidget

from napari_varae.session.labels import parse_latents
from napari_varae.session.ranges import Segments, fit_ranges, format_ranges, total
from napari_varae.session.session import Letter
from napari_varae.widgets.parts.panel import Panel, button, row
from napari_varae.widgets.parts.plots import A_COLOUR, B_COLOUR
from napari_varae.widgets.parts.state_strip import JobLine
from napari_varae.widgets.parts.text import in_words, note
from napari_varae.widgets.parts.time_plots import CONDITION_COLOURS, TracePlot, TrajectoryPlot

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["TimePanel"]

TRACES, BEHAVIOUR = 8, 3
"""Traces that are shown when none are chosen, and how many of them are behaviour."""
LISTED = 3
"""Segments of a range that are listed; more are counted."""
NAMED = 3
"""Conditions that are named."""
WIDTHS = ((0, 230), (3, 220), (1, 190))
"""Controls, traces and trajectory: their shares of the space that is left, and the pixels that they need."""


class TimePanel(Panel):
    """Look at latents over time, and make ranges."""

    scrolls = False
    dock = "Time"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.traces, self.trajectory = TracePlot(), TrajectoryPlot()
        self.which = QLineEdit()
        self.which.setPlaceholderText("the strongest")
        self.which.setToolTip(
            "Numbers of the latents to show, for example 3, 8 - 12. Empty: those that change the image most."
        )
        self.which.editingFinished.connect(self._choose)
        self._picked: list[int] = []
        self._of: Any = None
        self._usual = np.zeros(0, dtype=bool)
        self.x, self.y = _axis(), _axis()
        self.text = note()
        self.text.setTextFormat(Qt.TextFormat.RichText)  # for coloured marks; names are escaped
        self._axes: dict[str, NDArray[Any]] = {}

        splitter = QSplitter()
        splitter.addWidget(self._controls())
        splitter.addWidget(self.traces)
        splitter.addWidget(self._trajectory_view())
        for i, (stretch, width) in enumerate(WIDTHS):
            splitter.setStretchFactor(i, stretch)
            splitter.widget(i).setMinimumWidth(width)
        splitter.setSizes([230, 900, 260])
        self.body.addWidget(splitter)
        for plot in (self.traces, self.trajectory):
            self.add_plot(plot)
        for axis in (self.x, self.y):
            axis.currentIndexChanged.connect(self._show_trajectory)
        self.traces.sought.connect(self._seek)
        self.traces.spans_moved.connect(self._spans_moved)
        self.trajectory.sought.connect(self.session.set_frame)
        self.listen(self.session.movie_changed, self._show_latents)
        self.listen(self.session.fit_changed, self._show_latents)
        for signal in (self.session.cells_changed, self.session.behaviour_changed, self.session.latent_changed):
            self.listen(signal, self._show_latents)
        self.listen(self.session.trials_changed, self._show_trials)
        self.listen(self.session.ranges_changed, self._show_ranges)
        self.listen(self.session.frame_changed, self._show_cursor)
        self._show_latents()

    def mark(self, end: Literal[0, 1]) -> None:
        """Mark the current frame as the start (0) or the end (1) of a range that is to be made."""
        self.session.set_mark(end, self.session.frame + end)  # ranges are half-open: the current frame belongs to it

    def make_range(self, letter: Letter) -> None:
        """Make range A or B from the marked start to the marked end."""
        with in_words():
            start, stop = self.session.marks
            if start is None or stop is None:
                raise ValueError("Mark a start and an end first: move to a frame and press Start, then End.")
            self.session.set_range(letter, (min(start, stop - 1), max(start + 1, stop)))

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
        }

    def _controls(self) -> QWidget:
        """Make the column on the left."""
        widget = QWidget()
        layout = QVBoxLayout(widget)
        layout.setContentsMargins(0, 0, 0, 0)
        grid = QGridLayout()
        buttons = (
            (button("Start  [", partial(self.mark, 0), "Mark the current frame as the start"), 0, 0),
            (button("End  ]", partial(self.mark, 1), "Mark the current frame as the end"), 0, 1),
            (
                button("Make A  ⇧A", partial(self.make_range, "a"), "Range A from the marked start to the end"),
                1,
                0,
            ),
            (
                button("Make B  ⇧B", partial(self.make_range, "b"), "Range B from the marked start to the end"),
                1,
                1,
            ),
        )
        for made, line, column in buttons:
            grid.addWidget(made, line, column)
        layout.addLayout(grid)
        layout.addWidget(self.text)
        layout.addStretch()
        layout.addLayout(row("Latents", self.which, stretch=1))
        layout.addLayout(row("Job", JobLine(self, brief=True), stretch=1))
        return widget

    def _trajectory_view(self) -> QWidget:
        """Make the column on the right."""
        widget = QWidget()
        layout = QVBoxLayout(widget)
        layout.setContentsMargins(0, 0, 0, 0)
        axes = QHBoxLayout()
        axes.addWidget(self.x, 1)
        axes.addWidget(self.y, 1)
        layout.addLayout(axes)
        layout.addWidget(self.trajectory, 1)
        return widget

    def _seek(self, position: float) -> None:
        stack = self.session.stack
        if stack is not None:
            self.session.set_frame(round(position * (stack.frame_rate or 1)))

    def _spans_moved(self, letter: Letter, spans: list[tuple[float, float]]) -> None:
        """Take over a range that was dragged; parts that now touch or overlap are put back."""
        with in_words():
            stack = self.session.require_stack()
            rate = stack.frame_rate or 1
            ends = [[min(max(round(end * rate), 0), stack.n_frames) for end in span] for span in spans]
            moved = [(start, max(stop, start + 1)) for start, stop in ends]
            name = f"Range {letter.upper()}"
            self.session.set_range(letter, fit_ranges(moved, stack.frame_rate, stack.n_frames, name=name))
        self._show_ranges()

    def _show_cursor(self) -> None:
        # At once, not by a timer: so plots and canvas are drawn, and the window put together, in one go per frame.
        stack = self.session.stack
        if stack is not None:
            self.traces.set_cursor(self.session.frame / (stack.frame_rate or 1))
            self.trajectory.set_cursor(self.session.frame)

    def _show_latents(self) -> None:
        stack, latents, fit = self.session.stack, self.session.latents, self.session.fit
        components = self.session.components
        if stack is None or latents is None or fit is None or components is None:
            shown: NDArray[Any] = np.zeros((0 if stack is None else stack.n_frames, 0))
            self._axes, self._picked, chosen = {}, [], []
        else:
            if latents is not self._of:
                self._picked = []
            self._axes = {f"PC {i + 1}": component for i, component in enumerate(components.T)}
            self._axes |= {f"latent {self.session.name_latent(i)}": latents[:, i] for i in range(latents.shape[1])}
            good = stack.good_frames()
            self._usual = good if self.session.odd is None else self.session.odd.usual(good)
            chosen = self._picked or self._strongest(TRACES - len(self._behaviour()[0]))
            if self.session.latent is not None and self.session.latent not in chosen:
                chosen = [self.session.latent, *chosen]
            shown = latents[:, chosen]
        self._of = latents
        rate = None if stack is None else stack.frame_rate
        self.traces.set_time("frame" if rate is None else "time (s)", (stack.n_frames if stack else 1) / (rate or 1))
        names, behaviour = self._behaviour()
        self.traces.show_traces(
            np.arange(len(shown)) / (rate or 1),
            np.concatenate([behaviour, shown], axis=1),
            [*names, *map(self.session.name_latent, chosen)],
            others=len(names),
            chosen=len(names) + chosen.index(self.session.latent) if self.session.latent in chosen else None,
        )
        self.traces.show_breaks([frame / (rate or 1) for frame in (() if stack is None else stack.breaks)])
        for axis, first in ((self.x, 0), (self.y, 1)):
            axis.blockSignals(True)
            kept = axis.currentText()
            axis.clear()
            axis.addItems(list(self._axes))
            axis.setCurrentText(kept) if kept in self._axes else axis.setCurrentIndex(min(first, len(self._axes) - 1))
            axis.blockSignals(False)
        self._show_trajectory()
        self._show_trials()

    def _behaviour(self) -> tuple[list[str], NDArray[Any]]:
        """Names and values (T, n) of the traces of behaviour to show: the chosen one, or the first few."""
        stack, behaviour = self.session.stack, self.session.behaviour
        if stack is None or behaviour is None:
            return [], np.zeros((0 if stack is None else stack.n_frames, 0))
        names = behaviour.names[:BEHAVIOUR] if self.session.trace is None else (self.session.trace,)
        return list(names), behaviour.choose(names).at_frames(stack.n_frames, stack.frame_rate)

    def _show_trials(self) -> None:
        """Mark the trials of each condition."""
        stack, trials = self.session.stack, self.session.trials
        rate = 1.0 if stack is None else stack.frame_rate or 1.0
        conditions = () if trials is None else trials.conditions
        spans = {name: [(a / rate, b / rate) for a, b in self.session.condition_frames(name)] for name in conditions}
        self.traces.show_trials(spans)
        self._show_ranges()

    def _choose(self) -> None:
        """Show the latents that were typed; what cannot be read stays in its field, to be corrected."""
        if self.session.latents is None:
            return
        text = self.which.text().strip()
        with in_words():
            self._picked = parse_latents(text, self.session.latents.shape[1]) if text else []
            self._show_latents()

    def _strongest(self, count: int = TRACES) -> list[int]:
        """Return the latents that change the image most, those of the whole image last."""
        fit, z = self.session.require_fit(), self.session.latents
        assert z is not None
        spread = z.std(axis=0) * fit.strengths
        spread[list(fit.whole_image)] -= np.inf  # motion and brightness
        return sorted(np.argsort(-spread)[:count].tolist())

    def _show_trajectory(self) -> None:
        x, y = self.x.currentText(), self.y.currentText()
        points = np.stack([self._axes[x], self._axes[y]], axis=1) if self._axes else np.zeros((0, 2))
        points = np.where(self._usual[:, None], points, np.nan) if len(points) else points  # a flash would be all of it
        self.trajectory.show_trajectory(points, x, y)
        self._show_cursor()

    def _show_ranges(self) -> None:
        stack = self.session.stack
        rate = None if stack is None else stack.frame_rate
        unit = "frames" if rate is None else "s"
        lines = []
        letters: tuple[tuple[Letter, str], ...] = (("a", A_COLOUR), ("b", B_COLOUR))
        for letter, colour in letters:
            segments = self.session.ranges[letter]
            self.traces.set_spans(letter, [(start / (rate or 1), stop / (rate or 1)) for start, stop in segments])
            text = _list_ranges(segments, rate) if segments else "not set"
            lines.append(f"<span style='color:{colour}'>■</span> {letter.upper()}: {text}")
        marks = self.session.marks
        marked = ["–" if mark is None else format_ranges(((mark, mark),), rate).split(" - ")[0] for mark in marks]
        marked_text = f"Marked: {marked[0]} to {marked[1]} {unit}"
        if marks != [None, None]:
            lines.append(marked_text)
        conditions = () if self.session.trials is None else self.session.trials.conditions
        named = [
            f"<span style='color:{CONDITION_COLOURS[i % len(CONDITION_COLOURS)]}'>■</span> {escape(name)}"
            for i, name in enumerate(conditions[:NAMED])
        ]
        if named:
            lines.append("Trials: " + " ".join([*named, *(["…"] if len(conditions) > NAMED else [])]))
        self.text.setText("<br>".join(lines))


def _axis() -> QComboBox:
    """Make a drop-down that can be narrow: its entries have the names of cells."""
    box = QComboBox()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
    return box


def _list_ranges(segments: Segments, rate: float | None) -> str:
    """List a few segments with their unit, or count many."""
    if len(segments) > LISTED:
        frames = total(segments)
        return f"{len(segments)} segments, {f'{frames} frames' if rate is None else f'{frames / rate:.4g} s'}"
    return f"{format_ranges(segments, rate)} {'frames' if rate is None else 's'}"
