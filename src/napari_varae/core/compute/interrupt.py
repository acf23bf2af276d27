"""Ctrl-C in a script: the first one ends the work gently, the second one at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

__all__ = ["ends_gently"]


@contextmanager
def ends_gently(stop: Event) -> Iterator[None]:
    """Let the first Ctrl-C set an event; another one raises KeyboardInterrupt, as ever.

    Only in the main thread, where Python takes signals, and only where nobody else has a use for Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread() or (
        signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return

    def interrupt(_number: int, _frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stderr.write("Ending with the best state so far. Press Ctrl-C again to end at once.\n")

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
