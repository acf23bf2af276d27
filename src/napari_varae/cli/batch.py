"""The command `batch`: many recordings, on this computer or on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_varae.cli.options import Json, with_settings
from napari_varae.cli.output import print_result, progress_bar

__all__ = ["batch"]

_FRAMES = "ranges such as '0:400, 500:600', or a condition of the trials, for rows that name none."


@with_settings("", options=False)
def batch(
    sheet: Annotated[
        Path, typer.Argument(metavar="SHEET", help="Table (CSV, TSV) with one recording in each row.", exists=True)
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    settings: Any,
    a: Annotated[str, typer.Option("--a", metavar="FRAMES", help=f"Frame set A: {_FRAMES}")] = "",
    b: Annotated[str, typer.Option("--b", metavar="FRAMES", help=f"Frame set B: {_FRAMES}")] = "",
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Processes on this computer; half as many as cores if not given."),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Memory of each of these, such as 8GB; an equal share by default."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A running dask scheduler: tcp://node7:8786, or its file (.json)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Analyse many recordings; DIR gets a folder for each, summary.csv, and the page report.html.

    Columns of the sheet: path, and, where needed, name, frame_rate, pixel_size, channel, plane, dataset, trials, a, b,
    unit, or the name of a setting. Any other column is a label in the summary.

    Run it again to go on: what is done with the same settings is skipped, what was cut short goes on. The exit status
    is 1 when a row failed; the others are done nevertheless.
    """
    if scheduler is not None and (workers is not None or memory is not None):
        raise typer.BadParameter("--workers and --memory are of this computer; leave them out with --scheduler.")
    from napari_varae.headless.batch import run_batch
    from napari_varae.headless.summary import PAGE, TABLE

    chosen = settings()
    done = 0
    with progress_bar("batch") as (phase, line), _client(scheduler) as client:

        def report(summary: dict[str, Any], to_go: int) -> None:
            nonlocal done
            done += 1
            phase("batch", done / (done + to_go))
            reason = f": {summary['failure']}" if summary["status"] == "failed" else ""
            line(f"{summary['name']}: {summary['status']}{reason}")
            if aside := summary.get("set_aside"):
                line(f"{summary['name']}: what was added to its earlier results by hand is in {aside}")

        rows = run_batch(sheet, out, chosen, a=a, b=b, workers=workers, memory=memory, client=client, report=report)
    failed = [row["name"] for row in rows if row["status"] == "failed"]
    found: dict[str, Any] = {
        "rows": len(rows),
        "failed": failed,
        "summary": out / TABLE,
        "page": out / PAGE,
    }
    print_result(found | ({"recordings": rows} if as_json else {}), as_json)
    if failed:
        raise typer.Exit(1)


def _client(scheduler: str | None) -> Any:
    """Connect to a scheduler; nothing without one."""
    from contextlib import nullcontext

    if scheduler is None:
        return nullcontext()
    from distributed import Client

    if scheduler.endswith(".json"):
        return Client(scheduler_file=scheduler, set_as_default=False)
    return Client(scheduler, set_as_default=False)
