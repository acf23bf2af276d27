"""How the screen controls a running job, and what the job reports."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from napari_varae.errors import StoppedError

__all__ = ["Controls", "JobState", "Progress"]

JobState = Literal["idle", "training", "paused", "stopping", "comparing", "computing"]


@dataclass
class Controls:
    """What a running job looks at: set from any thread, read once per batch."""

    stop: threading.Event = field(default_factory=threading.Event)
    pause: threading.Event = field(default_factory=threading.Event)
    drop: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)

    def end(self, keep: bool) -> None:
        """Ask the job to end, and to keep what it has, or nothing."""
        if not keep:
            self.drop.set()
        self.stop.set()
        self.pause.clear()

    def close(self) -> None:
        """Ask the job to end because its window closes: nobody wishes its result away, and nobody is there for it."""
        self.closed.set()
        self.end(keep=False)

    @property
    def keep(self) -> bool:
        """Whether what the job has is still wanted."""
        return not self.drop.is_set()

    def check(self) -> None:
        """Raise StoppedError once the job has been asked to end: for work of which a part is of no use."""
        if self.stop.is_set():
            raise StoppedError("Stopped before there was a result.")

    def check_drop(self) -> None:
        """Raise StoppedError once nothing of the job is wanted: for what still has to follow a stop."""
        if self.drop.is_set():
            raise StoppedError("Stopped; nothing is kept.")


@dataclass(frozen=True)
class Progress:
    """What a job is, and how far it is.

    Attributes
    ----------
    task : str
        The state with which it began: training, comparing, computing.
    title : str
        What it does, in words.
    dock : str
        Name of the dock that shows more of it.
    phase : str
        The part of the work that is being done.
    done, total : int
        Steps of this phase; total is 0 when it is not known.
    known : object
        The result so far, for those who can show it.
    """

    task: JobState
    title: str
    dock: str
    phase: str = ""
    done: int = 0
    total: int = 0
    known: Any = None

    def __str__(self) -> str:
        steps = f" {self.done} of {self.total}" if self.total else ""
        return f"{self.title}: {self.phase}{steps}" if self.phase else f"{self.title}{steps}"

    @property
    def in_percent(self) -> str:
        """The phase and its share, of a job that counts to 100, where its title is known."""
        share = f", {self.done} %" if self.total else ""
        return f"{self.phase[:1].upper()}{self.phase[1:]}{share}"
