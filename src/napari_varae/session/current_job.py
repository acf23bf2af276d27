"""What a session is computing: one job at most, its state, how far it is, and how it is asked to end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from psygnal import Signal

from napari_varae.session.job_events import Controls, JobState, Progress

__all__ = ["CurrentJob"]


class CurrentJob:
    """The part of a session that knows whether a job is running. Belongs to the thread of the screen."""

    job_changed = Signal(str)
    progressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.job: JobState = "idle"
        self.progress: Progress | None = None
        self.controls: Controls | None = None
        self.expected: Mapping[str, float] | None = None
        """Seconds that each phase of the job was estimated to need, in their order; None when that is not known."""
        self._spent: dict[str, float] = {}
        self._since = 0.0

    def begin(self, state: JobState, title: str = "", dock: str = "") -> Controls:
        """Start a job and return what it has to look at; its title and dock are for the state strip.

        Raises
        ------
        ValueError
            When another one is running.
        """
        self._require_idle("start this")
        self.controls = Controls()
        self.progress = Progress(state, title, dock)
        self.expected, self._spent, self._since = None, {}, time.monotonic()
        self._set_job(state)
        return self.controls

    def advance(self, controls: Controls, phase: str, done: int, total: int, known: Any = None) -> None:
        """Take in how far the job with these controls is."""
        if controls is self.controls and self.progress is not None:
            self._spend()
            self._spent.setdefault(phase.partition(",")[0], 0.0)
            self.progress = replace(self.progress, phase=phase, done=done, total=total, known=known)
            self.progressed.emit()

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Take in how long each phase of the job that runs was estimated to take."""
        self.expected = seconds
        self.progressed.emit()

    @property
    def spent(self) -> dict[str, float]:
        """Seconds spent in each phase so far, the present one last; without pauses."""
        self._spend()
        return dict(self._spent)

    def _spend(self) -> None:
        """Count the time since the last call to the phase that runs, unless the job is paused."""
        now = time.monotonic()
        if self._spent and self.job != "paused":
            self._spent[next(reversed(self._spent))] += now - self._since
        self._since = now

    def pause(self) -> None:
        """Let the training wait after its batch."""
        if self.controls is not None and self.job == "training":
            self._spend()
            self.controls.pause.set()
            self._set_job("paused")

    def resume(self) -> None:
        """Let the training go on."""
        if self.controls is not None and self.job == "paused":
            self._spend()
            self.controls.pause.clear()
            self._set_job("training")

    def stop(self, keep: bool) -> None:
        """End the job after its batch, and keep the best result so far, or nothing."""
        if self.controls is not None:
            self.controls.end(keep)
            self._set_job("stopping")

    @property
    def keeps(self) -> bool:
        """Whether there is a job, and what it has will be kept."""
        return self.controls is not None and self.controls.keep

    def end(self, controls: Controls) -> None:
        """Note that the job with these controls has ended."""
        if controls is self.controls:
            self.controls = self.progress = None
            self._set_job("idle")

    def _require_idle(self, wish: str) -> None:
        """Raise while a job is running."""
        if self.job != "idle":
            what = self.progress.title if self.progress is not None and self.progress.title else self.job
            raise ValueError(f"Cannot {wish} while this runs: {what}. Wait for it, or stop it first.")

    def _set_job(self, state: JobState) -> None:
        """Change the state of the job and emit it."""
        if state != self.job:
            self.job = state
            self.job_changed.emit(state)
