"""The commands `train`, `resume` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_varae.cli.movie import mark_frames, open_movie
from napari_varae.cli.options import (
    BadFrames,
    Channel,
    DataSet,
    Folder,
    FrameRate,
    Json,
    Moved,
    Movie,
    PixelSize,
    Plane,
    Unit,
    with_settings,
)  # fmt: skip
from napari_varae.cli.output import interruptible, print_result, progress_bar

if TYPE_CHECKING:
    from napari_varae.core.fit.report import EpochReport
    from napari_varae.io.analysis import Analysis

__all__ = ["evaluate", "resume", "train"]

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


@with_settings("fit")
def train(
    movie: Movie,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Analysis folder for fit, latents and settings.")],
    settings: Any,
    frame_rate: FrameRate = None,
    pixel_size: PixelSize = None,
    channel: Channel = None,
    plane: Plane = None,
    dataset: DataSet = None,
    bad_frames: BadFrames = None,
    good_frames: Annotated[
        str | None, typer.Option(metavar="FRAMES", help="Frames that count although the files mark them as bad.")
    ] = None,
    trials: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table of trials (CSV, TSV, NWB) with start, stop, condition.")
    ] = None,
    trials_unit: Annotated[
        Literal["frames", "s"] | None,
        typer.Option(
            "--trials-unit", metavar="frames|s", help="Unit of the trials, where their table does not name it."
        ),
    ] = None,
    cells: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Cells (suite2p folder, label image, NWB), to name latents.")
    ] = None,
    behaviour: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Traces of behaviour (CSV, TSV, .npy, NWB), such as speed.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the analysis that DIR holds.")] = False,
    as_json: Json = False,
) -> None:
    """Train a model on a recording; DIR/fit.varae is the fit.

    Ctrl-C ends the training and keeps its best epoch. After a crash, go on with 'resume'. Each setting may stand in the
    settings file, or be given as an option here.
    """
    from napari_varae.io.analysis import Analysis
    from napari_varae.io.behaviour import open_behaviour
    from napari_varae.io.cells import open_cells
    from napari_varae.io.trials import open_trials

    chosen = settings()
    stack = open_movie(movie, frame_rate, pixel_size, channel, plane, dataset)
    stack = mark_frames(stack, bad_frames, good_frames)
    table = None if trials is None else open_trials(trials, frame_rate=stack.frame_rate, unit=trials_unit)
    found = None if cells is None else open_cells(cells, stack.shape[1:])
    traces = None if behaviour is None else open_behaviour(behaviour)
    analysis = Analysis.begin(out, stack, chosen, overwrite=overwrite)
    analysis.keep_cells(found)
    analysis.keep_behaviour(traces)
    if table is not None:
        analysis.keep_trials(table)
    _train(analysis, as_json)


def resume(folder: Folder, movie: Moved = None, as_json: Json = False) -> None:
    """Go on with a training that was cut short, from its last epoch."""
    from napari_varae.io.analysis import open_analysis

    _train(open_analysis(folder, movie), as_json)


def evaluate(
    folder: Folder,
    frames: Annotated[
        str | None, typer.Option(metavar="RANGE", help="Frames to judge on, such as 1600:2000; all when not given.")
    ] = None,
    unit: Unit = "frames",
    movie: Moved = None,
    as_json: Json = False,
) -> None:
    """Measure how much of the movie reconstruction and one-step prediction explain, best on frames not trained on."""
    from napari_varae.core.fit.evaluate import evaluate
    from napari_varae.headless.steps import find_frames
    from napari_varae.io.analysis import open_analysis

    analysis = open_analysis(folder, movie)
    chosen = None
    if frames is not None:
        ranges = find_frames(analysis, frames, unit, name="--frames")
        if len(ranges) != 1:
            raise typer.BadParameter("Give one range.", param_hint="--frames")
        chosen = ranges[0]
    print_result(evaluate(analysis.fit, analysis.stack, chosen), as_json)


def _train(analysis: Analysis, as_json: bool) -> None:
    """Train on the movie of an analysis, and report the fit."""
    from napari_varae.headless.steps import train_fit

    with progress_bar("training") as (phase, line), interruptible(line) as stop:
        fit = train_fit(analysis, stop=stop, phase=phase, report=lambda report: line(_in_words(report)))
        stopped = stop.is_set()
    best = next((report for report in reversed(fit.history) if report.best), None)
    print_result(
        {
            "fit": analysis.folder / "fit.varae",
            "id": fit.id,
            "latents": fit.latents,
            "order": fit.var.order,
            "penalty": fit.var.penalty,
            "best epoch": None if best is None else best.epoch,
            "reconstruction_fve": None if best is None else best.reconstruction_fve,
            "prediction_fve": None if best is None else best.prediction_fve,
            "stopped": stopped,
            "notes": fit.notes,
        },
        as_json,
    )
    if stopped:
        raise typer.Exit(INTERRUPTED)


def _in_words(report: EpochReport) -> str:
    """Report an epoch in one line."""
    at = f"epoch {report.epoch} of at most {report.epochs}" if report.epoch else "start"
    return (
        f"{at}: reconstruction explains {report.reconstruction_fve:.1%} and one-step prediction "
        f"{report.prediction_fve:.1%} of the held-out variance{' (best so far)' if report.best else ''}"
    )
