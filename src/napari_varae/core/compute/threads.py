"""One thread for many small products: starting threads would cost more than they compute."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import OpenBLASController, ThreadpoolController

__all__ = ["one_blas_thread", "one_thread", "thread_count"]

_lock = threading.Lock()
_users = 0
_limit: Any = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on the calling thread alone."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let the matrix products of numpy run on the thread that calls them, in the whole process.

    A sum does not depend on the number of cores then. Blocks may overlap in time: the last one to end restores.
    """
    global _limit, _users  # noqa: PLW0603  # the limit is one of the process
    with _lock:
        if _users == 0:
            _take_control()
            _limit = ThreadpoolController().limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _take_control()
                _limit.restore_original_limits()


def _take_control() -> None:
    """Let the calling thread set the limit, which threadpoolctl from 3.8 on leaves to the first one that did."""
    clear = getattr(OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


def thread_count() -> int:
    """Return how many threads this process may compute on: as many as torch has."""
    return int(torch.get_num_threads())
