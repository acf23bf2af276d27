"""Work that takes long asks between its pieces whether it is still wanted."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from napari_varae.errors import StoppedError

__all__ = ["Check", "asking", "go_on"]

Check = Callable[[], None]
"""Called often by what takes long; raises when it is no longer wanted, and may wait."""


def go_on() -> None:
    """Let whatever takes long go on."""


def asking(stop: Event | None) -> Check:
    """Make a check that raises StoppedError once `stop` is set."""

    def check() -> None:
        if stop is not None and stop.is_set():
            raise StoppedError("Stopped before there was a result.")

    return check
