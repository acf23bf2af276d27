"""A generator in one of napari's worker threads, which ends with its window."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from napari.qt.threading import GeneratorWorker, create_worker
from qtpy.QtCore import QCoreApplication, QEvent, QObject, QThreadPool
from qtpy.QtWidgets import QWidget

from napari_varae.core.compute.memory import enough_memory
from napari_varae.errors import TrainingError
from napari_varae.session.job_events import Controls
from napari_varae.widgets.jobs.responsiveness import hand_over_often, leave_a_core
from napari_varae.widgets.parts.panel import Panel, outermost

__all__ = ["Background", "Report", "Work", "ignore"]

PATIENCE_MS = 500
"""How long a closing window waits for the current batch. What takes longer, such as one slow read, ends after the
window, and the program waits for it before it exits."""


class Report(Protocol):
    """Progress of some work."""

    def __call__(self, phase: str, done: int = 0, total: int = 0, known: Any = None) -> None:
        """Report to the screen, from the worker's thread, what is being done, how far, and what is known so far."""


Work = Callable[[Controls, Report], Generator[Any, None, Any]]
"""Given the controls and a way to report progress, yields news and returns the result."""


def ignore(*_news: Any, **_more: Any) -> None:
    """Do nothing with what comes."""


class Background(QObject):
    """Work in a thread that outlives its dock and ends with its window. By itself it is silent: errors are dropped.

    Parameters
    ----------
    panel : Panel
        The panel that starts it.
    work : callable
        A generator function, see :data:`Work`. It runs in the thread.
    controls : Controls, optional
        What the work looks at.
    on_yield, on_return : callable
        Called in the thread of the screen.
    progress : dict, optional
        A bar in napari's activity dock.
    """

    def __init__(
        self,
        panel: Panel,
        work: Work,
        controls: Controls | None = None,
        *,
        on_yield: Callable[[Any], None] = ignore,
        on_return: Callable[[Any], None] = ignore,
        progress: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._controls = controls or Controls()
        self._on_yield, self._on_return = on_yield, on_return
        self._worker = create_worker(
            _guarded,
            work,
            self._controls,
            self._report,
            _start_thread=False,
            _ignore_errors=True,  # reported in words, if at all
            _progress=progress,
        )
        self._worker.yielded.connect(self._yielded)
        self._worker.returned.connect(self._returned)
        self._worker.errored.connect(self._errored)
        self._worker.warned.connect(self._warned)
        self._worker.finished.connect(self._finished)
        self._window: QWidget | None = outermost(panel)
        self._window.installEventFilter(self)
        self._when_destroyed = partial(_halt, self._controls, self._worker)
        self._window.destroyed.connect(self._when_destroyed)
        QCoreApplication.instance().aboutToQuit.connect(self.end)
        _running.add(self)

    def start(self) -> None:
        """Begin, once everything is connected."""
        hand_over_often(True)
        self._worker.start()

    def cancel(self) -> None:
        """Stop soon, without waiting; nothing is handed over any more."""
        self._controls.end(keep=False)
        self._on_yield = self._on_return = ignore

    def end(self) -> None:
        """Stop now, forget the result, and wait a moment for the current batch."""
        _halt(self._controls, self._worker)
        self._let_go()

    def _let_go(self) -> None:
        """Hold neither window nor panel: a closed window still held comes down with the program, in any order."""
        if self._window is not None:
            with suppress(RuntimeError):  # the window is gone already, as when a script ends with an error
                self._window.removeEventFilter(self)
                self._window.destroyed.disconnect(self._when_destroyed)
        self._window = None
        self._on_yield = self._on_return = ignore

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """End with the window. A close that the user may still cancel is known by the hiding that follows it."""
        if event is not None and event.type() in (QEvent.Type.Close, QEvent.Type.Hide) and not event.spontaneous():
            self.end()
        return bool(super().eventFilter(watched, event))

    def _report(self, phase: str, done: int = 0, total: int = 0, known: Any = None) -> None:
        """Take in progress, in the worker's thread."""

    def _yielded(self, news: Any) -> None:
        self._on_yield(news)

    def _returned(self, result: Any) -> None:
        on_return = self._on_return
        self._let_go()  # the thread may outlive the panel by a moment
        on_return(result)

    def _errored(self, error: Exception) -> None:
        """Take in what went wrong."""

    def _warned(self, warning: tuple[Any, ...]) -> None:
        """Take in a warning."""

    def _finished(self) -> None:
        self._let_go()
        QCoreApplication.instance().aboutToQuit.disconnect(self.end)
        _running.discard(self)
        hand_over_often(bool(_running))


_running: set[Background] = set()
"""Work lives until it has ended, also when the dock that started it is gone."""


def _guarded(work: Work, controls: Controls, report: Report) -> Generator[Any, None, Any]:
    """Run the work; superqt takes a RuntimeError for a vanished worker and would swallow it."""
    try:
        leave_a_core()
        with enough_memory():
            return (yield from work(controls, report))
    except RuntimeError as error:
        raise TrainingError(f"The computation failed: {error}") from error


def _halt(controls: Controls, worker: GeneratorWorker, _object: Any = None) -> None:
    """Stop a worker, as its window closes, and wait a moment for its batch."""
    controls.close()
    worker.quit()
    if worker.is_running:
        QThreadPool.globalInstance().waitForDone(PATIENCE_MS)


def _wait_for_all() -> None:
    """Let what is still running end before the program does: a thread must not outlive the interpreter."""
    QThreadPool.globalInstance().waitForDone()


atexit.register(_wait_for_all)
