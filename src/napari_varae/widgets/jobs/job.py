"""Work in the background: a generator in one of napari's worker threads, stopped within a batch, ended with its window.

Data that crosses the thread: frozen settings in, results out. Whatever touches a layer, a plot or a progress bar runs
in the slots of the screen's thread.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Protocol

from napari.qt.threading import GeneratorWorker, create_worker
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QCoreApplication, QEvent, QObject, QThreadPool, Signal
from qtpy.QtWidgets import QWidget

from napari_varae.errors import StoppedError, TrainingError
from napari_varae.session.generation import Part, name_parts
from napari_varae.session.job_events import Controls, JobState
from napari_varae.session.session import Session
from napari_varae.widgets.jobs.responsiveness import hand_over_often, leave_a_core
from napari_varae.widgets.parts.panel import Panel
from napari_varae.widgets.parts.text import literal, report_done, report_error

__all__ = ["Job", "Report", "Work"]

PATIENCE_MS = 500
"""How long a closing window waits for the current batch. What takes longer, such as one slow read, ends after the
window, and the program waits for it before it exits."""


class Report(Protocol):
    """Progress of some work."""

    def __call__(self, phase: str, done: int = 0, total: int = 0, known: Any = None) -> None:
        """Report to the screen, from the worker's thread, what is being done, how far, and what is known so far."""


Work = Callable[[Controls, Report], Generator[Any, None, Any]]
"""Given the controls and a way to report progress, yields news and returns the result."""


class Job(QObject):
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
        on_return: Callable[[Any], None] | None = None,
        on_yield: Callable[[Any], None] | None = None,
        about: tuple[Part, ...] = (),
    ) -> None:
        super().__init__()
        self._session: Session = panel.session
        self._generation, self._about, self._title = panel.session.generation, about, title
        self._controls = panel.session.begin(state, title, panel.dock)
        self._on_yield, self._on_return = on_yield or _ignore, on_return or _ignore
        self._worker = create_worker(
            _guarded,
            work,
            self._controls,
            self._report,
            _start_thread=False,
            _ignore_errors=True,  # reported in words below
            _progress={"total": total, "desc": literal(f"VARAE: {title}")},
        )
        self._worker.yielded.connect(self._yielded)
        self._worker.returned.connect(self._returned)
        self._worker.errored.connect(self._errored)
        self._worker.warned.connect(self._warned)
        self._worker.finished.connect(self._finished)
        self.progressed.connect(self._progressed)
        self._window: QWidget | None = _main_window(panel)
        self._window.installEventFilter(self)
        self._when_destroyed = partial(_halt, self._controls, self._worker)
        self._window.destroyed.connect(self._when_destroyed)
        QCoreApplication.instance().aboutToQuit.connect(self.end)
        _running.add(self)
        hand_over_often(True)
        self._worker.start()

    def end(self) -> None:
        """Stop now, forget the result, and wait a moment for the current batch."""
        self._about = ()  # nobody is there to be notified
        _halt(self._controls, self._worker)
        self._session.end(self._controls)
        self._let_go()

    def _let_go(self) -> None:
        """Hold neither window nor panel: a closed window still held comes down with the program, in any order."""
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window.destroyed.disconnect(self._when_destroyed)
        self._window = None
        self._on_yield = self._on_return = _ignore

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """End with the window. A close that the user may still cancel is known by the hiding that follows it."""
        if event is not None and event.type() in (QEvent.Type.Close, QEvent.Type.Hide) and not event.spontaneous():
            self.end()
        return bool(super().eventFilter(watched, event))

    def _report(self, phase: str, done: int = 0, total: int = 0, known: Any = None) -> None:
        """Carry progress from the worker's thread to that of the screen."""
        self.progressed.emit(phase, done, total, known)

    def _yielded(self, report: Any) -> None:
        self._on_yield(report)

    def _progressed(self, phase: str, done: int, total: int, known: Any) -> None:
        if total:
            bar = self._worker.pbar
            bar.total = total
            bar.update(done - bar.n)
        self._session.advance(self._controls, phase, done, total, None if self._changed() else known)

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
        self._let_go()
        QCoreApplication.instance().aboutToQuit.disconnect(self.end)
        self._session.end(self._controls)
        _running.discard(self)
        hand_over_often(bool(_running))
        if changed := self._changed():
            report_done(f"{self._title}: dropped, as the {name_parts(changed)} it began with is no longer in use.")

    def _changed(self) -> tuple[Part, ...]:
        """Return what is no longer as it was when the job began, of what the result is about."""
        return self._generation.changed(self._session.generation, self._about)


def _ignore(_news: Any) -> None:
    """Do nothing with what comes."""


_running: set[Job] = set()
"""Jobs live until they have ended, also when the dock that started them is gone."""


def _guarded(work: Work, controls: Controls, report: Report) -> Generator[Any, None, Any]:
    """Run the work; superqt takes a RuntimeError for a vanished worker and would swallow it."""
    try:
        leave_a_core()
        return (yield from work(controls, report))
    except RuntimeError as error:
        raise TrainingError(f"The computation failed: {error}") from error


def _halt(controls: Controls, worker: GeneratorWorker, _object: Any = None) -> None:
    """Stop a worker and wait a moment for its batch."""
    controls.end(keep=False)
    worker.quit()
    if worker.is_running:
        QThreadPool.globalInstance().waitForDone(PATIENCE_MS)


def _wait_for_all() -> None:
    """Let what is still running end before the program does: a thread must not outlive the interpreter."""
    QThreadPool.globalInstance().waitForDone()


atexit.register(_wait_for_all)


def _main_window(widget: QWidget) -> QWidget:
    """Return the outermost parent; `window()` would stop at a floating dock."""
    while (parent := widget.parentWidget()) is not None:
        widget = parent
    return widget
