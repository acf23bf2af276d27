"""The choice of the number of latents and the order in the Train dock: curves of held-out frames, and a suggestion."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_varae.core.settings import FitConfig
from napari_varae.figures.training import draw_choice
from napari_varae.session.job_events import Controls
from napari_varae.session.reasons import why_not
from napari_varae.widgets.jobs.job import Job, Report
from napari_varae.widgets.parts.choice_plot import ChoicePlot
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.panel import Panel, allow, button, row
from napari_varae.widgets.parts.text import in_words, note, report_done

if TYPE_CHECKING:
    from napari_varae.core.movie.stack import Stack
    from napari_varae.core.training.choice import Choice
    from napari_varae.session.session import Session
    from napari_varae.widgets.jobs.figures import Draw

__all__ = ["ChoiceBox"]

TITLE = "Choosing latents and order"
RUN = "Choose latents and order…"
TIP = (
    "How well held-out frames are predicted with fewer or more latents, and with orders 1 to 4. "
    "Takes about as long as a training."
)


class ChoiceBox(QWidget):
    """Measure held-out prediction in the background, show it as curves, and fill the form with the suggestion.

    Parameters
    ----------
    panel : Panel
    settings : callable
        Gives the settings of the form, or raises a ValueError.
    use : callable
        Takes settings into the form.
    """

    def __init__(self, panel: Panel, settings: Callable[[], FitConfig], use: Callable[[FitConfig], None]) -> None:
        super().__init__()
        self._panel, self._session, self._settings, self._use = panel, panel.session, settings, use
        self.run_button = button(RUN, self.run, TIP)
        self.stop_button = button(
            "Stop", partial(self._session.stop, keep=True), "The answer then rests on the numbers of latents tried"
        )
        self.summary = note()
        self.plot = ChoicePlot()
        panel.add_plot(self.plot)
        self.use_button = button("Use suggestion", self.use_suggestion, "Fill it into the settings above")
        self.csv_button = button("CSV…", self._ask_csv, "All numbers of latents and orders that were tried")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row(self.run_button, self.stop_button, stretch=0))
        layout.addWidget(self.summary)
        layout.addWidget(self.plot)
        layout.addLayout(row(self.use_button, self.csv_button, stretch=0))
        for signal in (self._session.movie_changed, self._session.choice_changed, self._session.job_changed):
            panel.mirror(signal, self._show)
        panel.mirror(self._session.progressed, self._show_progress)
        self._show()

    def run(self) -> None:
        """Measure held-out prediction with the settings of the form; its number of latents and order do not count."""
        with in_words():
            stack = self._session.require_stack()
            Job(
                self._panel,
                "computing",
                partial(_choose, stack, self._settings()),
                title=TITLE,
                on_return=partial(_use, self._session, self._session.generation.movie),
                about=("movie", "bad_frames"),
            )

    def use_suggestion(self) -> None:
        """Fill the suggestion into the form."""
        with in_words():
            if (choice := self._session.choice) is not None:
                latents, order = choice.suggested
                self._use(self._settings().changed(latents=latents, order=order))

    def figures(self) -> dict[str, Draw]:
        """Return the curves that can be drawn."""
        choice = self._session.choice
        return {} if choice is None else {"choice of latents and order": partial(draw_choice, choice)}

    def save(self, path: str) -> None:
        """Write the table as CSV."""
        with in_words():
            if (choice := self._session.choice) is not None:
                choice.to_csv(path)
                report_done(f"The table was saved as {path}.")

    def _ask_csv(self) -> None:
        with in_words():
            if path := ask_path(self, "Save the table", "latents and orders.csv", (".csv",)):
                self.save(path)

    def _running(self) -> bool:
        progress = self._session.progress
        return progress is not None and progress.title == TITLE

    def _show(self, _state: Any = None) -> None:
        session, choice, running = self._session, self._session.choice, self._running()
        allow(self.run_button, why_not(session, "movie", "idle"))
        self.stop_button.setVisible(running)
        allow(self.stop_button, "It is being stopped." if session.job == "stopping" else "")
        for widget in (self.plot, self.use_button, self.csv_button):
            widget.setVisible(choice is not None)
        self.summary.setVisible(choice is not None or running)
        if choice is not None:
            self.plot.show_choice(choice)
            self.summary.setText(_in_words(choice))
        self._show_progress()

    def _show_progress(self) -> None:
        progress = self._session.progress
        if progress is not None and progress.title == TITLE:
            self.summary.setText(progress.in_percent)


def _in_words(choice: Choice) -> str:
    """Report the suggestion and what it rests on."""
    (latents, order), (best_latents, best_order) = choice.suggested, choice.best
    why = (
        "the best prediction"
        if choice.suggested == choice.best
        else f"the fewest that predict within one standard error of the best, {best_latents} and order {best_order}"
    )
    rising = best_latents == choice.latents[-1]
    more = " Prediction still rises at the largest number tried: more latents may be better." if rising else ""
    (reached,) = choice.prediction[choice.latents == latents][:, choice.orders == order][0]
    by_signal = choice.automatic_prediction[choice.orders == order][0]
    automatic = (
        f" The automatic choice, {choice.automatic} places with a signal of their own, predicts {by_signal:.1%} of the "
        f"variance, the suggestion {reached:.1%}."
        if math.isfinite(by_signal)
        else ""
    )
    return f"Suggested: {latents} latents, order {order}: {why}, in {choice.n_frames} held-out frames.{automatic}{more}"


def _use(session: Session, movie: int, choice: Choice) -> None:
    """Take in the suggestion."""
    session.set_choice(choice, movie)


def _choose(stack: Stack, config: FitConfig, controls: Controls, report: Report) -> Generator[None, None, Choice]:
    """Measure in the worker's thread; one core is left to the window."""
    report("loading PyTorch")
    from napari_varae.core.compute.threads import default_threads
    from napari_varae.core.training.choice import choose

    yield
    if config.threads is None:
        config = config.changed(threads=max(1, default_threads() - 1))
    return choose(
        stack.checked(controls.check_drop), config, stop=controls.stop,
        progress=lambda phase, share: report(phase, round(100 * share), 100),
    )  # fmt: skip
