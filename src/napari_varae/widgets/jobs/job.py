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
from napari.utils.notifications import notification_manager, show_error, show_info
from qtpy.QtCore import QCoreApplication, QEvent, QObject, QThreadPool, Signal
from qtpy.QtWidgets import QWidget

from napari_varae.errors import TrainingError
from napari_varae.session.current_job import JobState
from napari_varae.session.generation import Part, name_parts
from napari_varae.session.job_events import Controls
from napari_varae.session.session import Session
from napari_varae.widgets.jobs.responsiveness import hand_over_often, leave_a_core
from napari_varae.widgets.parts.panel import Panel

__all__ = ["Job", "Tell", "Work"]

PATIENCE_MS = 500
"""How long a closing window waits for the current batch. What takes longer, such as one slow read, ends after the
window, and the program waits for it before it exits."""


class Tell(Protocol):
    """Progress of some work."""

    def __call__(self, done: int, total: int, known: Any, /) -> None:
        """Tell the screen, from the worker's thread, how far the work is, and what is known so far."""


Work = Callable[[Controls, Tell], Generator[Any, None, Any]]
"""Given the controls and a way to tell progress, yields reports and returns the result."""


class Job(QObject):
    """One piece of work of a session.

    Parameters
    ----------
    panel : Panel
        The panel that starts it. When its dock or window closes, the job is stopped.
    state : str
        What the session is doing meanwhile.
    work : callable
        A generator function, see :data:`Work`. It runs in the thread.
    description : str
        For napari's activity dock.
    total : int
        Number of yields, or of steps told by the callback.
    on_yield, on_return, on_progress : callable
        Called in the thread of the screen, the last one with what is known so far, as long as the panel is there: the
        others must not know its widgets. Without `on_return` the result is told as the last progress. A result that the
        user threw away is not returned.
    about : tuple of str
        What the result is about, of the session's generation. When one of these is another before the job ends, its
        progress and its result are dropped, with a notice.

    Raises
    ------
    ValueError
        When the session is already busy.
    """

    progressed = Signal(int, int, object)

    def __init__(
        self,
        panel: Panel,
        state: JobState,
        work: Work,
        *,
        description: str,
        total: int = 0,
        on_return: Callable[[Any], None] | None = None,
        on_yield: Callable[[Any], None] | None = None,
        on_progress: Callable[[Any], None] | None = None,
        about: tuple[Part, ...] = (),
    ) -> None:
        super().__init__()
        self._session: Session = panel.session
        self._generation, self._about, self._description = panel.session.generation, about, description
        self._controls = panel.session.begin(state)
        self._on_yield, self._on_return, self._on_progress = on_yield or _nobody, on_return, on_progress or _nobody
        self._worker = create_worker(
            _guarded,
            work,
            self._controls,
            self.progressed.emit,
            _start_thread=False,
            _ignore_errors=True,  # told in words below
            _progress={"total": total, "desc": description},
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
        panel.retired.connect(self._dock_closed)
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
        self._on_yield = self._on_return = self._on_progress = _nobody

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """End with the window. A close that the user may still take back is told by the hiding that follows it."""
        if event is not None and event.type() in (QEvent.Type.Close, QEvent.Type.Hide) and not event.spontaneous():
            self.end()
        return bool(super().eventFilter(watched, event))

    def _dock_closed(self) -> None:
        """Stop when the dock is closed; what was learned so far is kept, as the session outlives the dock."""
        self._on_progress = _nobody
        if self._session.controls is self._controls:
            self._session.stop(keep=self._controls.keep)

    def _yielded(self, report: Any) -> None:
        self._on_yield(report)

    def _progressed(self, done: int, total: int, known: Any) -> None:
        bar = self._worker.pbar
        bar.total = total
        bar.update(done - bar.n)
        if self._session.controls is self._controls and not self._changed():
            self._on_progress(known)

    def _returned(self, result: Any) -> None:
        on_return = self._on_return or self._on_progress
        self._let_go()  # the thread may outlive the panel by a moment
        self._session.end(self._controls)
        if self._controls.keep and not self._changed():
            on_return(result)

    def _errored(self, error: Exception) -> None:
        """Tell what a user can act on in words, and anything else with its traceback."""
        if not self._controls.keep or self._changed():  # thrown away, and its troubles with it
            return
        if isinstance(error, ValueError | TypeError | OSError | TrainingError | MemoryError):
            show_error(str(error) or type(error).__name__)
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
            show_info(f"{self._description}: dropped, as the {name_parts(changed)} it began with is no longer in use.")

    def _changed(self) -> tuple[Part, ...]:
        """Return what is no longer as it was when the job began, of what the result is about."""
        return self._generation.changed(self._session.generation, self._about)


def _nobody(_fact: Any) -> None:
    """Hear what nobody wants to hear."""


_running: set[Job] = set()
"""Jobs live until they have ended, also when the dock that started them is gone."""


def _guarded(work: Work, controls: Controls, progress: Tell) -> Generator[Any, None, Any]:
    """Run the work; superqt takes a RuntimeError for a vanished worker and would swallow it."""
    try:
        leave_a_core()
        return (yield from work(controls, progress))
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
