"""How the screen tells a running job to wait, or to end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

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
