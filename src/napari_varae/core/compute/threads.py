"""How many threads torch computes on. Rounding depends on it, so what must come out the same states its number."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from threadpoolctl import OpenBLASController, ThreadpoolController

__all__ = ["default_threads", "on_threads", "one_blas_thread", "one_thread", "thread_count", "threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def default_threads() -> int:
    """Give the number of threads for long work: all cores, or what OMP_NUM_THREADS allows."""
    allowed = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if allowed.isdecimal() and int(allowed):
        return int(allowed)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch compute on so many threads, as long as the calling thread is in this block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on the calling thread alone, for many small products."""
    with threads(1):
        yield


def on_threads(count: int, steps: Generator[Item, None, Result]) -> Generator[Item, None, Result]:
    """Run a generator on so many threads; whoever takes its items computes on their own number meanwhile."""
    try:
        while True:
            with threads(count):
                try:
                    item = next(steps)
                except StopIteration as end:
                    result: Result = end.value
                    return result
            yield item
    finally:
        steps.close()


_lock = threading.Lock()
_users = 0
_limit: Any = None


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
