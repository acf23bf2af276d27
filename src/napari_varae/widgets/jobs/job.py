"""Work in the background: a generator in one of napari's worker threads, stopped within a batch, ended with its window.

Data that crosses the thread: frozen settings in, results out. Whatever touches a layer, a plot or a progress bar runs
in the slots of the screen's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.utils.notifications import notification_manager
from qtpy.QtCore import Signal

from napari_varae.errors import StoppedError, TrainingError
from napari_varae.session.generation import Part, name_parts
from napari_varae.session.job_events import JobState
from napari_varae.session.session import Session
from napari_varae.widgets.jobs.background import Background, Report, Work, ignore
from napari_varae.widgets.parts.panel import Panel
from napari_varae.widgets.parts.text import literal, report_done, report_error

__all__ = ["Job", "Report", "Work"]


class Job(Background):
    """One piece of work of a session.

    Parameters
    ----------
    panel : Panel
        The panel that starts it. The job outlives its dock and ends with its window.
    state : str
        What the session is doing meanwhile.
    work : callable
        A generator function, see :data:`Work`. It runs in the thread.
    title : str
        What it does, in words, for the state strip and for napari's activity dock.
    total : int
        Number of yields, for work that does not report its progress itself.
    on_yield, on_return : callable
        Called in the thread of the screen. They hand things to the session or the viewer and must not know the widgets
        of the panel, which may be closed by then. A result that the user threw away is not returned.
    about : tuple of str
        What the result is about, of the session's generation. When one of these is another before the job ends, its
        progress and its result are dropped, with a notice.

    Raises
    ------
    ValueError
        When the session is already busy.
    """

    progressed = Signal(str, int, int, object)

    def __init__(
        self,
        panel: Panel,
        state: JobState,
        work: Work,
        *,
        title: str,
        total: int = 0,
        on_return: Callable[[Any], None] = ignore,
        on_yield: Callable[[Any], None] = ignore,
        about: tuple[Part, ...] = (),
    ) -> None:
        self._session: Session = panel.session
        self._generation, self._about, self._title = panel.session.generation, about, title
        self._total, self._yields = total, 0
        self._bar_moves = False
        self._wanted: tuple[int, int] | None = None
        controls = panel.session.begin(state, title, panel.dock)
        bar = {"desc": literal(f"VARAE: {title}")}
        super().__init__(panel, work, controls, on_yield=on_yield, on_return=on_return, progress=bar)
        self.progressed.connect(self._progressed)
        self.start()

    def end(self) -> None:
        """Stop now, forget the result, and wait a moment for the current batch."""
        self._about = ()  # nobody is there to be notified
        super().end()
        self._session.end(self._controls)

    def _report(self, phase: str, done: int = 0, total: int = 0, known: Any = None) -> None:
        """Carry progress from the worker's thread to that of the screen."""
        self.progressed.emit(phase, done, total, known)

    def _progressed(self, phase: str, done: int, total: int, known: Any) -> None:
        self._session.advance(self._controls, phase, done, total, None if self._changed() else known)
        self._move_bar(done, total)

    def _yielded(self, news: Any) -> None:
        super()._yielded(news)
        self._yields += 1
        self._move_bar(self._yields, self._total)

    def _move_bar(self, done: int, total: int) -> None:
        """Move napari's bar, which handles the events that wait, among them further progress, news and the result.

        Where these want it is where it goes next: bars that move within bars exceed Python's recursion limit.
        """
        if total:
            self._wanted = done, total
        while self._wanted is not None and not self._bar_moves:
            (done, total), self._wanted = self._wanted, None
            bar, self._bar_moves = self._worker.pbar, True
            try:
                bar.total = total
                bar.update(done - bar.n)
            finally:
                self._bar_moves = False

    def _returned(self, result: Any) -> None:
        on_return = self._on_return
        self._let_go()  # the thread may outlive the panel by a moment
        self._session.end(self._controls)
        if self._controls.keep and not self._changed():
            on_return(result)

    def _errored(self, error: Exception) -> None:
        """Report what a user can act on in words, and anything else with its traceback."""
        if not self._controls.keep or self._changed():  # thrown away, and its errors with it
            return
        if isinstance(error, StoppedError):  # as the user wished
            report_done(str(error))
        elif isinstance(error, ValueError | TypeError | OSError | TrainingError | MemoryError):
            report_error(str(error) or type(error).__name__)
        else:
            notification_manager.receive_error(type(error), error, error.__traceback__)

    def _warned(self, warning: tuple[Any, ...]) -> None:
        notification_manager.receive_warning(*warning)

    def _finished(self) -> None:
        super()._finished()
        self._session.end(self._controls)
        if changed := self._changed():
            report_done(f"{self._title}: dropped, as the {name_parts(changed)} it began with is no longer in use.")

    def _changed(self) -> tuple[Part, ...]:
        """Return what is no longer as it was when the job began, of what the result is about."""
        return self._generation.changed(self._session.generation, self._about)
