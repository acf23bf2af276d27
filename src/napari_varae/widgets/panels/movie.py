"""The Movie dock: open a recording, see what was found, say what the file does not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotated_types import Gt
from napari.layers import Image
from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout, QLineEdit

from napari_varae.session.ranges import format_duration, format_ranges, parse_ranges
from napari_varae.viewer.movie import open_movie, use_layer
from napari_varae.widgets.parts.fields import NumberField
from napari_varae.widgets.parts.panel import Panel, button, heading, in_words, note, row

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["MoviePanel"]

FILES = (
    "Recordings (*.tif *.tiff *.btf *.tf8 *.h5 *.hdf5 *.hdf *.mat *.nwb *.npy *.bin *.sbx *.mesc *.isxd);;All files (*)"
)


class MoviePanel(Panel):
    """Choose the movie and complete what is known about it."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.layer_choice = QComboBox()
        self.report = note()
        self.frame_rate = NumberField(float, [Gt(0)], empty="unknown")
        self.frame_rate.setToolTip("Frames per second. Asked for, never assumed; without it, time is in frames.")
        self.pixel_size = NumberField(float, [Gt(0)], empty="unknown")
        self.pixel_size.setToolTip("Edge of a pixel in micrometres.")
        self.first, self.last = NumberField(int, empty="first"), NumberField(int, empty="last")
        self.bad_frames = QLineEdit()
        self.bad_frames.setPlaceholderText("none")
        self.bad_frames.setToolTip(
            "Frames to leave out (motion, shutter), for example 10-15, 200-230. The end is not included."
        )

        self.body.addWidget(heading("Recording"))
        self.body.addWidget(button("Open file…", self.ask_file, "A TIFF stack of one channel and plane: (T, Y, X)"))
        self.body.addLayout(
            row(self.layer_choice, button("Use layer", self.use_layer, "Take an image layer as the movie"), stretch=0)
        )
        self.body.addWidget(button("Simulated recording", self.use_sample, "A movie with a known right answer"))
        self.body.addWidget(heading("What was found"))
        self.body.addWidget(self.report)
        self.body.addWidget(heading("What the file does not tell"))
        form = QFormLayout()
        form.setVerticalSpacing(4)
        form.addRow("Frame rate (Hz)", self.frame_rate)
        form.addRow("Pixel size (µm)", self.pixel_size)
        form.addRow("Train on frames", row(self.first, "to", self.last))
        form.addRow("Bad frames", self.bad_frames)
        self.body.addLayout(form)
        self.apply_button = button("Apply", self.apply, "Update the movie layer and all layers made from it")
        self.body.addWidget(self.apply_button)
        self.body.addStretch()

        self.listen(self.session.movie_changed, self._show)
        self.listen(self.session.job_changed, self._show)
        events = napari_viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            self.listen(event, self._list_layers)
        self._list_layers()
        self._show()

    def ask_file(self) -> None:
        """Let the user choose a file, and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open a recording", "", FILES)
        if path:
            self.open(path)

    def open(self, path: str) -> None:
        """Open a file as the movie."""
        from napari_varae.io import open_stack

        with in_words():
            open_movie(self.viewer, open_stack(path))

    def use_sample(self) -> None:
        """Take the simulated recording as the movie."""
        from napari_varae.core.simulation.settings import SAMPLE
        from napari_varae.core.simulation.simulate import simulate

        with in_words():
            open_movie(self.viewer, simulate(SAMPLE).stack)

    def use_layer(self) -> None:
        """Take the chosen image layer as the movie."""
        with in_words():
            if self.layer_choice.currentText() not in self.viewer.layers:
                raise ValueError("There is no image layer to choose. Drop a file on the window, or open one here.")
            use_layer(self.viewer, self.viewer.layers[self.layer_choice.currentText()])

    def apply(self) -> None:
        """Take over frame rate, pixel size, training frames and bad frames."""
        with in_words():
            n_frames = self.session.require_stack().n_frames
            text = self.bad_frames.text().strip()
            bad = parse_ranges(text, None, n_frames, name="Bad frames") if text else ()
            first, last = self.first.value(), self.last.value()
            frames = None if first is None and last is None else (first or 0, n_frames if last is None else last)
            rate, pixel = self.frame_rate.value(), self.pixel_size.value()
            self.session.describe_movie(rate, pixel, [f for start, stop in bad for f in range(start, stop)])
            self.session.set_frames(frames)

    def _list_layers(self, _event: Any = None) -> None:
        """Offer the image layers that could be movies; the chosen one stays chosen, whatever its name is now."""
        choice, chosen = self.layer_choice, self.layer_choice.currentData()
        choice.clear()
        for layer in self.viewer.layers:
            if isinstance(layer, Image) and layer.ndim >= 3:
                choice.addItem(layer.name, str(layer.unique_id))
        choice.setCurrentIndex(max(0, choice.findData(chosen)))
        if not choice.count():
            choice.addItem("no image layer yet")

    def _show(self) -> None:
        stack, frames = self.session.stack, self.session.frames
        self.apply_button.setEnabled(stack is not None and self.session.job == "idle")
        if stack is None:
            self.report.setText("Nothing yet. Open a file, use a layer, or start with the simulated recording.")
            return
        t, y, x = stack.shape
        lines = [f"<b>{stack.name}</b>", *stack.notes]
        if not any(f"{t} frames" in found for found in stack.notes):
            lines.insert(1, f"{format_duration(t, stack.frame_rate)}, {y} × {x} pixels, {stack.dtype}")
        if stack.frame_rate is None:
            lines.append("The frame rate is unknown: time is shown in frames until you give it.")
        self.report.setText("<br>".join(lines))
        self.frame_rate.set_value(stack.frame_rate)
        self.pixel_size.set_value(stack.pixel_size)
        self.first.set_value(frames[0] if frames else None)
        self.last.set_value(frames[1] if frames else None)
        self.bad_frames.setText(format_ranges(_runs(stack.bad_frames), None))


def _runs(frames: frozenset[int]) -> tuple[tuple[int, int], ...]:
    """Join frame numbers into half-open runs."""
    runs: list[tuple[int, int]] = []
    for frame in sorted(frames):
        if runs and runs[-1][1] == frame:
            runs[-1] = (runs[-1][0], frame + 1)
        else:
            runs.append((frame, frame + 1))
    return tuple(runs)
