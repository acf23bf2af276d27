"""How many threads torch computes on. Rounding depends on it, so what must come out the same states its number."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

__all__ = ["default_threads", "on_threads", "one_thread", "threads"]

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
