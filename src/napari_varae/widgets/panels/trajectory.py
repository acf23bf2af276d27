"""The Trajectory dock: latents against each other, coloured by time, frame set or behaviour."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QSizePolicy, QSplitter

from napari_varae.figures.colours import OTHER_COLOUR, set_colours
from napari_varae.figures.trajectory import draw_trajectory
from napari_varae.session.frame_sets import join
from napari_varae.session.time_rows import usual_frames
from napari_varae.widgets.jobs.figures import Draw, FigurePanel
from napari_varae.widgets.parts.panel import narrow_choice, row
from napari_varae.widgets.parts.text import in_words, note
from napari_varae.widgets.parts.trajectory_plot import TrajectoryPlot

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["TrajectoryPanel"]

NO_AXIS = "none"
TIME, SETS = "time", "frame set"
SHORTEST = 2
"""Frames that a lassoed segment has at least: a lag pair needs two."""
MAP = "viridis"
LEGEND_STEPS = 5


class TrajectoryPanel(FigurePanel):
    """Look at the path of the latents, and select frames on it."""

    dock = "Trajectory"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.axes = tuple(narrow_choice() for _ in range(3))
        self.colour = narrow_choice()
        self.lasso = QCheckBox("Lasso")
        self.lasso.setToolTip("Drag around points: their frames are added to the frame set selected in the Time dock")
        self.beside = QCheckBox("A beside B")
        self.beside.setToolTip("One plot for the frames of each side of the comparison, on the same axes")
        self.plots_ab = TrajectoryPlot(), TrajectoryPlot()
        self.legend, self.place = note(), note()
        self.legend.setTextFormat(Qt.TextFormat.RichText)  # for coloured marks; names are escaped
        self.splitter = QSplitter()
        self.splitter.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)  # takes what is left
        for plot in self.plots_ab:
            self.splitter.addWidget(plot)
            self.add_plot(plot)
        grid = QGridLayout()
        grid.setVerticalSpacing(4)
        for i, (label, box) in enumerate(zip(("x", "y", "z", "Colour"), (*self.axes, self.colour), strict=True)):
            place, name = 2 * (i % 2), QLabel(label)
            name.setBuddy(box)
            box.setAccessibleName(label)
            grid.addWidget(name, i // 2, place)
            grid.addWidget(box, i // 2, place + 1)
            grid.setColumnStretch(place + 1, 1)
            box.currentIndexChanged.connect(self._show)
        self.body.addLayout(grid)
        self.body.addLayout(row(self.lasso, self.beside))
        self.body.addWidget(self.legend)  # above the plot: in a low window, what is below it has to be scrolled to
        self.body.addWidget(self.splitter, 1)
        self.body.addWidget(self.place)

        first, second = self.plots_ab
        second.hide()
        second.setXLink(first)
        second.setYLink(first)
        first.turned.connect(second.turn)
        second.turned.connect(first.turn)
        self.lasso.toggled.connect(self._set_lasso)
        self.beside.toggled.connect(self._show)
        for plot in self.plots_ab:
            plot.sought.connect(self.session.set_frame)
            plot.pointed.connect(self._point)
            plot.lassoed.connect(self._lassoed)
        for signal in (self.session.movie_changed, self.session.fit_changed, self.session.cells_changed):
            self.listen(signal, self._offer)
        self.listen(self.session.behaviour_changed, self._offer)
        self.listen(self.session.ranges_changed, self._show_sets)
        self.mirror(self.session.frame_changed, self._show_cursor)
        self._values: dict[str, NDArray[Any]] = {}
        self._offer()

    def _set_lasso(self, on: bool) -> None:
        for plot in self.plots_ab:
            plot.set_lasso(on)

    def _offer(self) -> None:
        """Offer the axes and colours that there are; what was chosen stays chosen."""
        session = self.session
        latents, components = session.latents, session.components
        self._values = {}
        if latents is not None and components is not None:
            self._values = {f"PC {i + 1}": component for i, component in enumerate(components.T)}
            self._values |= {f"latent {session.name_latent(i)}": latents[:, i] for i in range(latents.shape[1])}
        behaviour = () if session.behaviour is None else session.behaviour.names
        names = list(self._values)
        for first, box in enumerate(self.axes):
            offered = [NO_AXIS, *names] if first == 2 else names
            _refill(box, offered, 0 if first == 2 else min(first, len(names) - 1))
        _refill(self.colour, [TIME, SETS, *behaviour], 0)
        self._show()

    def _show_sets(self) -> None:
        if self.colour.currentText() == SETS or self.beside.isChecked():
            self._show()

    def _show(self) -> None:
        """Draw the trajectory, or that of A beside that of B."""
        names = self._names()
        beside = self.beside.isChecked()
        if beside != self.plots_ab[1].isVisibleTo(self):
            self.plots_ab[1].setVisible(beside)
            self.splitter.setSizes([1, 1])
        if len(names) < 2 or self.session.stack is None:
            for plot in self.plots_ab:
                plot.show_trajectory(np.zeros((0, 2)), ("", ""), None)
            self.legend.setText("The trajectory of a fit appears here.")
            return
        values = self._path(names)
        colours, legend = self._colours(len(values))
        masks = [self._frames_of(letter) for letter in ("a", "b")] if beside else [None, None]
        for plot, mask in zip(self.plots_ab, masks, strict=True):
            if plot.isVisibleTo(self):
                plot.show_trajectory(values, names, colours, mask)
        sets = self.session.frame_sets
        for plot, side, name in zip(self.plots_ab, "AB", (sets.a, sets.b), strict=True):
            plot.set_title("" if not beside else side if name == side else f"{side}: {name}")
        self.legend.setText(legend)
        self._show_cursor()

    def figures(self) -> dict[str, Draw]:
        """Return the trajectory as it is shown, or that of A beside that of B."""
        names, sets, by = self._names(), self.session.frame_sets, self.colour.currentText()
        if len(names) < 2 or self.session.stack is None:
            return {}
        values, colour, colour_name = self._path(names), None, ""
        if by != SETS:
            colour, unit = self._colour_values(len(values))
            colour_name = f"{by[:1].upper()}{by[1:]}" + (f" ({unit})" if unit else "")
        draw = partial(
            draw_trajectory, values, names, colour=colour, colour_name=colour_name, frame_sets=dict(sets),
            sides=(sets.a, sets.b), beside=self.beside.isChecked(), angles=self.plots_ab[0].angles,
        )  # fmt: skip
        return {"trajectory": draw}

    def _names(self) -> list[str]:
        """Names of the axes."""
        return [box.currentText() for box in self.axes if box.currentText() in self._values]

    def _path(self, names: list[str]) -> NDArray[np.float64]:
        """Values (T, axes); frames that are bad or odd are NaN: a flash would be all of it."""
        values = np.stack([self._values[name] for name in names], axis=1).astype(float)
        values[~usual_frames(self.session)] = np.nan
        return values

    def _colour_values(self, n: int) -> tuple[NDArray[np.float64], str]:
        """Time or behaviour in each of the n frames, and its unit."""
        by, rate = self.colour.currentText(), self.session.require_stack().frame_rate
        if by == TIME:
            return np.arange(n) / (rate or 1), "s" if rate else "frames"
        assert self.session.behaviour is not None
        return self.session.behaviour.choose((by,)).at_frames(n, rate)[:, 0], ""

    def _frames_of(self, letter: Any) -> NDArray[np.bool_]:
        """Mask of the frames of side A or B."""
        mask = np.zeros(self.session.require_stack().n_frames, dtype=bool)
        for start, stop in self.session.ranges[letter]:
            mask[start:stop] = True
        return mask

    def _colours(self, n: int) -> tuple[Callable[[NDArray[np.int64]], list[QColor]], str]:
        """Colours of some of the n frames, and the legend, as rich text."""
        by = self.colour.currentText()
        if by == SETS:
            return self._colours_of_sets(n)
        values, unit = self._colour_values(n)
        known = values[np.isfinite(values)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        share = np.nan_to_num((values - low) / ((high - low) or 1.0))
        table = pg.colormap.get(MAP)

        def colours(frames: NDArray[np.int64]) -> list[QColor]:
            return list(table.map(0.05 + 0.95 * share[frames], mode="qcolor"))

        steps = table.map(np.linspace(0.05, 1, LEGEND_STEPS), mode="qcolor")
        bar = "".join(_square(colour.name()) for colour in steps).replace("&nbsp;", "")
        return colours, f"{escape(by)}: {low:.4g} {bar} {high:.4g} {unit}"

    def _colours_of_sets(self, n: int) -> tuple[Callable[[NDArray[np.int64]], list[QColor]], str]:
        """Colours of frames by their frame set; of several, the last one in the table."""
        sets = self.session.frame_sets
        colour_of = set_colours(sets.names, sets.a, sets.b)
        faint = QColor(OTHER_COLOUR)
        faint.setAlpha(60)
        palette, number = [faint, *(QColor(colour_of[name]) for name in sets.names)], np.zeros(n, dtype=np.int64)
        for i, (_, segments) in enumerate(sets, 1):
            for start, stop in segments:
                number[start:stop] = i
        marks = [f"{_square(colour_of[name])}{escape(name)}" for name, segments in sets if segments]
        legend = " ".join([*marks, f"{_square(OTHER_COLOUR)}other&nbsp;frames"])
        return lambda frames: [palette[i] for i in number[frames].tolist()], legend

    def _show_cursor(self) -> None:
        for plot in self.plots_ab:
            plot.set_cursor(self.session.frame)

    def _point(self, frame: int) -> None:
        """Name the frame under the mouse."""
        stack = self.session.stack
        if frame < 0 or stack is None:
            self.place.setText("Click a point to see its frame. Drag turns three dimensions; Shift-drag pans.")
        else:
            rate = stack.frame_rate
            self.place.setText(f"Frame {frame}" + (f", {frame / rate:.4g} s" if rate else ""))

    def _lassoed(self, inside: NDArray[np.bool_]) -> None:
        """Add the frames within the lasso to the selected frame set."""
        with in_words():
            ends = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
            runs = [(int(start), int(stop)) for start, stop in ends.reshape(-1, 2) if stop - start >= SHORTEST]
            if not runs:
                raise ValueError(f"No {SHORTEST} successive frames lie within the lasso. Drag around more points.")
            name = self.session.active
            self.session.set_frame_sets({name: join([*self.session.frame_sets[name], *runs])})


def _square(colour: str) -> str:
    return f"<span style='color:{colour}'>■</span>&nbsp;"


def _refill(box: QComboBox, names: list[str], first: int) -> None:
    """Replace the entries of a drop-down; the chosen one stays chosen, else it is the one at `first`."""
    with QSignalBlocker(box):
        kept = box.currentText()
        box.clear()
        box.addItems(names)
        box.setCurrentIndex(names.index(kept) if kept in names else first)
