"""How a worker leaves room for the window, which shares Python's lock and the processor with it.

Measured by `benchmarks/widgets/responsiveness.py`. What a user feels are the longest gaps, and these come from loading
torch (the lock is held while its libraries load), from collecting garbage among the hundred thousand objects that it
brings (which holds the lock for a quarter of a second), from the lock being handed over too rarely, and from matrix
products on every core.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["hand_over_often", "leave_a_core", "without_collection"]

HANDOVER = 0.0005
"""Seconds after which a thread hands over Python's lock when another one waits; Python's own choice is 0.005."""

_USUAL = sys.getswitchinterval()


def hand_over_often(often: bool) -> None:
    """Hand over Python's lock more often, while workers run, or as usual."""
    sys.setswitchinterval(HANDOVER if often else _USUAL)


def leave_a_core() -> None:
    """Let torch compute on all cores but one. For the thread of a worker, before its work."""
    _load()
    import torch

    torch.set_num_threads(max(1, _threads() - 1))


@contextmanager
def without_collection() -> Iterator[None]:
    """Collect no garbage while modules are imported or windows built, and count what stays among the oldest objects.

    Else these objects are visited once as young ones, and then start a collection of all there are.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()  # to the oldest generation, without a collection
        if collects:
            gc.enable()


@cache
def _threads() -> int:
    """Threads that torch uses when nobody asks for fewer."""
    import torch

    return torch.get_num_threads()


@cache
def _load() -> None:
    """Load torch and the compiler."""
    with without_collection():
        _load_libraries()
        import torch  # noqa: F401

        from napari_varae.core.compute.compiled import load_compiler

        load_compiler()


def _load_libraries() -> None:
    """Load torch's libraries by a foreign call, which frees Python's lock; the import then finds them there."""
    torch = find_spec("torch")
    if sys.platform != "linux" or torch is None or torch.origin is None or "torch" in sys.modules:
        return
    ctypes.CDLL(None).dlopen(os.fsencode(Path(torch.origin).parent / "lib" / "libtorch_python.so"), os.RTLD_LAZY)
