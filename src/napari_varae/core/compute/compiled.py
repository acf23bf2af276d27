"""How numerical loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

__all__ = ["compiled", "load_compiler"]


def compiled(function: Callable[..., Any]) -> Any:
    """Compile at the first call, and keep the result on disk where there is a place for it."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither beside this file nor in the user's folders may be written
        return njit(**options)(function)


def load_compiler() -> None:
    """Load what numba leaves until its first call, which takes some tenths of a second and sixty thousand objects."""
    njit()(_nothing)()


def _nothing() -> None:
    pass
