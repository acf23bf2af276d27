"""Keeps the work of a session automatically, some seconds after it changed, in a thread.

Why nothing asks 'Save changes?': a question at every close is answered without reading, and cannot be answered when
napari is killed. What was not saved is kept instead, fits included, and the next start offers it. The question comes
only where work would be lost: when it cannot be kept, or the user has switched that off.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QTimer, Signal
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_varae.core.settings import WindowSettings
from napari_varae.errors import StackError
from napari_varae.session.autosave import Autosave
from napari_varae.session.session import Session
from napari_varae.session.snapshot import Snapshot
from napari_varae.viewer.preferences import preferred
from napari_varae.widgets.parts.text import report_caution, report_done

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit

__all__ = ["Keeper", "keeper_of"]

REST_MS = 2000
"""How long a session must rest before it is kept."""
LOOK_MS = 50
"""How often a piece of work is asked whether it has ended. The thread knows nothing of Qt: a signal of an object that
is being destroyed meanwhile would end the process."""
PATIENCE = 20.0
"""Seconds that a closing window waits until the last changes are kept; fits that are large take some seconds."""


class Keeper(QObject):
    """Keeps what one session holds."""

    left_changed = Signal()
    """There is other work to recover, or less."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.autosave = Autosave()
        self.problem = ""
        """Why work cannot be kept; empty when it can."""
        self._session = weakref.ref(session)
        self._window: weakref.ref[QWidget] | None = None
        self._now: Snapshot | None = None
        self._left: weakref.WeakSet[Fit] = weakref.WeakSet()
        """Fits that are kept with a movie before this one."""
        self._writing: list[Future[None]] = []
        self._wrote = False
        self._ask = QTimer(self, interval=LOOK_MS)
        self._ask.timeout.connect(self._collect)
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.keep)
        for signal in (
            session.movie_changed, session.fit_changed, session.ranges_changed, session.comparison_changed,
            session.trials_changed, session.placebo_changed, session.saved_changed, session.cells_changed,
            session.behaviour_changed, session.covariates_changed, session.conditions_changed, session.choice_changed,
        ):  # fmt: skip
            signal.connect(self._look)
        QCoreApplication.instance().aboutToQuit.connect(self.finish)
        self._look()

    @property
    def waits(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._writing) or self._rest.isActive()

    @property
    def enabled(self) -> bool:
        """Whether the user wishes it, in the Preferences."""
        return preferred(WindowSettings).autosave

    def watch(self, window: QWidget) -> None:
        """Keep the last changes before this window closes."""
        if self._window is None or self._window() is not window:
            self._window = weakref.ref(window)
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Ask before a close that would lose work; keep the last changes when the window goes."""
        if event is not None and event.type() == QEvent.Type.Close:
            if self._asks():
                event.ignore()
                return True
            self.finish()
        return bool(super().eventFilter(watched, event))

    def keep(self) -> None:
        """Keep what there is now, or delete what was kept when all of it is saved."""
        self._rest.stop()
        session, now = self._session(), self._now
        if session is None or now is None:
            return
        if not session.is_kept(now):
            self._write(now)
        elif self._wrote:
            self._add(self.autosave.discard)

    def go_on(self, folder: Path, number: int) -> None:
        """Go on with work that was left, of the movie with this number; it is kept in its folder as before."""
        self._wrote = True
        self._add(partial(self.autosave.adopt, folder, number))
        self._rest.start()

    def finish(self) -> None:
        """Keep the last changes now, and wait for it; the folder stays for the next start."""
        if self._rest.isActive():
            self.keep()
        if self._writing:
            wait(self._writing, PATIENCE)
            self._collect()

    def _look(self) -> None:
        """Note what there is now. Work on a movie that was let go is left to be recovered."""
        session = self._session()
        if session is None:
            return
        try:
            now = Snapshot.of(session)
            now = replace(now, unsaved=tuple(fit for fit in now.unsaved if fit not in self._left))
        except StackError:  # no movie
            now = None
        before, self._now = self._now, now
        if before is not None and (now is None or now.number != before.number):
            self._rest.stop()
            self._let_go(session, before)
        elif now is not None:
            self._rest.start()

    def _let_go(self, session: Session, before: Snapshot) -> None:
        if not session.is_kept(before):
            self._write(before)
            self._add(self.autosave.leave)
            self._left.update(before.unsaved)
            if self.enabled and not self.problem:
                report_done(f"The unsaved analysis of {before.stack.name} is kept: Recover in the Movie dock.")
        elif self._wrote:
            self._add(self.autosave.discard)

    def _asks(self) -> bool:
        """Ask when work would be lost with the window; whether the user wishes to stay."""
        session, now = self._session(), self._now
        if session is None or now is None or session.is_kept(now) or (self.enabled and not self.problem):
            return False
        why = self.problem or "Keeping unsaved work is switched off in the Preferences."
        box = QMessageBox(
            QMessageBox.Icon.Warning,
            "Unsaved analysis",
            f"The analysis of {now.stack.name} is not saved, and closing the window loses it. {why}",
            QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel,
            None if self._window is None else self._window(),
        )
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        return bool(box.exec() != QMessageBox.StandardButton.Discard)

    def _write(self, snapshot: Snapshot) -> None:
        if self.enabled:
            self._wrote = True
            self._add(partial(self.autosave.write, snapshot))

    def _add(self, work: Callable[[], None]) -> None:
        self._writing.append(_pool().submit(work))
        self._ask.start()

    def _collect(self) -> None:
        """Take in which pieces of work have ended, with a problem or without."""
        while self._writing and self._writing[0].done():
            error = self._writing.pop(0).exception()
            if error is not None and not isinstance(error, ValueError | OSError):  # not of the movie or the disk
                raise error
            problem = "" if error is None else str(error)
            if problem and not self.problem:
                report_caution(f"{problem} Until then, save the analysis yourself: Movie dock, Save analysis.")
            self.problem = problem
            self.left_changed.emit()
        if not self._writing:
            self._ask.stop()


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the pool of one thread in which all sessions are written, in order; the program waits for it."""
    return ThreadPoolExecutor(1, "napari-varae-keeper")


_keepers: weakref.WeakKeyDictionary[Session, Keeper] = weakref.WeakKeyDictionary()


def keeper_of(session: Session) -> Keeper:
    """Return the keeper of a session, and begin to keep it the first time."""
    if session not in _keepers:
        _keepers[session] = keeper = Keeper(session)
        weakref.finalize(session, keeper.autosave.leave)
    return _keepers[session]
