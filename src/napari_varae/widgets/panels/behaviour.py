"""The Behaviour dock: trials whose conditions become A and B; traces of behaviour, and how latents follow them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from annotated_types import Ge
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QLineEdit

from napari_varae.core.experiment.rows import listed
from napari_varae.core.files import write_file
from napari_varae.session.questions import Question
from napari_varae.session.ranges import format_duration, total
from napari_varae.session.reasons import why_not
from napari_varae.session.session import Letter
from napari_varae.widgets.jobs.opening import open_brought
from napari_varae.widgets.parts.complaints import complaint, of_field
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.number_field import NumberField
from napari_varae.widgets.parts.panel import Panel, allow, button, narrow_choice, row
from napari_varae.widgets.parts.question import QuestionBox
from napari_varae.widgets.parts.table import Table
from napari_varae.widgets.parts.text import heading, in_words, note, report_done, signed

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["BehaviourPanel"]

TRIAL_FILES = "Tables of trials (*.csv *.tsv *.txt *.nwb);;All files (*)"
TRACE_FILES = "Traces (*.csv *.tsv *.txt *.npy *.nwb);;All files (*)"
NO_TRIALS = "No trials yet. Open a table with start, stop and condition, in seconds or frames."
NO_TRACES = "No traces yet. Open a table with a column of times, or with one row per frame."
MOST = 6
"""Conditions, and traces, that are listed."""
COLUMNS = ("Latent", "Trace", "r", "95 % interval")
TIP = (
    "Correlation of each latent with each trace over the good frames. Intervals allow for autocorrelation; each stands "
    "alone. Click a row to see both in the Time dock."
)


class BehaviourPanel(Panel):
    """Bring trials and behaviour."""

    dock = "Behaviour"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.question = QuestionBox(self, ("trials", "behaviour"))
        self.question.chosen.connect(self._answer)
        self._add_trials()
        self._add_traces()
        self.body.addStretch()
        session = self.session
        self.listen(session.trials_changed, self._show_trials)
        self.listen(session.behaviour_changed, self._show_traces)
        self.listen(session.latent_changed, self._show_latent)
        self.mirror(session.job_changed, self._show_job)
        for signal in (session.fit_changed, session.cells_changed, session.movie_changed):
            self.listen(signal, self._show_table)
            self.listen(signal, self._show_job)
        self.listen(session.movie_changed, self._show_trials)
        self._show_trials()
        self._show_traces()

    def _add_trials(self) -> None:
        self.trials_button = button(
            "Open trials…", self.ask_trials, "CSV, TSV or NWB: start, stop (or window), condition"
        )
        self.save_trials_button = button("Save trials…", self.ask_save_trials, "The table as CSV or TSV")
        self.close_trials_button = button("Close", partial(self.session.use_trials, None), "Let the trials go")
        self.trials_report = note(NO_TRIALS)
        self.conditions: dict[Letter, QComboBox] = {"a": narrow_choice(), "b": narrow_choice()}
        for letter, box in self.conditions.items():
            box.setAccessibleName(f"Condition of range {letter.upper()}")
        self.compare_button = button("Use as A and B", self.use_conditions, "All trials of the two conditions")
        self.all_button = button(
            "All as frame sets", self.use_all_conditions, "Each condition as a frame set of the Time dock"
        )
        boxes = self.conditions["a"], QLabel("B"), self.conditions["b"]
        self.condition_row = [QLabel("A"), *boxes]
        self.body.addWidget(heading("Trials"))
        self.body.addLayout(row(self.trials_button, self.save_trials_button, self.close_trials_button))
        self.body.addWidget(self.question)
        self.body.addWidget(self.trials_report)
        line = row(*self.condition_row, stretch=1)
        line.setStretch(3, 1)
        self.body.addLayout(line)
        self.body.addLayout(row(self.compare_button, self.all_button))

    def _add_traces(self) -> None:
        self.traces_button = button("Open traces…", self.ask_traces, "CSV, TSV, .npy or NWB: speed, position, pupil, …")
        self.close_traces_button = button("Close", partial(self.session.use_behaviour, None), "Let the traces go")
        self.shown = narrow_choice()
        self.shown.setAccessibleName("Traces in the Time dock")
        self.shown.setToolTip("Traces that the Time dock shows above the latents")
        self.shown.currentIndexChanged.connect(self._show_one)
        self.traces_report = note(NO_TRACES)
        self.condition = QLineEdit()
        self.condition.setAccessibleName("Condition of the frames")
        self.condition.setToolTip("For example speed > 2, or 2 < speed <= 5, or speed > 2 and position < 50")
        self.minimum, self.unit = NumberField(float, [Ge(0)]), QLabel("s")
        self.minimum.setAccessibleName("Shortest part")
        self.minimum.set_value(1.0)
        self.minimum.setToolTip("Shorter parts are left out")
        self.make = {
            letter: button(
                f"Make {letter.upper()}", partial(self.use_threshold, letter), f"These frames as {letter.upper()}"
            )
            for letter in self.conditions
        }
        self.table = Table(COLUMNS, height=150, tip=TIP)
        self.table.setAccessibleName("Latents and traces")
        self.table.picked.connect(self._pick)
        self.table_heading = heading("Correlation with latents")
        self.save_table_button = button("Save table…", self.ask_save_table, "All correlations as CSV")
        self.body.addWidget(heading("Behaviour"))
        self.body.addLayout(row(self.traces_button, self.shown, self.close_traces_button))
        self.body.addWidget(self.traces_report)
        first, second = [QLabel("Frames with"), self.condition], [QLabel("for at least"), self.minimum, self.unit]
        self.threshold_rows = [*first, *second]
        self.body.addLayout(row(*first, stretch=1))
        self.body.addWidget(complaint(self.condition))
        self.body.addLayout(row(*second, *self.make.values(), stretch=1))
        self.body.addWidget(complaint(self.minimum))
        self.body.addWidget(self.table_heading)
        self.body.addWidget(self.table, 10)
        self.body.addWidget(self.save_table_button)

    def ask_trials(self) -> None:
        """Let the user choose a table of trials, and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open trials", "", TRIAL_FILES)
        if path:
            self.open_trials(path)

    def ask_traces(self) -> None:
        """Let the user choose a file of traces, and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open traces of behaviour", "", TRACE_FILES)
        if path:
            self.open_traces(path)

    def open_trials(self, path: str, **given: Any) -> None:
        """Open a table of trials in the background; `given` are choices, such as the unit."""
        with in_words():
            open_brought(self, "trials", path, given)

    def open_traces(self, path: str, **given: Any) -> None:
        """Open traces of behaviour in the background."""
        with in_words():
            open_brought(self, "behaviour", path, given)

    def use_conditions(self) -> None:
        """Make the trials of two conditions the ranges A and B."""
        with in_words():
            a, b = (box.currentText() for box in self.conditions.values())
            if a == b:
                raise ValueError(f"A and B are both {a!r}. Choose two conditions.")
            self.session.compare_conditions(a, b)

    def use_all_conditions(self) -> None:
        """Make each condition a frame set."""
        with in_words():
            if self.session.trials is not None:
                self.session.use_conditions_as_sets(self.session.trials)

    def use_threshold(self, letter: Letter) -> None:
        """Make the frames in which behaviour meets the condition a range."""
        with in_words():
            behaviour, rate = self.session.behaviour, self.session.require_stack().frame_rate
            minimum = self.minimum.value_within()
            if behaviour is not None and behaviour.unit == "frames":
                minimum *= rate or 1
            condition, sets = self.condition.text().strip(), self.session.frame_sets
            with of_field(self.condition):
                frames = self.session.behaviour_frames(condition, minimum)
            sides = (condition, sets.b) if letter == "a" else (sets.a, condition)
            self.session.set_frame_sets({condition: frames}, sides)

    def ask_save_trials(self) -> None:
        """Let the user choose where to write the trials, and write them."""
        with in_words():
            if path := ask_path(self, "Save the trials", "trials.csv", (".csv", ".tsv")):
                self.save_trials(path)

    def save_trials(self, path: str) -> None:
        """Write the table of trials.

        Raises
        ------
        ValueError
            When there are none, or they cannot be written.
        """
        if self.session.trials is None:
            raise ValueError("There are no trials to save. Open a table of trials first.")
        report_done(f"The trials were saved as {self.session.trials.save(path)}.")

    def ask_save_table(self) -> None:
        """Let the user choose where to write the correlations, and write them."""
        with in_words():
            table = self.session.behaviour_table()
            if table is None:
                raise ValueError("There are no correlations yet: open traces, and train or load a fit.")
            if path := ask_path(self, "Save the correlations", "correlations.csv", (".csv",)):
                names = [str(self.session.cell_of(latent) or "") for latent in table["latent"]]
                write_file(path, table.assign(cell=names).to_csv(index=False))
                report_done(f"The correlations were saved as {path}.")

    def _answer(self, question: Question, given: dict[str, Any]) -> None:
        (self.open_trials if question.what == "trials" else self.open_traces)(question.path, **given)

    def _pick(self, about: tuple[int, str]) -> None:
        self.session.set_latent(about[0])
        self.session.show_trace(about[1])

    def _show_one(self) -> None:
        with in_words():
            self.session.show_trace(self.shown.currentData())

    def _show_trials(self) -> None:
        trials, stack = self.session.trials, self.session.stack
        conditions = () if trials is None else trials.conditions
        for i, box in enumerate(self.conditions.values()):
            if [box.itemText(j) for j in range(box.count())] != list(conditions):
                box.clear()
                box.addItems(conditions)
                box.setCurrentIndex(min(i, len(conditions) - 1))
        for widget in (*self.condition_row, self.compare_button, self.all_button):
            widget.setVisible(len(conditions) > 1)
        if trials is None or stack is None:
            self.trials_report.setText(NO_TRIALS)
        else:
            lines = [
                f"{name}: {trials.condition.count(name)} trials, "
                f"{format_duration(total(self.session.condition_frames(name)), stack.frame_rate)}"
                for name in conditions[:MOST]
            ]
            more = [f"… {len(conditions)} conditions in all"] if len(conditions) > MOST else []
            self.trials_report.setText("\n".join([*lines, *more, *trials.notes]))
        self._show_job()

    def _show_traces(self) -> None:
        behaviour = self.session.behaviour
        names = () if behaviour is None else behaviour.names
        with QSignalBlocker(self.shown):
            self.shown.clear()
            self.shown.addItem("First traces" if len(names) > 3 else "All traces", None)
            for name in names:
                self.shown.addItem(f"Show {name}", name)
            self.shown.setCurrentIndex(max(0, self.shown.findData(self.session.trace)))
        if behaviour is None:
            self.traces_report.setText(NO_TRACES)
        else:
            self.traces_report.setText("\n".join([f"Traces: {listed(names, MOST)}.", *behaviour.notes]))
            self.condition.setPlaceholderText(f"{names[0]} > 2")
        for widget in (self.shown, self.close_traces_button, *self.threshold_rows, *self.make.values()):
            widget.setVisible(behaviour is not None)
        self._show_table()
        self._show_job()

    def _show_table(self) -> None:
        table = self.session.behaviour_table()
        for widget in (self.table_heading, self.table, self.save_table_button):
            widget.setVisible(table is not None)
        if table is not None:
            ordered = table.loc[table["r"].abs().sort_values(ascending=False, na_position="last").index]
            rows, about = [], []
            for latent, trace, r, low, high in ordered[["latent", "trace", "r", "low", "high"]].itertuples(index=False):
                interval = f"{signed(low)} to {signed(high)}" if np.isfinite(low) else "too few frames"
                named = self.session.name_latent(latent), int(latent)
                rows.append([named, (trace, trace), (signed(r), abs(r)), (interval, low)])
                about.append((int(latent), trace))
            self.table.show_rows(rows, about)
        self._show_latent()

    def _show_latent(self) -> None:
        names = () if self.session.behaviour is None else self.session.behaviour.names
        shown = self.session.trace or (names[0] if names else None)
        self.table.choose(None if self.session.latent is None else (self.session.latent, shown))

    def _show_job(self) -> None:
        for opens in (self.trials_button, self.traces_button):
            allow(opens, why_not(self.session, "movie", "idle"))
        for used in (self.save_trials_button, self.close_trials_button):
            allow(used, "" if self.session.trials is not None else "Open a table of trials first.")
        self.unit.setText("frames" if self.session.stack is None or self.session.stack.frame_rate is None else "s")
