"""What is known before a training, in the Train dock: one that was cut short, and what the settings will need."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_varae.core.settings import FitConfig
from napari_varae.session.labels import describe_time
from napari_varae.widgets.jobs import training
from napari_varae.widgets.jobs.background import Background
from napari_varae.widgets.parts.complaints import FieldError
from napari_varae.widgets.parts.panel import Panel, button, row
from napari_varae.widgets.parts.text import note

__all__ = ["LookAhead"]

REST_MS = 700
"""How long settings must rest before what they need is measured."""


class LookAhead:
    """Look, in the background, for a training that was cut short, and measure what one with these settings will need.

    Parameters
    ----------
    panel : Panel
        The dock, which places :attr:`unfinished` and :attr:`needs`.
    settings : callable
        Gives the settings of the form, or raises a ValueError.
    resume : callable
        Goes on with the training that was cut short.
    """

    def __init__(self, panel: Panel, settings: Callable[[], FitConfig], resume: Callable[[], None]) -> None:
        self._panel, self._session, self._settings = panel, panel.session, settings
        self.known = training.Before()
        self.needs = note()
        self.needs.setMinimumHeight(2 * self.needs.fontMetrics().lineSpacing())  # nothing moves when it is filled in
        self.unfinished = QWidget()
        self.resume_button = button("", resume, "Go on from its last checkpoint, with its settings")
        self.resume_button.setAccessibleName("Resume the training that was cut short")
        self.discard_button = button("Discard", self.discard, "Delete its checkpoint")
        self.unfinished.setLayout(row(self.resume_button, self.discard_button, stretch=0))
        self.unfinished.layout().setContentsMargins(0, 0, 0, 0)
        self._was_busy = False
        self._measuring: Background | None = None
        self._rest = QTimer(panel, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._measure)
        panel.listen(self._session.movie_changed, self._movie_changed)
        panel.listen(self._session.job_changed, self._follow_job)
        self._show()

    def ask(self) -> None:
        """Measure what the settings need, after a rest, if somebody looks."""
        self._cancel()
        self._take(self.known._replace(seconds=None))
        if self._panel.isVisible():
            self._rest.start()

    def forget(self) -> None:
        """Forget what was known, for it has been taken up."""
        self._take(training.Before())

    def discard(self) -> None:
        """Delete the training of this movie that was cut short."""
        if self.known.unfinished is not None:
            from napari_varae.core.training.unfinished import forget

            forget(self.known.unfinished.folder)
            self.known = training.Before(None, self.known.needs)
            self.ask()

    def retire(self) -> None:
        """Let go of what is measured."""
        self._rest.stop()
        self._cancel()

    def _movie_changed(self) -> None:
        self.forget()
        self.ask()

    def _follow_job(self) -> None:
        busy = self._session.job != "idle"
        if busy:
            self.retire()
        elif self._was_busy:
            self.ask()
        self._was_busy = busy
        self._show()

    def _cancel(self) -> None:
        if self._measuring is not None:
            self._measuring.cancel()
        self._measuring = None

    def _measure(self) -> None:
        self._cancel()
        stack = self._session.stack
        if stack is None or self._session.job != "idle":
            return
        try:
            config = self._settings()
        except FieldError:
            config = None  # it is reported below its field
        except ValueError as error:
            self._take(self.known._replace(needs=str(error)))
            config = None
        work = partial(training.look_ahead, stack, config)
        self._measuring = Background(self._panel, work, on_yield=self._found, on_return=self._measured)
        self._measuring.start()

    def _found(self, found: training.Before) -> None:
        self._take(found if found.needs else self.known._replace(unfinished=found.unfinished))

    def _measured(self, _nothing: None) -> None:
        self._measuring = None

    def _take(self, known: training.Before) -> None:
        self.known = known
        self._show()

    def _show(self) -> None:
        cut = self.known.unfinished
        self.unfinished.setVisible(cut is not None and self._session.job == "idle")
        if cut is not None:
            reached = "before its start" if cut.epoch is None else f"epoch {cut.epoch}"
            self.resume_button.setText(f"Resume the fit of {describe_time(cut.began)}, {reached}")
        self.needs.setText(self.known.needs)
