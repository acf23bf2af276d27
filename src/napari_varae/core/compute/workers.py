"""Work in order, on the threads of this process or elsewhere: a pool of processes or threads, or a dask cluster.

Every job is computed on one thread, and its result is the same wherever that is.
"""

from __future__ import annotations

import itertools
import os
import pickle
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Event
from typing import Any, Protocol, TypeVar

from napari_varae.core.compute.threads import one_blas_thread, one_thread, thread_count

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
    stop, threads = stop or Event(), thread_count()
    with one_blas_thread():
        if workers is not None:
            packed, here = pickle.dumps(common), _here()
            yield from _collect(
                lambda job: workers.submit(_elsewhere, here, function, packed, pickle.dumps(job)), jobs, IN_FLIGHT, stop
            )
        elif threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                yield from _collect(lambda job: pool.submit(function, common, job), jobs, 2 * threads, stop)
        else:
            for job in jobs:
                if stop.is_set():
                    return
                yield function(common, job)


def _collect(submit: Callable[[Any], Any], jobs: Iterable[Any], most: int, stop: Event) -> Iterator[Any]:
    """Yield the results of jobs, of which at most so many are submitted at a time."""
    jobs, waiting = iter(jobs), deque[Any]()
    try:
        while not stop.is_set():
            for job in itertools.islice(jobs, most - len(waiting)):
                waiting.append(submit(job))
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
    with one_thread(), one_blas_thread():
        return function(_unpacked(packed), pickle.loads(job))
