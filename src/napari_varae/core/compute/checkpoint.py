"""Work that takes long asks between its pieces whether it is still wanted."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from napari_varae.errors import StoppedError

__all__ = ["Check", "go_on", "until"]

Check = Callable[[], None]
"""Called often by what takes long; raises when it is no longer wanted, and may wait."""


def go_on() -> None:
    """Let whatever takes long go on."""


def until(stop: Event | None, message: str) -> Check:
    """Return a check that raises StoppedError with this message once `stop` is set."""

    def check() -> None:
        if stop is not None and stop.is_set():
            raise StoppedError(message)

    return check
