"""Work that takes long asks between its pieces whether it is still wanted."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Check", "go_on"]

Check = Callable[[], None]
"""Called often by what takes long; raises when it is no longer wanted, and may wait."""


def go_on() -> None:
    """Let whatever takes long go on."""
