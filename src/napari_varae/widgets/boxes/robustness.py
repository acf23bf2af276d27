"""Robustness in the Compare dock: the same question under other choices, as a table that grows."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from napari_varae.core.settings import ComparisonConfig
from napari_varae.session.job_events import Controls
from napari_varae.session.ranges import Segments
from napari_varae.session.reasons import why_not
from napari_varae.widgets.jobs.job import Job, Report
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.panel import Panel, allow, button, row
from napari_varae.widgets.parts.text import in_words, note, report_done, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_varae.core.comparison.robustness import Robustness
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack
    from napari_varae.session.generation import Generation
    from napari_varae.session.session import Session

__all__ = ["RobustnessBox"]

TITLE = "Checking robustness"
NOTHING = "The same question with one choice changed at a time. Does the answer hold?"
CHOICES = {
    "everything (trains fits)": ("order", "noise", "latents", "seed", "frames"),
    "order and noise (quick)": ("order", "noise"),
}
COLUMNS = {
    "change": "Change", "verdict": "Verdict", "coupling_p": "p,\nlinks", "persistence_p": "p, own\npast",
    "difference": "A − B\n(interval)",
}  # fmt: skip
TWO_LINES = {"no difference found": "no difference\nfound", "cannot be decided": "cannot be\ndecided"}


class RobustnessBox(QWidget):
    """Compare under other choices in the background, and show the rows as they come."""

    def __init__(self, panel: Panel, settings: Callable[[], ComparisonConfig]) -> None:
        super().__init__()
        self._panel, self._settings = panel, settings
        self.what = QComboBox()
        self.what.setAccessibleName("What is varied")
        for text, choices in CHOICES.items():
            self.what.addItem(text, choices)
        self.what.setToolTip(
            "VAR order 1 to 3 and noise correction use this fit; half and twice the latents, another seed and other "
            "training frames train one fit each"
        )
        self.run_button = button("Check robustness", self.run, "Runs in the background; Stop keeps the rows so far")
        self.csv_button = button("CSV…", self.export, "The table with all its columns")
        self.summary = note(NOTHING)
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setAccessibleName("Comparison under other choices")
        self.table.setHorizontalHeaderLabels(list(COLUMNS.values()))
        self.table.verticalHeader().setVisible(False)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)  # its words wrap
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.setMinimumHeight(180)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row("Change", self.what, self.run_button, stretch=1))
        layout.addWidget(self.summary)
        layout.addWidget(self.table)
        layout.addLayout(row(self.csv_button))
        session = panel.session
        for signal in (session.robustness_changed, session.job_changed, session.ranges_changed, session.fit_changed):
            panel.mirror(signal, self._show)
        panel.mirror(session.progressed, self._show_progress)
        self._show()

    def run(self) -> None:
        """Ask the same question under other choices."""
        with in_words():
            session = self._panel.session
            stack, fit = session.require_stack(), session.require_fit()
            a, b = session.ranges["a"], session.ranges["b"]
            if not (a and b):
                raise ValueError(session.range_notes()[0])
            Job(
                self._panel,
                "comparing",
                partial(
                    _check,
                    fit,
                    stack,
                    a,
                    b,
                    self._settings(),
                    self.what.currentData(),
                    session.latents,
                    session.regressed_out(),
                ),
                title=TITLE,
                on_return=partial(_use, session, session.generation),
                about=("movie", "fit"),
            )

    def export(self) -> None:
        """Let the user choose a file, and write the table."""
        with in_words():
            found = self._panel.session.robustness
            if found is None:
                raise ValueError("There is no table yet. Check the robustness first.")
            if path := ask_path(self._panel, "Save the table", "robustness.csv", (".csv",)):
                found.to_csv(path)
                report_done(f"The table was saved as {path}.")

    def _show(self) -> None:
        """Show the table of the session, and what can be done."""
        session = self._panel.session
        allow(self.run_button, why_not(session, "movie", "fit", "ranges", "idle"))
        allow(self.csv_button, "" if session.robustness is not None else "Check the robustness first.")
        if self._running():
            return
        found = session.robustness
        self.table.setVisible(found is not None)
        if found is None:
            self.summary.setText(NOTHING)
            return
        current = session.robustness_about == session.generation
        other = "" if current else "⚠ Of other ranges, or of another movie or fit. "
        self.summary.setText(" ".join([other + found.summary, *found.notes]))
        self.table.setEnabled(current)
        self._fill(found)

    def _show_progress(self) -> None:
        """Show the rows so far."""
        progress = self._panel.session.progress
        if progress is None or progress.title != TITLE or progress.known is None:
            return
        found: Robustness = progress.known
        self.table.setVisible(bool(found.rows))
        self.table.setEnabled(True)
        self.summary.setText(f"{len(found.rows)} of {found.planned}. Now: {found.running or 'done'}.")
        self._fill(found)

    def _running(self) -> bool:
        progress = self._panel.session.progress
        return progress is not None and progress.title == TITLE

    def _fill(self, found: Robustness) -> None:
        """Replace the rows."""
        self.table.setRowCount(len(found.rows))
        for line, variation in enumerate(found.rows):
            values = variation.as_dict()
            for column, name in enumerate(COLUMNS):
                item = QTableWidgetItem(_text(values, name))
                item.setToolTip(str(values["reason"]))
                self.table.setItem(line, column, item)


def _text(values: dict[str, Any], name: str) -> str:
    """Write one value of a row."""
    if name == "change":
        return str(values["change"])
    if "verdict" not in values:
        return "not compared" if name == "verdict" else ""
    if name == "difference":
        return f"{signed(values['difference'])}\n({signed(values['low'])} to {signed(values['high'])})"
    if name == "verdict":
        return TWO_LINES.get(str(values[name]), str(values[name]))
    return f"{values[name]:.3g}"


def _use(session: Session, began: Generation, found: Robustness) -> None:
    """Keep the table; nothing when it was stopped before there was a row."""
    if found.rows:
        session.set_robustness(found, began)


def _check(
    fit: Fit,
    stack: Stack,
    a: Segments,
    b: Segments,
    settings: ComparisonConfig,
    vary: tuple[str, ...],
    latents: NDArray[Any] | None,
    regressed: dict[str, Any],
    controls: Controls,
    report: Report,
) -> Generator[None, None, Any]:
    """Compare in the worker's thread."""
    report("starting")
    from napari_varae.core.comparison.robustness import robustness

    yield
    stack = stack.checked(controls.check_drop)
    return robustness(
        fit, stack, a, b, settings, vary=vary, latents=latents, **regressed, stop=controls.stop,
        progress=lambda found: report(found.running, len(found.rows), found.planned, found),
    )  # fmt: skip
