"""Read the next block of a movie while the one before is computed with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

__all__ = ["read_ahead"]


def read_ahead(read: Callable[[int, int], Any], ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Any]]:
    """Yield (first frame, frames) of ranges of frames, the next of which is read meanwhile, by one thread.

    At most one block more than the one in use is in memory. What goes wrong is raised where its block would have come.
    """
    waiting: tuple[int, Future[Any]] | None = None
    with ThreadPoolExecutor(1, "reader") as thread:
        for first, last in ranges:
            coming = first, thread.submit(read, first, last)
            if waiting is not None:
                yield waiting[0], waiting[1].result()
            waiting = coming
            del coming
        if waiting is not None:
            yield waiting[0], waiting[1].result()
