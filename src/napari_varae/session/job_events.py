"""How the screen asks a running job to wait, or to end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from napari_varae.errors import StoppedError

__all__ = ["Controls"]


@dataclass
class Controls:
    """What a running job looks at: set from any thread, read once per batch."""

    stop: threading.Event = field(default_factory=threading.Event)
    pause: threading.Event = field(default_factory=threading.Event)
    drop: threading.Event = field(default_factory=threading.Event)

    def end(self, keep: bool) -> None:
        """Ask the job to end, and to keep what it has, or nothing."""
        if not keep:
            self.drop.set()
        self.stop.set()
        self.pause.clear()

    @property
    def keep(self) -> bool:
        """Whether what the job has is still wanted."""
        return not self.drop.is_set()

    def check(self) -> None:
        """Raise StoppedError once nothing of the job is wanted any more: what reads a movie asks between pieces."""
        if not self.keep:
            raise StoppedError("Dropped; nothing is kept.")
