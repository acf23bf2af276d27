"""More than two conditions in the Compare dock: one test over all that are ticked, then pairs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QApplication, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_varae.core.settings import ComparisonConfig
from napari_varae.figures.comparison import draw_null
from napari_varae.session.job_events import Controls
from napari_varae.session.ranges import Segments, format_duration, total
from napari_varae.session.reasons import why_not
from napari_varae.session.recipe import shown_conditions
from napari_varae.widgets.jobs.job import Job, Report
from napari_varae.widgets.parts.copy_as import copy_button
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.panel import Panel, allow, button, row
from napari_varae.widgets.parts.table import Table
from napari_varae.widgets.parts.text import heading, in_words, note, report_done

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_varae.core.comparison.conditions import Conditions
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack
    from napari_varae.session.generation import Generation
    from napari_varae.session.session import Session
    from napari_varae.widgets.jobs.figures import Draw

__all__ = ["ConditionsBox"]

TITLE = "Comparing conditions"
FEWEST = 3
TICK = "Tick three or more frame sets."
COLUMNS = ("Pair", "Verdict", "p, links", "p, own past")
TIP = "P-values are adjusted for the number of pairs (Holm). Click a pair to see its links, as A and B."
STALE = "⚠ Of another fit, of other bad frames, or with other behaviour regressed out. "
LIST_HEIGHT, TABLE_HEIGHT = 84, 116


class ConditionsBox(QWidget):
    """Tick frame sets and compare them all; the answer over all first, then the pairs. Hidden until there are three."""

    def __init__(self, panel: Panel, settings: Callable[[], ComparisonConfig]) -> None:
        super().__init__()
        self._panel, self._session, self._settings = panel, panel.session, settings
        self.sets = QListWidget()
        self.sets.setAccessibleName("Frame sets to compare")
        self.sets.setFixedHeight(LIST_HEIGHT)
        self.sets.setStyleSheet("QListWidget::indicator:unchecked { border: 1px solid gray; border-radius: 2px; }")
        self.sets.itemChanged.connect(self._ticked)
        self.run_button = button("Compare conditions", self.run, "Runs in the background; you can go on working")
        self.sentence, self.summary = heading(""), note()
        self.sentence.setWordWrap(True)
        self.table = Table(COLUMNS, height=TABLE_HEIGHT, wide=0, tip=TIP)
        self.table.setMaximumHeight(TABLE_HEIGHT)
        self.table.setAccessibleName("Pairs of conditions")
        self.table.picked.connect(self._pick)
        self.exports = (
            button("CSV…", partial(self._export, "csv"), "The table of pairs"),
            button("JSON…", partial(self._export, "json"), "Everything, with the settings"),
            button("Copy methods", self.copy_methods, "A paragraph for the methods section"),
        )
        self.copy_as = copy_button(lambda: shown_conditions(self._session, self.ticked, self._settings()))
        self._chosen: set[str] = set()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(heading("More than two conditions"))
        for widget in (note(TICK), self.sets, self.run_button, self.sentence, self.summary, self.table):
            layout.addWidget(widget)
        layout.addLayout(row(*self.exports))
        layout.addWidget(self.copy_as)
        session = self._session
        for signal in (session.ranges_changed, session.movie_changed):
            panel.listen(signal, self._show_sets)
        for signal in (
            session.conditions_changed, session.fit_changed, session.job_changed, session.movie_changed,
            session.covariates_changed, session.behaviour_changed,
        ):  # fmt: skip
            panel.mirror(signal, self._show)
        panel.mirror(session.progressed, self._show_progress)
        self._show_sets()
        self._show()

    @property
    def ticked(self) -> dict[str, Segments]:
        """The frame sets that are to be compared."""
        return {name: segments for name, segments in self._session.frame_sets if segments and name in self._chosen}

    def tick(self, *names: str) -> None:
        """Tick these frame sets, and no others."""
        self._chosen = set(names)
        self._show_sets()

    def run(self) -> None:
        """Compare all frame sets that are ticked."""
        with in_words():
            session = self._session
            stack, fit, chosen = session.require_stack(), session.require_fit(), self.ticked
            if len(chosen) < FEWEST:
                raise ValueError(f"Ticked: {len(chosen)}. {TICK}")
            Job(
                self._panel,
                "comparing",
                partial(_compare, fit, stack, chosen, self._settings(), session.latents, session.regressed_out()),
                title=TITLE,
                on_return=partial(_use, session, session.generation),
                about=("movie", "fit"),
            )

    def figures(self) -> dict[str, Draw]:
        """Return the null distribution over all conditions."""
        done = self._session.shown_conditions
        return {} if done is None else {"null distribution over all conditions": partial(draw_null, done.found)}

    def export(self, path: str) -> None:
        """Write the pairs as CSV, or everything as JSON."""
        with in_words():
            if (done := self._session.shown_conditions) is not None:
                done.found.to_csv(path) if path.lower().endswith(".csv") else done.found.to_json(path)
                report_done(f"The comparison of conditions was saved as {path}.")

    def copy_methods(self) -> None:
        """Put a paragraph for the methods section on the clipboard."""
        if (done := self._session.shown_conditions) is not None:
            QApplication.clipboard().setText(done.found.methods_text())
            report_done("A paragraph for the methods section is on the clipboard.")

    def _export(self, kind: str) -> None:
        with in_words():
            if path := ask_path(self, "Save the comparison of conditions", f"conditions.{kind}", (f".{kind}",)):
                self.export(path)

    def _ticked(self, item: QListWidgetItem) -> None:
        name = item.data(Qt.ItemDataRole.UserRole)
        on = item.checkState() == Qt.CheckState.Checked
        (self._chosen.add if on else self._chosen.discard)(name)
        self._show()

    def _pick(self, pair: tuple[str, str]) -> None:
        """Show a pair as A and B."""
        with in_words():
            if (done := self._session.shown_conditions) is not None:
                self._session.show_pair(done, pair)

    def _show_sets(self) -> None:
        """List the frame sets that have segments; what was ticked stays ticked."""
        stack, sets = self._session.stack, [pair for pair in self._session.frame_sets if pair[1]]
        rate = None if stack is None else stack.frame_rate
        with QSignalBlocker(self.sets):
            self.sets.clear()
            for name, segments in sets:
                parts = f"{len(segments)} segment{'s' * (len(segments) != 1)}"
                item = QListWidgetItem(f"{name}: {parts}, {format_duration(total(segments), rate)}")
                item.setData(Qt.ItemDataRole.UserRole, name)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Checked if name in self._chosen else Qt.CheckState.Unchecked)
                self.sets.addItem(item)
        self._show()

    def _show(self, _state: Any = None) -> None:
        session, done, n = self._session, self._session.shown_conditions, len(self.ticked)
        allow(
            self.run_button, why_not(session, "movie", "fit", "idle") or ("" if n >= FEWEST else f"Ticked: {n}. {TICK}")
        )
        self.run_button.setText(f"Compare {n} conditions" if n >= FEWEST else "Compare conditions")
        running = session.progress is not None and session.progress.title == TITLE
        self.setVisible(self.sets.count() >= FEWEST or done is not None or running)
        for widget in (self.sentence, self.table, *self.exports):
            widget.setVisible(done is not None and not running)
        self.summary.setVisible(done is not None or running)
        if running:
            self._show_progress()
        elif done is not None:
            current = session.conditions_current(done)
            self.sentence.setText(_headline(done.found))
            self.summary.setText(("" if current else STALE) + _in_words(done.found))
            self.table.setEnabled(current)
            self.table.show_rows(*_rows(done.found))

    def _show_progress(self) -> None:
        progress = self._session.progress
        if progress is not None and progress.title == TITLE:
            self.summary.setText(progress.in_percent)


def _headline(found: Conditions) -> str:
    """Give the answer over all conditions."""
    names, p = ", ".join(found.names), found.omnibus.p_values["coupling"]
    if p <= found.config.level:
        return f"Links between latents differ among {names}."
    return f"No difference between links was found among {names}."


def _in_words(found: Conditions) -> str:
    """Give the p-values over all conditions, and which pairs differ."""
    test = found.omnibus
    units = "segments" if test.whole_segments else "blocks"
    differ = [f"{a} and {b}" for a, b in found.pairs if found.verdict(a, b) == "differ"]
    return (
        f"Over all: coupling p = {test.p_values['coupling']:.3g}, persistence p = {test.p_values['persistence']:.3g} "
        f"({test.resamples} permutations of {test.n_units} {units}). Pairs that differ, adjusted for "
        f"{len(found.pairs)} pairs: {'; '.join(differ) or 'none'}."
    )


def _rows(found: Conditions) -> tuple[list[list[tuple[str, Any]]], list[tuple[str, str]]]:
    """Make the rows of the table, and the pairs that they are about."""
    rows = []
    for a, b in found.pairs:
        values = [found.p_adjusted[question][a, b] for question in ("coupling", "persistence")]
        verdict, name = found.verdict(a, b), f"{a}, {b}"
        rows.append([(name, name), (verdict, verdict), *((f"{value:.3g}", value) for value in values)])
    return rows, list(found.pairs)


def _use(session: Session, began: Generation, found: Conditions) -> None:
    """Take in a result."""
    session.set_conditions(found, began)


def _compare(
    fit: Fit,
    stack: Stack,
    chosen: dict[str, Segments],
    config: ComparisonConfig,
    latents: NDArray[Any] | None,
    regressed: dict[str, Any],
    controls: Controls,
    report: Report,
) -> Generator[None, None, Conditions]:
    """Compare in the worker's thread."""
    report("starting")
    from napari_varae.core.comparison.conditions import compare_conditions

    yield
    return compare_conditions(
        fit, stack.checked(controls.check_drop), chosen, config, latents=latents, **regressed, stop=controls.stop,
        progress=lambda what, share: report(what, round(100 * share), 100),
    )  # fmt: skip
