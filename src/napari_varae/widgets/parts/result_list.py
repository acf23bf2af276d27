"""The comparisons that were made: each can be shown again, repeated, or written with the others as a table."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_varae.core.files import write_file
from napari_varae.session.comparisons import Done, results_csv
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.panel import Panel, button, row
from napari_varae.widgets.parts.table import Table
from napari_varae.widgets.parts.text import heading, in_words, report_done

__all__ = ["ResultList"]

COLUMNS = ("A, B", "Verdict", "p, links", "p, own past")
TIP = "The comparisons of this movie, the latest first. Click a row to show it again."


class ResultList(QWidget):
    """A table of results; hidden until there are two."""

    repeat = Signal(object)
    """The result whose ranges and settings are to be set again."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._session = panel.session
        self.table = Table(COLUMNS, height=110, wide=0, tip=TIP)
        self.table.setAccessibleName("Results so far")
        self.table.picked.connect(self._reopen)
        self.repeat_button = button(
            "Set ranges and settings again", self._repeat, "Those of the result that is shown, to repeat or change it"
        )
        self.save_button = button("Save list…", self._ask_save, "All results as CSV, one a row")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading("Results so far"))
        layout.addWidget(self.table)
        layout.addLayout(row(self.repeat_button, self.save_button))
        panel.listen(self._session.comparison_changed, self._show)
        panel.listen(self._session.placebo_changed, self._show)
        self._show()

    def save(self, path: str) -> None:
        """Write all results as CSV.

        Raises
        ------
        OSError
            When the file cannot be written.
        """
        write_file(path, results_csv(self._session.results))
        report_done(f"The list of results was saved as {path}.")

    def _ask_save(self) -> None:
        with in_words():
            if path := ask_path(self, "Save the list of results", "comparisons.csv", (".csv",)):
                self.save(path)

    def _reopen(self, line: int) -> None:
        with in_words():
            self._session.reopen(self._session.results[line])
        self._show()

    def _repeat(self) -> None:
        done = next((done for done in self._session.results if done.comparison is self._session.comparison), None)
        if done is not None:
            self.repeat.emit(done)

    def _show(self) -> None:
        results = self._session.results
        self.setVisible(len(results) > 1)
        lines = list(range(len(results)))[::-1]
        self.table.show_rows([_row(results[line]) for line in lines], lines)
        shown = [line for line in lines if results[line].comparison is self._session.comparison]
        self.table.choose(shown[0] if shown else None)
        self.repeat_button.setEnabled(bool(shown))


def _row(done: Done) -> list[tuple[str, object]]:
    result = done.comparison
    name = ", ".join(done.names)
    answers = [
        (f"{answer.p_value:.3g}", answer.p_value) if answer.n_coefficients else ("–", float("nan"))
        for answer in (result.coupling, result.persistence)
    ]
    return [(name, name), (result.verdict, result.verdict), *answers]
