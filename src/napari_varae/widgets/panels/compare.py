"""The Compare dock: the test of whether the dynamics in range A and in range B are the same."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info
from qtpy.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit

from napari_varae.core.settings import ComparisonConfig
from napari_varae.session.generation import Generation
from napari_varae.session.job_events import Controls
from napari_varae.session.ranges import Segments, format_duration, format_ranges, parse_ranges, total
from napari_varae.session.session import Edge, Letter
from napari_varae.viewer.maps import hide_maps
from napari_varae.widgets.jobs import maps
from napari_varae.widgets.jobs.job import Job, Tell
from napari_varae.widgets.panels.placebo import PlaceboBox
from napari_varae.widgets.parts.edge_table import EdgeTable
from napari_varae.widgets.parts.figure import save_figure
from napari_varae.widgets.parts.forms import SettingsForm
from napari_varae.widgets.parts.panel import Panel, button, heading, in_words, note, row
from napari_varae.widgets.parts.plots import NullPlot
from napari_varae.widgets.parts.verdict import differing, verdict

if TYPE_CHECKING:
    import numpy as np
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_varae.core.comparison.inference.resampling import Running
    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack

__all__ = ["ComparePanel"]

NOT_CURRENT = "<b>Not of the ranges and bad frames that are set now.</b><br>"


class ComparePanel(Panel):
    """Compare the VAR in two ranges of the movie."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.unit = QComboBox()
        self.unit.setToolTip("Unit of the ranges below")
        self.fields: dict[Letter, QLineEdit] = {"a": QLineEdit(), "b": QLineEdit()}
        for letter, field in self.fields.items():
            field.setPlaceholderText("start - stop, start - stop, …")
            field.setAccessibleName(f"Range {letter.upper()}")
            field.editingFinished.connect(partial(self._typed, letter))
        self.notes, self.verdict, self.warnings = note(), note(), note()
        self.form: SettingsForm[ComparisonConfig] = SettingsForm(ComparisonConfig)
        self.run_button = button("Compare A with B", self.run, "Runs beside the screen; you can go on looking")
        self.stop_button = button(
            "Stop", partial(self.session.stop, keep=True), "The answer then rests on the resamples made so far"
        )
        self.plot = NullPlot()
        self.add_plot(self.plot)
        self.table = EdgeTable()
        self.table.picked.connect(self._pick)
        self.placebo = PlaceboBox(self, self.form.value)
        self.map_button = button(
            "Difference map",
            self.show_difference,
            "Where the coefficients that differ drive more in A (orange) or in B (blue)",
        )

        self.body.addWidget(heading("Ranges"))
        self.body.addLayout(row("A", self.fields["a"], self.unit, stretch=1))
        self.body.addLayout(row("B", self.fields["b"], stretch=1))
        self.body.addWidget(self.notes)
        self.body.addWidget(heading("Test"))
        self.body.addWidget(self.form)
        self.body.addLayout(row(self.run_button, self.stop_button, stretch=0))
        self.body.addWidget(heading("Result"))
        self.body.addWidget(self.verdict)
        self.body.addWidget(self.plot)
        self.body.addWidget(self.warnings)
        self.body.addWidget(self.map_button)
        self.body.addWidget(self.table, 10)
        self.exports = (
            button("CSV…", partial(self._export, "csv"), "The table of links"),
            button("JSON…", partial(self._export, "json"), "Everything, with the settings"),
            button("Figure…", partial(self._export, "svg"), "The null distribution and the observed value"),
            button("Copy methods", self.copy_methods, "A paragraph for the methods section"),
        )
        self.body.addLayout(row(*self.exports))
        self.body.addWidget(heading("Placebo"))
        self.body.addWidget(self.placebo)
        self.body.addStretch()

        self.unit.currentIndexChanged.connect(self._show_ranges)
        for signal in (self.session.ranges_changed, self.session.fit_changed):
            self.listen(signal, self._show_ranges)
            self.listen(signal, self.placebo.forget)
        self.listen(self.session.movie_changed, self._show_units)
        self.listen(self.session.job_changed, self._show_job)
        self.listen(self.session.comparison_changed, self._show_result)
        self.listen(self.session.comparison_changed, self._hide_maps)
        self._show_units()
        self._show_result()
        self._show_job()

    def run(self) -> None:
        """Run the comparison in the worker."""
        with in_words():
            stack, fit, config = self.session.require_stack(), self.session.require_fit(), self.form.value()
            a, b = self.session.ranges["a"], self.session.ranges["b"]
            if not (a and b):
                raise ValueError(self.session.range_notes()[0])
            Job(
                self,
                "comparing",
                partial(_compare, fit, stack, a, b, config, self.session.latents),
                description="VARAE: comparing A with B",
                total=config.resamples,
                on_return=partial(self._take, self.session.generation),
                on_progress=partial(self._show_running, self.session.generation),
                about=("movie", "fit"),
            )
            self.verdict.setEnabled(True)
            self.verdict.setText("The first answer comes in a moment, the first time on a computer after some seconds.")

    def _take(self, began: Generation, comparison: Comparison) -> None:
        """Take in a result, which may be of ranges that are others now."""
        self.session.set_comparison(comparison, began)

    def show_difference(self) -> None:
        """Show where the coefficients that differ drive more in A, or in B."""
        with in_words():
            if self.session.comparison is not None:
                maps.show_difference(self, self.session.comparison)

    def export(self, path: str) -> None:
        """Write the result: the table of links as CSV, the null as SVG or PNG, or everything as JSON."""
        with in_words():
            comparison = self.session.comparison
            if comparison is None:
                raise ValueError("There is no result yet. Run the comparison first.")
            suffix = Path(path).suffix.lower()
            if suffix in (".svg", ".png"):
                save_figure(self.plot, path)
            else:
                (comparison.to_csv if suffix == ".csv" else comparison.to_json)(path)
            show_info(f"The comparison was saved as {path}.")

    def copy_methods(self) -> None:
        """Put a paragraph for the methods section on the clipboard."""
        if self.session.comparison is not None:
            QApplication.clipboard().setText(self.session.comparison.methods_text())
            show_info("A paragraph for the methods section is on the clipboard.")

    def _pick(self, edge: Edge) -> None:
        """Point at a link of the table, and show its map."""
        with in_words():
            maps.show_edge(self, edge)

    def _export(self, suffix: str) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the comparison", f"comparison.{suffix}", f"{suffix.upper()} (*.{suffix})"
        )
        if path:
            self.export(path)

    def _rate(self) -> float | None:
        """Return the frame rate when ranges are typed in seconds."""
        stack = self.session.stack
        return None if stack is None or self.unit.currentText() != "s" else stack.frame_rate

    def _typed(self, letter: Letter) -> None:
        """Take over a range that was typed."""
        text, stack = self.fields[letter].text().strip(), self.session.stack
        if stack is None or text == format_ranges(self.session.ranges[letter], self._rate()):
            return
        with in_words():
            name = f"Range {letter.upper()}"
            self.session.set_range(
                letter, parse_ranges(text, self._rate(), stack.n_frames, name=name) if text else None
            )
        self._show_ranges()

    def _show_units(self) -> None:
        stack = self.session.stack
        units = ["s", "frames"] if stack is not None and stack.frame_rate else ["frames"]
        if units != [self.unit.itemText(i) for i in range(self.unit.count())]:
            self.unit.clear()
            self.unit.addItems(units)
        self._show_ranges()

    def _show_ranges(self) -> None:
        for letter, field in self.fields.items():
            field.setText(format_ranges(self.session.ranges[letter], self._rate()))
            field.setEnabled(self.session.stack is not None)
        stack = self.session.stack
        rate = None if stack is None else stack.frame_rate
        lengths = [
            f"{letter.upper()}: {format_duration(total(segments), rate)}."
            for letter, segments in self.session.ranges.items()
            if segments
        ]
        self.notes.setText(" ".join([*lengths, *self.session.range_notes()]))
        self._show_job()

    def _show_job(self) -> None:
        job = self.session.job
        both = bool(self.session.ranges["a"] and self.session.ranges["b"])
        self.run_button.setEnabled(job == "idle" and self.session.fit is not None and both)
        self.run_button.setText("Comparing…" if job == "comparing" else "Compare A with B")
        self.stop_button.setEnabled(job == "comparing")
        self.placebo.run_button.setEnabled(self.run_button.isEnabled())
        self.map_button.setEnabled(job == "idle" and differing(self.session.comparison) > 0)
        result = self.session.comparison if job not in ("comparing", "stopping") else None
        for last in (*self.exports, self.table):  # of the last comparison, while there is a new one
            last.setEnabled(result is not None)
        self.warnings.setEnabled(result is not None and self.session.is_current)
        if job == "idle":
            self._show_verdict()

    def _show_result(self) -> None:
        result = self.session.comparison
        for widget in (self.table, self.map_button):
            widget.setVisible(result is not None)
        self.warnings.setVisible(result is not None and bool(result.warnings))
        self._show_job()
        if result is None:
            return
        self.warnings.setText("<br>".join(f"⚠ {warning}" for warning in result.warnings))
        self.table.show_edges(result)

    def _hide_maps(self) -> None:
        """Hide the difference maps of comparisons before."""
        hide_maps(self.viewer, "difference")

    def _show_verdict(self) -> None:
        result = self.session.comparison
        nothing = "Not compared yet. The question: are the VAR coefficients the same in A and in B?"
        of_these = result is None or self.session.is_current
        changed = "" if of_these else NOT_CURRENT
        self.verdict.setText(nothing if result is None else changed + verdict(result, self._rate()))
        self.verdict.setEnabled(of_these)
        self.plot.setVisible(result is not None)
        if result is not None:
            self.plot.show_null(result.null, result.statistic)

    def _show_running(self, began: Generation, running: Running) -> None:
        """Say and draw what the repeats so far give."""
        current = NOT_CURRENT if began.changed(self.session.generation) else ""
        self.plot.setVisible(True)
        self.plot.show_null(running.null, running.statistic)
        self.verdict.setText(
            f"{current}So far p = {running.p_value:.3g} (95 % interval {running.low:.3f} to {running.high:.3f}), after "
            f"{running.made} of {running.planned} resamples. Decide on the number before you look: a p at which one "
            "stops because it is small is too small."
        )


def _compare(
    fit: Fit,
    stack: Stack,
    a: Segments,
    b: Segments,
    config: ComparisonConfig,
    latents: NDArray[np.float32] | None,
    controls: Controls,
    progress: Tell,
) -> Generator[None, None, Comparison]:
    """Compare in the worker's thread."""
    from napari_varae.core.comparison.compare import compare

    yield
    stack = stack.checked(controls.check)
    return compare(
        fit, stack, a, b, config, latents=latents, stop=controls.stop,
        progress=lambda running: progress(running.made, running.planned, running),
    )  # fmt: skip
