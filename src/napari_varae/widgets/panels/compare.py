"""The Compare dock: the test of whether the dynamics in range A and in range B are the same."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QApplication

from napari_varae.core.settings import ComparisonConfig
from napari_varae.figures.comparison import draw_null, draw_placebo
from napari_varae.session.comparisons import Done
from napari_varae.session.conditions import ConditionsDone
from napari_varae.session.generation import Generation
from napari_varae.session.job_events import Controls
from napari_varae.session.ranges import Segments
from napari_varae.session.reasons import why_not
from napari_varae.session.recipe import shown_comparison
from napari_varae.session.results import Edge
from napari_varae.viewer.maps import hide_maps
from napari_varae.widgets.boxes.conditions import ConditionsBox
from napari_varae.widgets.boxes.covariates import CovariatesBox
from napari_varae.widgets.boxes.placebo import PlaceboBox
from napari_varae.widgets.boxes.robustness import RobustnessBox
from napari_varae.widgets.jobs import maps
from napari_varae.widgets.jobs.figures import Draw, FigurePanel
from napari_varae.widgets.jobs.job import Job, Report
from napari_varae.widgets.parts.copy_as import copy_button
from napari_varae.widgets.parts.edge_table import EdgeTable
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.forms import SettingsForm
from napari_varae.widgets.parts.panel import allow, button, row
from napari_varae.widgets.parts.plots import NullPlot
from napari_varae.widgets.parts.result_list import ResultList
from napari_varae.widgets.parts.sides_box import SidesBox
from napari_varae.widgets.parts.text import heading, in_words, note, report_done
from napari_varae.widgets.parts.verdict_box import NOT_COMPARED, VerdictBox, differing

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack
    from napari_varae.session.session import Session

__all__ = ["ComparePanel"]

COMPARING = "Comparing A with B"
NOT_COMPARING = "Available while a comparison runs."


class ComparePanel(FigurePanel):
    """Compare the VAR in two ranges of the movie."""

    dock = "Compare"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.sides, self.verdict, self.results = SidesBox(self), VerdictBox(), ResultList(self)
        self.results.repeat.connect(self._repeat)
        self.form: SettingsForm[ComparisonConfig] = SettingsForm(ComparisonConfig)
        self.keep_settings(self.form)
        self.run_button = button("Compare A with B", self.run, "Runs in the background; you can go on working")
        self.stop_button = button(
            "Stop", partial(self.session.stop, keep=True), "Keep the answer that the resamples made so far give"
        )
        self.reason = note()
        self.plot = NullPlot()
        self.add_plot(self.plot)
        self.table = EdgeTable()
        self.table.setAccessibleName("Coefficients")
        self.table.picked.connect(self._pick)
        self.placebo = PlaceboBox(self, self.form.value)
        self.map_button = button(
            "Difference map",
            self.show_difference,
            "Where the coefficients that differ drive the dynamics more in A (orange) or in B (blue)",
        )

        self.body.addWidget(heading("Ranges"))
        self.body.addWidget(self.sides)
        self.body.addWidget(heading("Test"))
        self.body.addWidget(self.form)
        self.covariates = CovariatesBox(self)
        self.body.addWidget(self.covariates)
        self.body.addLayout(row(self.run_button, self.stop_button, stretch=0))
        self.body.addWidget(self.reason)
        self.body.addWidget(heading("Result"))
        self.body.addWidget(self.verdict)
        self.body.addWidget(self.plot)
        self.body.addWidget(self.map_button)
        self.body.addWidget(self.table, 10)
        self.exports = (
            button("CSV…", partial(self._export, "csv"), "The table of coefficients"),
            button("JSON…", partial(self._export, "json"), "The whole result with its settings"),
            button("Copy methods", self.copy_methods, "A paragraph for the methods section"),
        )
        self.body.addLayout(row(*self.exports))
        self.body.addWidget(copy_button(lambda: shown_comparison(self.session, self.form.value())))
        self.conditions = ConditionsBox(self, self.form.value)
        self.body.addWidget(self.conditions)
        self.body.addWidget(self.results)
        self.body.addWidget(heading("Placebo"))
        self.body.addWidget(self.placebo)
        self.body.addWidget(heading("Robustness"))
        self.robustness = RobustnessBox(self, self.form.value)
        self.body.addWidget(self.robustness)
        self.body.addStretch()

        for signal in (self.session.ranges_changed, self.session.fit_changed, self.session.movie_changed):
            self.listen(signal, self._show_job)
        self.mirror(self.session.job_changed, self._show_job)
        self.mirror(self.session.progressed, self._show_progress)
        self.listen(self.session.placebo_changed, self.placebo.show_found)
        self.listen(self.session.placebo_changed, self._show_result)
        self.listen(self.session.comparison_changed, self._show_result)
        self.listen(self.session.comparison_changed, self._hide_maps)
        self.listen(self.session.cells_changed, self._show_result)  # latents have other names
        for signal in (self.session.covariates_changed, self.session.behaviour_changed):
            self.listen(signal, self._show_result)
        self.listen(self.session.edge_changed, self._show_edge)
        self._show_result()
        self._show_progress()  # of a job that outlived the dock

    def run(self) -> None:
        """Run the comparison in the background."""
        with in_words():
            stack, fit, config = self.session.require_stack(), self.session.require_fit(), self.form.value()
            a, b = self.session.ranges["a"], self.session.ranges["b"]
            if not (a and b):
                raise ValueError(self.session.range_notes()[0])
            Job(
                self,
                "comparing",
                partial(_compare, fit, stack, a, b, config, self.session.latents, self.session.regressed_out()),
                title=COMPARING,
                on_return=partial(_use, self.session, self.session.generation),
                about=("movie", "fit"),
            )
            self.bring_up(self.run_button)  # its answer stands below it

    def show_difference(self) -> None:
        """Show where the coefficients that differ drive more in A, or in B."""
        with in_words():
            if self.session.comparison is not None:
                maps.show_difference(self, self.session.comparison)

    def export(self, path: str) -> None:
        """Write the result: the table of coefficients as CSV, or everything as JSON."""
        with in_words():
            comparison = self.session.comparison
            if comparison is None:
                raise ValueError("There is no result yet. Run the comparison first.")
            ending = Path(path).suffix.lower()
            if ending == ".csv":
                comparison.to_csv(path, self.session.cell_table())
            elif ending == ".json":
                comparison.to_json(path)
            else:
                raise ValueError(f"{path} ends neither in .csv nor in .json. Choose one of them.")
            report_done(f"The comparison was saved as {path}.")

    def copy_methods(self) -> None:
        """Put a paragraph for the methods section on the clipboard."""
        result = self.session.comparison
        if result is not None:
            QApplication.clipboard().setText(self._methods(result.methods_text()))
            report_done("A paragraph for the methods section is on the clipboard.")

    def _pick(self, edge: Edge) -> None:
        """Select a link of the table, and show its map."""
        with in_words():
            maps.show_edge(self, edge)

    def figures(self) -> dict[str, Draw]:
        """Return the null distributions of the result, and the placebo."""
        result, placebo = self.session.comparison, self.session.placebo
        found: dict[str, Draw] = {}
        if result is not None:
            for question in ("coupling", "persistence"):
                if getattr(result, question).n_coefficients:
                    found[f"null distribution of {question}"] = partial(draw_null, result, question)
        if placebo is not None:
            found["placebo"] = partial(draw_placebo, placebo.p_values)
        return found | self.conditions.figures()

    def _methods(self, text: str) -> str:
        """Add how latents and order were chosen, when the fit follows that choice."""
        choice = self.session.followed_choice
        return text if choice is None else f"{choice.methods_text()} {text}"

    def _export(self, kind: str) -> None:
        """Let the user choose a file, and write the result in the format of the button."""
        with in_words():
            if path := ask_path(self, "Save the comparison", f"comparison.{kind}", (f".{kind}",)):
                self.export(path)

    def _repeat(self, done: Done | ConditionsDone) -> None:
        """Set ranges and settings as they were for an earlier comparison."""
        with in_words():
            if isinstance(done, ConditionsDone):
                self.session.restore_conditions(done)
                self.conditions.tick(*done.found.names)
                self.form.set_value(done.found.config)
            else:
                self.session.restore_sides(done)
                self.form.set_value(done.comparison.config)

    def _show_job(self) -> None:
        job, comparing = self.session.job, self._comparing()
        reason = why_not(self.session, "movie", "fit", "ranges", "idle")
        for run in (self.run_button, self.placebo.run_button):
            allow(run, reason)
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason) and job == "idle")
        self.run_button.setText("Comparing…" if job == "comparing" else "Compare A with B")
        allow(self.stop_button, "" if job == "comparing" else NOT_COMPARING)
        none = "" if differing(self.session.comparison) else "No coefficient differs: there is nothing to map."
        allow(self.map_button, why_not(self.session, "comparison", "idle") or none)
        unfinished = "Available when the comparison that runs has ended." if comparing else ""
        for last in (*self.exports, self.table):  # of the last comparison, while there is a new one
            allow(last, unfinished or why_not(self.session, "comparison"))
        if comparing:
            self._show_progress()
        else:
            self._show_verdict()

    def _comparing(self) -> bool:
        """Whether the comparison itself runs, and not the placebo or another job."""
        return self.session.progress is not None and self.session.progress.title == COMPARING

    def _show_result(self) -> None:
        result = self.session.comparison
        for widget in (self.table, self.map_button):
            widget.setVisible(result is not None)
        self._show_job()
        if result is not None:
            self.table.show_edges(result, self.session.name_latent)

    def _show_edge(self) -> None:
        self.table.choose(self.session.edge)

    def _hide_maps(self) -> None:
        """Hide the difference maps of earlier comparisons."""
        hide_maps(self.viewer, "difference")

    def _show_verdict(self) -> None:
        result = self.session.comparison
        self.plot.setVisible(result is not None)
        if result is None:
            self.verdict.show_message(NOT_COMPARED)
        else:
            self.verdict.show_result(result, self.sides.rate, current=self.session.is_current)
            shown = result.coupling if result.coupling.n_coefficients else result.test
            self.plot.show_null(shown.null, shown.statistic)

    def _show_progress(self) -> None:
        """Show and draw what the resamples so far give, of a comparison or of a placebo."""
        progress = self.session.progress
        if progress is None or progress.dock != self.dock:
            return
        known, changed = progress.known, self.session.began.changed(self.session.generation)
        if isinstance(known, np.ndarray):
            if not changed:
                self.placebo.show_values(known)
        elif not self._comparing():
            return
        elif known is None:
            phase = progress.phase or "starting"
            self.verdict.show_message(f"{phase[:1].upper()}{phase[1:]}…", "The first answer follows in some seconds.")
        else:
            self.plot.setVisible(True)
            self.plot.show_null(known.null, known.statistic)
            self.verdict.show_running(known, current=not changed)


def _use(session: Session, began: Generation, comparison: Comparison) -> None:
    """Take in a result, which may be of ranges that are others now."""
    session.set_comparison(comparison, began)


def _compare(
    fit: Fit,
    stack: Stack,
    a: Segments,
    b: Segments,
    config: ComparisonConfig,
    latents: NDArray[np.float32] | None,
    regressed: dict[str, Any],
    controls: Controls,
    report: Report,
) -> Generator[None, None, Comparison]:
    """Compare in the worker's thread."""
    report("encoding A and B")
    from napari_varae.core.comparison.compare import compare

    yield
    stack = stack.checked(controls.check_drop)
    return compare(
        fit, stack, a, b, config, latents=latents, **regressed, stop=controls.stop,
        progress=lambda running: report("resample", running.made, running.planned, running),
    )  # fmt: skip
