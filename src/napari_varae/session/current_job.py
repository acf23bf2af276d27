"""What a session is computing: one job at most, its state, and how it is asked to end."""

from __future__ import annotations

from typing import Literal

from psygnal import Signal

from napari_varae.session.job_events import Controls

__all__ = ["CurrentJob", "JobState"]

JobState = Literal["idle", "training", "paused", "stopping", "comparing", "computing"]


class CurrentJob:
    """The part of a session that knows whether a job is running. Belongs to the thread of the screen."""

    job_changed = Signal(str)

    def __init__(self) -> None:
        self.job: JobState = "idle"
        self.controls: Controls | None = None

    def begin(self, state: JobState) -> Controls:
        """Start a job and return what it has to look at.

        Raises
        ------
        ValueError
            When another one is running.
        """
        self._require_idle("start this")
        self.controls = Controls()
        self._set_job(state)
        return self.controls

    def pause(self) -> None:
        """Let the training wait after its batch."""
        if self.controls is not None and self.job == "training":
            self.controls.pause.set()
            self._set_job("paused")

    def resume(self) -> None:
        """Let the training go on."""
        if self.controls is not None and self.job == "paused":
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
            self.controls = None
            self._set_job("idle")

    def _require_idle(self, wish: str) -> None:
        """Raise while a job is running."""
        if self.job != "idle":
            raise ValueError(f"Cannot {wish} now: a job is {self.job}. Wait for it or stop it first.")

    def _set_job(self, state: JobState) -> None:
        """Change the state of the job and emit it."""
        if state != self.job:
            self.job = state
            self.job_changed.emit(state)
