"""The Movie dock: open a recording, see what was found, complete missing metadata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotated_types import Gt
from napari.layers import Image
from qtpy.QtWidgets import QFileDialog, QFormLayout, QLineEdit, QWidget

from napari_varae.core.movie.frames import check_range
from napari_varae.io.files import in_order
from napari_varae.session.questions import Question
from napari_varae.session.ranges import format_duration, format_ranges, parse_ranges
from napari_varae.session.reasons import why_not
from napari_varae.viewer.movie import use_layer
from napari_varae.widgets.boxes.analysis import AnalysisBox, RecentButton, RecoverBox
from napari_varae.widgets.boxes.files import FilesButton
from napari_varae.widgets.boxes.frame_table import FrameTableButton
from napari_varae.widgets.jobs.opening import open_brought, open_sample
from napari_varae.widgets.parts.complaints import complaint, of_field
from napari_varae.widgets.parts.number_field import NumberField
from napari_varae.widgets.parts.odd_frames import OddFramesView
from napari_varae.widgets.parts.panel import Panel, allow, button, narrow_choice, row
from napari_varae.widgets.parts.question import PATH, QuestionBox
from napari_varae.widgets.parts.text import heading, in_words, note

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.core.movie.stack import Stack

__all__ = ["MoviePanel"]

FILES = (
    "Recordings (*.tif *.tiff *.btf *.tf8 *.h5 *.hdf5 *.hdf *.mat *.nwb *.npy *.bin *.sbx *.mesc *.isxd);;All files (*)"
)


class MoviePanel(Panel):
    """Choose the movie and complete what is known about it."""

    dock = "Movie"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._array: Any = None
        self._in_use: dict[QWidget, Any] = {}
        self.layer_choice = narrow_choice()
        self.layer_choice.setAccessibleName("Image layer")
        self.report = note()
        self.frame_rate = NumberField(float, [Gt(0)], empty="unknown")
        self.frame_rate.setToolTip("Frames per second. It is never guessed: without it, time is in frames.")
        self.pixel_size = NumberField(float, [Gt(0)], empty="unknown")
        self.pixel_size.setToolTip("Edge of a pixel in micrometres.")
        self.first, self.last = NumberField(int, empty="first"), NumberField(int, empty="last")
        self.first.setAccessibleName("First training frame")
        self.last.setAccessibleName("End of the training frames")
        self.bad_frames = QLineEdit()
        self.bad_frames.setPlaceholderText("none")
        self.bad_frames.setAccessibleName("Bad frames")
        self.bad_frames.setToolTip(
            "Frames to leave out (motion, shutter), for example 10 - 15, 200 - 230. The last number is not included."
        )

        self.body.addWidget(heading("Recording"))
        open_button = button(
            "Open file…", self.ask_file, "A recording; several files are joined in order of their names"
        )
        folder_button = button("Open folder…", self.ask_folder, "suite2p, Zarr, a series of TIFF files, Bruker, Thor")
        layer_button = button("Use layer", self.use_layer, "Use an image layer as the movie")
        self.analysis, self.recover = AnalysisBox(self), RecoverBox(self)
        self.recent = RecentButton(self.open, self.analysis.open)
        sample_button = button("Simulated recording", self.use_sample, "A movie with known dynamics, made in seconds")
        self._openers = (open_button, folder_button, layer_button, sample_button, self.recent)
        self.question = QuestionBox(self, ("movie", "analysis"))
        self.question.chosen.connect(self._answer)
        self.body.addLayout(row(open_button, folder_button))
        self.body.addLayout(row(self.layer_choice, layer_button, stretch=0))
        self.body.addLayout(row(sample_button, self.recent, stretch=0))
        self.body.addWidget(self.question)
        self.body.addWidget(self.recover)
        self.body.addWidget(heading("What was found"))
        self.body.addWidget(self.report)
        self.files_button = FilesButton(self)
        self.body.addWidget(self.files_button)
        self.body.addWidget(heading("Frames and units"))
        form = QFormLayout()
        form.setVerticalSpacing(4)
        self.from_table = FrameTableButton(self)
        for name, field, *asked in (
            ("Frame rate (Hz)", self.frame_rate, self.frame_rate),
            ("Pixel size (µm)", self.pixel_size, self.pixel_size),
            ("Train on frames", row(self.first, "to", self.last), self.first, self.last),
            ("Bad frames", row(self.bad_frames, self.from_table, stretch=0), self.bad_frames),
        ):
            form.addRow(name, field)
            for one in asked:
                form.addRow(complaint(one))
        self.body.addLayout(form)
        self.apply_button = button("Apply", self.apply, "Update the movie layer and all layers made from it")
        self.body.addWidget(self.apply_button)
        self.odd_frames = OddFramesView(self)
        self.body.addWidget(self.odd_frames)
        self.body.addWidget(self.analysis)
        self.body.addStretch()

        self.listen(self.session.movie_changed, self._show)
        self.mirror(self.session.job_changed, self._show_job)
        events = napari_viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            self.listen(event, self._list_layers)
        self._list_layers()
        self._show()

    def ask_file(self) -> None:
        """Let the user choose a file, or several to join along time, and open it."""
        paths, _ = QFileDialog.getOpenFileNames(self, "Open a recording", "", FILES)
        if paths:
            self.open(paths[0] if len(paths) == 1 else [str(path) for path in in_order(map(Path, paths))])

    def ask_folder(self) -> None:
        """Let the user choose a folder with a recording, and open it."""
        path = QFileDialog.getExistingDirectory(self, "Open a folder with a recording")
        if path:
            self.open(path)

    def open(self, path: str | list[str], **given: Any) -> None:
        """Open a recording as the movie, in the background: a file of many pages takes a while to check.

        `given` are choices of the user, as arguments of :func:`~napari_varae.open_stack`.
        """
        with in_words():
            open_brought(self, "movie", path, given)

    def use_sample(self) -> None:
        """Simulate a recording in the background, and use it as the movie."""
        with in_words():
            open_sample(self)

    def _answer(self, question: Question, given: dict[str, Any]) -> None:
        if question.what == "analysis":
            self.analysis.open(question.path, movie=given[PATH], recover=given["recover"])
        else:
            self.open(question.path, **given)

    def use_layer(self) -> None:
        """Use the chosen image layer as the movie."""
        with in_words():
            if self.layer_choice.currentText() not in self.viewer.layers:
                raise ValueError("There is no image layer to choose. Drop a file on the window, or open one here.")
            use_layer(self.viewer, self.viewer.layers[self.layer_choice.currentText()])

    def apply(self) -> None:
        """Use frame rate, pixel size, training frames and bad frames: all of them, or none when one is impossible."""
        with in_words():
            n_frames = self.session.require_stack().n_frames
            text = self.bad_frames.text().strip()
            with of_field(self.bad_frames):
                bad = parse_ranges(text, None, n_frames, name="Bad frames") if text else ()
            first, last = self.first.value_within(), self.last.value_within()
            frames = None
            if first is not None or last is not None:
                with of_field(self.first if last is None else self.last):
                    wanted = first or 0, n_frames if last is None else last
                    frames = check_range(wanted, n_frames, name="training frames", minimum=2)
            rate, pixel = self.frame_rate.value_within(), self.pixel_size.value_within()
            self.session.describe_movie(rate, pixel, [f for start, stop in bad for f in range(start, stop)])
            self.session.set_frames(frames)
            self._show_values(fresh=True)

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
        stack = self.session.stack
        if stack is None:
            self.report.setText("No movie yet. Open a file, use a layer, or start with the simulated recording.")
            self._show_job()
            return
        t, y, x = stack.shape
        lines = [stack.name, *(_with_entered(note, stack) for note in stack.notes)]
        if not any(f"{t} frames" in found for found in stack.notes):
            lines.insert(1, f"{format_duration(t, stack.frame_rate)}, {y} × {x} pixels, {stack.dtype}")
        if stack.frame_rate is None:
            lines.append("The frame rate is unknown: time is shown in frames until you enter it.")
        self.report.setText("\n".join(lines))
        self._show_values(fresh=stack.array is not self._array)
        self._array = stack.array
        self._show_job()

    def _show_job(self) -> None:
        allow(self.apply_button, why_not(self.session, "movie", "idle"))
        for opens in self._openers:
            allow(opens, why_not(self.session, "idle"))

    def _show_values(self, *, fresh: bool) -> None:
        """Show what is in use; what was typed and not yet applied stays, unless the movie is a `fresh` one."""
        stack, frames = self.session.stack, self.session.frames
        if stack is None:
            return
        first, last = frames or (None, None)
        numbers = (
            (self.frame_rate, stack.frame_rate), (self.pixel_size, stack.pixel_size), (self.first, first),
            (self.last, last),
        )  # fmt: skip
        for field, number in numbers:
            if fresh or self._in_use.get(field) != number:
                field.set_value(number)
            self._in_use[field] = number
        text = format_ranges(_runs(stack.bad_frames), None)
        if fresh or self._in_use.get(self.bad_frames) != text:
            self.bad_frames.setText(text)
        self._in_use[self.bad_frames] = text


def _with_entered(found: str, stack: Stack) -> str:
    """Add what the user entered to a line about what the file does not store."""
    rate, size = stack.frame_rate, stack.pixel_size
    if rate and found.startswith("Frame rate: not stored"):
        return f"{found}, entered as {rate:g} Hz"
    if size and found.startswith("Pixel size: not stored"):
        return f"{found}, entered as {size:g} µm"
    return found


def _runs(frames: frozenset[int]) -> tuple[tuple[int, int], ...]:
    """Join frame numbers into half-open runs."""
    runs: list[tuple[int, int]] = []
    for frame in sorted(frames):
        if runs and runs[-1][1] == frame:
            runs[-1] = (runs[-1][0], frame + 1)
        else:
            runs.append((frame, frame + 1))
    return tuple(runs)
