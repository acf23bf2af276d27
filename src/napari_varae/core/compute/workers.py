"""Work in order, by this thread or by others: a pool of processes or threads, or a dask cluster."""

from __future__ import annotations

import itertools
import os
import pickle
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from threading import Event
from typing import Any, Protocol, TypeVar

from napari_varae.core.compute.threads import one_thread

__all__ = ["Workers", "in_order"]

IN_FLIGHT = 64
"""Jobs that are with the workers at a time."""
GLANCE = 0.01
"""Seconds between two looks at whether a job is done or the user has stopped."""

Result = TypeVar("Result")
_PROCESS = uuid.uuid4().hex


class Workers(Protocol):
    """Who computes: a pool of :mod:`concurrent.futures`, a client of dask, or anything that submits like them."""

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Any:
        """Compute a function elsewhere, and return its future."""


def in_order(
    function: Callable[[Any, Any], Result],
    common: Any,
    jobs: Iterable[Any],
    workers: Workers | None = None,
    stop: Event | None = None,
) -> Iterator[Result]:
    """Yield function(common, job) for each job, in order, until the user stops. What is common is packed once."""
    stop = stop or Event()
    if workers is None:
        for job in jobs:
            if stop.is_set():
                return
            yield function(common, job)
        return
    packed, here = pickle.dumps(common), _here()
    jobs, waiting = iter(jobs), deque[Any]()
    try:
        while not stop.is_set():
            for job in itertools.islice(jobs, IN_FLIGHT - len(waiting)):
                waiting.append(workers.submit(_elsewhere, here, function, packed, pickle.dumps(job)))
            if not waiting:
                return
            while not waiting[0].done():
                if stop.is_set():
                    return
                time.sleep(GLANCE)
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _here() -> tuple[str, int]:
    """Name this process; a forked one has another number, one in another container another text."""
    return _PROCESS, os.getpid()


_unpacked = lru_cache(maxsize=2)(pickle.loads)


def _elsewhere(home: tuple[str, int], function: Callable[[Any, Any], Result], packed: bytes, job: bytes) -> Result:
    """Compute a job; in another process on one thread, since there may be one process for each core."""
    if _here() == home:
        return function(_unpacked(packed), pickle.loads(job))
    with one_thread():
        return function(_unpacked(packed), pickle.loads(job))
