"""The comparisons that were made: each can be shown again, repeated, or written with the others as a table."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_varae.core.comparison.verdict import DIFFER, NO_DIFFERENCE
from napari_varae.core.files import write_file
from napari_varae.session.comparisons import Done
from napari_varae.session.conditions import ConditionsDone
from napari_varae.session.result_table import results_csv
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.panel import Panel, allow, button, row
from napari_varae.widgets.parts.table import ROW_HEIGHT, Table
from napari_varae.widgets.parts.text import heading, in_words, report_done

__all__ = ["ResultList"]

MOST_ROWS = 6
"""Rows in view at most."""
COLUMNS = ("A, B", "Verdict", "p, links", "p, own past")
TIP = "The comparisons of this movie, the latest first. Click a row to show it again."


class ResultList(QWidget):
    """A table of results; hidden until there are two."""

    repeat = Signal(object)
    """The result whose ranges and settings are to be set again."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._session = panel.session
        self.table = Table(COLUMNS, wide=0, tip=TIP)
        self.table.setAccessibleName("Results so far")
        self.table.picked.connect(self._reopen)
        self.repeat_button = button(
            "Set ranges and settings again", self._repeat, "Those of the chosen result, to repeat or change it"
        )
        self.save_button = button(
            "Save list…", self._ask_save, "All comparisons as CSV, one pair of ranges or conditions in a row"
        )
        self._chosen: Done | ConditionsDone | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading("Results so far"))
        layout.addWidget(self.table)
        layout.addLayout(row(self.repeat_button, self.save_button))
        panel.listen(self._session.comparison_changed, self._follow_comparison)
        panel.listen(self._session.placebo_changed, self._follow_comparison)
        panel.listen(self._session.conditions_changed, self._follow_conditions)
        self._follow_comparison()

    def save(self, path: str) -> None:
        """Write all results as CSV.

        Raises
        ------
        OSError
            When the file cannot be written.
        """
        write_file(path, results_csv(self._session.results, self._session.conditions))
        report_done(f"The list of results was saved as {path}.")

    def _ask_save(self) -> None:
        with in_words():
            if path := ask_path(self, "Save the list of results", "comparisons.csv", (".csv",)):
                self.save(path)

    def _reopen(self, result: Done | ConditionsDone) -> None:
        with in_words():
            if isinstance(result, ConditionsDone):
                self._session.show_conditions(result)
            else:
                self._session.reopen(result)
        self._show()

    def _repeat(self) -> None:
        if self._chosen is not None:
            self.repeat.emit(self._chosen)

    def _follow_comparison(self) -> None:
        """Choose the comparison that is shown; a pair of several conditions is part of theirs."""
        results, shown = self._session.results, self._session.comparison
        self._chosen = next((done for done in results if done.comparison is shown), self._chosen)
        self._show()

    def _follow_conditions(self) -> None:
        """Choose the comparison of several conditions that is shown."""
        self._chosen = self._session.shown_conditions or self._chosen
        self._show()

    def _show(self) -> None:
        results: list[Done | ConditionsDone] = [*self._session.conditions[::-1], *self._session.results[::-1]]
        self.setVisible(len(results) > 1)
        self.table.show_rows([_row_of_several(done) if isinstance(done, ConditionsDone) else _row(done)
                              for done in results], results)  # fmt: skip
        rows = min(max(len(results), 2), MOST_ROWS)
        self.table.setFixedHeight(rows * ROW_HEIGHT + self.table.horizontalHeader().sizeHint().height() + 4)
        if not any(done is self._chosen for done in results):
            self._chosen = None
        self.table.choose(self._chosen)
        allow(self.repeat_button, "" if self._chosen is not None else "Click a comparison in the list first.")


def _row(done: Done) -> list[tuple[str, object]]:
    result = done.comparison
    name = ", ".join(done.names)
    answers = [
        (f"{answer.p_value:.3g}", answer.p_value) if answer.n_coefficients else ("–", float("nan"))
        for answer in (result.coupling, result.persistence)
    ]
    return [(name, name), (result.verdict, result.verdict), *answers]


def _row_of_several(done: ConditionsDone) -> list[tuple[str, object]]:
    found, name = done.found, ", ".join(done.found.names)
    p_values = [found.omnibus.p_values[question] for question in ("coupling", "persistence")]
    verdict = DIFFER if p_values[0] <= found.config.level else NO_DIFFERENCE
    return [(name, name), (verdict, verdict), *((f"{p:.3g}", p) for p in p_values)]
