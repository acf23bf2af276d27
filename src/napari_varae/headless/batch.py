"""A batch of recordings on dask: each row in a worker, and what is done stays done."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_varae.core.files import write_file
from napari_varae.core.settings_file import AnalysisSettings, settings_text
from napari_varae.errors import DataError
from napari_varae.headless.row import TRACEBACK, Summary, finished, run_on_worker
from napari_varae.headless.sheet import Row, read_sheet
from napari_varae.headless.summary import write_summary

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["run_batch"]

LOG = "log.txt"
LIVES = 4
"""Workers that may die with a row in them before it counts as failed: others may die with the one that is to blame."""


def run_batch(
    sheet: str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: AnalysisSettings | None = None,
    *,
    a: str = "",
    b: str = "",
    workers: int | None = None,
    memory: str | int | None = None,
    client: Client | None = None,
    report: Callable[[Summary, int], None] | None = None,
) -> list[Summary]:
    """Analyse many recordings, each in a folder of its own; called again, it goes on with what is not done.

    Parameters
    ----------
    sheet : path-like
        Table (CSV, TSV) with one recording in each row. Columns: `path`, and, where needed, `name`, `frame_rate`,
        `pixel_size`, `channel`, `plane`, `dataset`, `trials`, `a`, `b`, `unit`, or the name of a setting. Any other
        column is a label for the summary.
    out : path-like
        Folder for the results: one analysis folder for each row, `summary.csv`, and the page `report.html`.
    settings : AnalysisSettings, optional
        Settings of all rows.
    a, b : str
        Frame sets of rows that name none: ranges such as '0:400', or conditions of their trials.
    workers : int, optional
        Processes on this computer; one for each two cores when not given.
    memory : str or int, optional
        Memory of each of these, such as '8GB'; an equal share of all when not given. One that exceeds it is restarted.
    client : distributed.Client, optional
        A cluster to compute on, instead of processes on this computer. Its workers must see the same files.
    report : callable, optional
        Called after each row with its summary, and the number of rows to go.

    Returns
    -------
    list of dict
        One for each row: `name`, `status` ("done" or "failed"), `failure`, labels, and the numbers found.

    Raises
    ------
    DataError
        When the sheet cannot be used or the folder cannot be written.
    ImportError
        When dask.distributed is not installed.
    """
    settings, folder = settings or AnalysisSettings(), Path(out).expanduser().absolute()
    rows = read_sheet(sheet, settings, a, b)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / "settings.toml", settings_text(settings))
    except OSError as error:
        raise DataError(f"{folder} could not be written ({error}). Choose another folder.") from error
    found = [(row, finished(row, settings, folder)) for row in rows]
    results = {row.number: _line(row, "done", summary) for row, summary in found if summary is not None}
    todo = [row for row, summary in found if summary is None]
    for row, line in _compute(todo, settings, folder, client, workers, memory):
        results[row.number] = line
        if report is not None:
            report(line, len(rows) - len(results))
    ordered = [results[row.number] for row in rows]
    write_summary(folder, ordered)
    return ordered


def _compute(
    rows: Sequence[Row],
    settings: AnalysisSettings,
    folder: Path,
    client: Client | None,
    workers: int | None,
    memory: str | int | None,
) -> Iterator[tuple[Row, Summary]]:
    """Analyse rows and yield each with its line of the summary, in the order in which they end."""
    if not rows:
        return
    from distributed import as_completed

    with _cluster(client, min(workers or max(1, _cores() // 2), len(rows)), memory) as (computing, threads):
        futures = {
            computing.submit(run_on_worker, row, settings, str(folder), threads, pure=False): row
            for row in rows
        }  # fmt: skip
        for future in as_completed(futures, loop=computing.loop):
            row = futures.pop(future)
            found = _result(future)
            if text := found.pop(TRACEBACK, None):
                _log(folder, f"{row.name}\n{text}")
            yield row, _line(row, "failed" if "failure" in found else "done", found)
            future.release()


@contextmanager
def _cluster(client: Client | None, workers: int, memory: str | int | None) -> Iterator[tuple[Client, int | None]]:
    """Give a client, and how many threads each fit has: its own ones for processes on this computer."""
    if client is not None:
        yield client, None
        return
    import dask
    import psutil
    from distributed import Client, LocalCluster

    share = int(0.9 * psutil.virtual_memory().available / workers)
    # No row waits in a worker, where it would be blamed for the death of the one that runs.
    rules = {"distributed.scheduler.allowed-failures": LIVES - 1, "distributed.scheduler.worker-saturation": 1.0}
    with (
        dask.config.set(rules),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=memory or share,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,  # a row reports its own errors; workers that end would add tracebacks
        ) as cluster,
        Client(cluster, set_as_default=False) as computing,
    ):
        yield computing, max(1, _cores() // workers)


def _cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _line(row: Row, status: str, found: Mapping[str, Any]) -> Summary:
    """Make a line of the summary."""
    first = {"name": row.name, "status": status, "failure": found.get("failure", "")}
    return {**first, **row.labels, **first, "path": "; ".join(row.paths), **found}


def _result(future: Any) -> Summary:
    """Return what a row gave, or a summary with the reason why it gave nothing."""
    from distributed import KilledWorker

    if future.cancelled():
        return {"failure": "The cluster has closed."}
    error = future.exception()
    if error is None:
        found: Summary = future.result()
        return found
    if isinstance(error, KilledWorker):
        return {
            "failure": f"Its worker died {LIVES} times; a worker that takes more memory than it has is killed. Use "
            "fewer workers, or give each more memory."
        }
    text = "".join(traceback.format_exception(error))
    return {"failure": f"{type(error).__name__}: {error} (see {LOG})", TRACEBACK: text}


def _log(folder: Path, text: str) -> None:
    """Append to the log of the batch."""
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write(f"{text}\n")
