"""The commands `map`, `compare`, `placebo` and `robustness`: questions to a fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from napari_varae.cli.brought import regressed_out
from napari_varae.cli.options import Covariate, CovariateLags, Folder, Json, Moved, Unit, with_settings
from napari_varae.cli.output import interruptible, print_result, progress_bar

__all__ = ["compare", "map_", "placebo", "robustness"]

_RANGE = "Ranges such as '0:400, 500:600', a frame set of DIR, or a condition of its trials."
A = Annotated[str, typer.Option("--a", metavar="FRAMES", help=f"Frame set A. {_RANGE}")]
B = Annotated[str, typer.Option("--b", metavar="FRAMES", help=f"Frame set B. {_RANGE}")]


def map_(
    folder: Folder,
    kind: Annotated[
        Literal["driver", "effect"],
        typer.Option(
            metavar="driver|effect",
            help="'driver': which pixels the predictions rest on. 'effect': which pixels they change.",
        ),
    ] = "driver",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="TIFF file; in DIR/maps when not given.")
    ] = None,
    frames: Annotated[str | None, typer.Option(metavar="FRAMES", help=f"All when not given. {_RANGE}")] = None,
    minus: Annotated[
        str | None, typer.Option(metavar="FRAMES", help="Subtract the map over these frames, such as those of B.")
    ] = None,
    frame: Annotated[
        int | None, typer.Option(metavar="T", min=0, help="What one frame contributes; only for a driver map.")
    ] = None,
    unit: Unit = "frames",
    target: Annotated[int | None, typer.Option(metavar="LATENT", help="Only the prediction of this latent.")] = None,
    edge: Annotated[
        str | None, typer.Option(metavar="LAG,TARGET,SOURCE", help="Only this coefficient of the VAR.")
    ] = None,
    own_past: Annotated[
        bool, typer.Option("--own-past", help="Count what a latent's own past predicts as well.")
    ] = False,
    movie: Moved = None,
    as_json: Json = False,
) -> None:
    """Draw a contribution map: where the dynamics come from, or what they change."""
    from napari_varae.core.maps.definition import explain_empty
    from napari_varae.headless.steps import draw_map, find_frames
    from napari_varae.io.analysis import open_analysis
    from napari_varae.io.map_tiff import write_map

    analysis = open_analysis(folder, movie)
    chosen, other = (
        None if text is None else find_frames(analysis, text, unit, name=option)
        for option, text in (("--frames", frames), ("--minus", minus))
    )
    if frame is not None and (kind == "effect" or frames is not None or minus is not None):
        raise typer.BadParameter("One frame is a driver map without --frames and --minus.", param_hint="--frame")
    with progress_bar(f"{kind} map"):
        image, about = draw_map(analysis, kind, chosen, target, _edge(edge), own_past, minus=other, frame=frame)
    if out is None:
        written = analysis.keep_map(image, about["name"], about)
    else:
        written = write_map(out, image, analysis.stack.pixel_size, about)
    subject = "edge" if edge is not None else "whole" if target is None else "latent"
    empty = None if image.any() else explain_empty(about["name"], subject, own_past)
    span = {"lowest": float(image.min()), "highest": float(image.max())}
    print_result({"file": written, **about, **span, "caution": empty}, as_json)


def _edge(text: str | None) -> tuple[int, int, int] | None:
    """Read a coefficient such as '1,3,5'."""
    if text is None:
        return None
    try:
        lag, target, source = (int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter("Write LAG,TARGET,SOURCE, for example 1,3,5.", param_hint="--edge") from None
    return lag, target, source


@with_settings("comparison")
def compare(
    folder: Folder,
    a: A,
    b: B,
    settings: Any,
    unit: Unit = "frames",
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the file in DIR/comparisons.")] = "comparison",
    covariate: Covariate = None,
    covariate_lags: CovariateLags = None,
    movie: Moved = None,
    as_json: Json = False,
) -> None:
    """Test whether the dynamics in two frame sets are the same; the result is kept in DIR/comparisons.

    Ctrl-C ends the resampling; the answer then rests on the draws made so far.
    """
    from napari_varae.headless.steps import compare_frames, find_frames
    from napari_varae.io.analysis import open_analysis

    analysis = open_analysis(folder, movie)
    config = settings(analysis.settings).comparison
    frames_a, frames_b = (find_frames(analysis, text, unit, name=opt) for opt, text in (("--a", a), ("--b", b)))
    with progress_bar("comparing") as (phase, line), interruptible(line) as stop:
        result, path = compare_frames(
            analysis, frames_a, frames_b, config, name=name, stop=stop,
            **regressed_out(analysis, covariate, covariate_lags),
            progress=lambda running: phase("resampling", running.made / running.planned),
        )  # fmt: skip
    print_result({"file": path, **result.as_dict()}, as_json)


@with_settings("comparison")
def placebo(
    folder: Folder,
    a: A,
    b: B,
    settings: Any,
    unit: Unit = "frames",
    within: Annotated[
        str | None, typer.Option(metavar="RANGE", help="Where pairs are drawn; the whole movie when not given.")
    ] = None,
    permute: Annotated[
        bool, typer.Option("--permute", help="Permute the segments of A and B, where conditions take turns.")
    ] = False,
    repeats: Annotated[int, typer.Option(metavar="N", min=1, help="Number of pairs.")] = 20,
    covariate: Covariate = None,
    covariate_lags: CovariateLags = None,
    movie: Moved = None,
    as_json: Json = False,
) -> None:
    """Run the test where nothing should differ: pairs of ranges as long as A and B, at random places.

    It takes 99 resamples unless another number is given, and becomes part of the verdict of each comparison of A and B
    in DIR by the same test.
    """
    from napari_varae.headless.steps import find_frames, placebo_settings, run_placebo
    from napari_varae.io.analysis import open_analysis

    analysis = open_analysis(folder, movie)
    config = settings(placebo_settings(analysis.settings)).comparison
    frames_a, frames_b = (find_frames(analysis, text, unit, name=opt) for opt, text in (("--a", a), ("--b", b)))
    where = None if within is None else find_frames(analysis, within, unit, name="--within")
    with progress_bar("placebo") as (phase, line), interruptible(line) as stop:
        found, verdicts, unread = run_placebo(
            analysis, frames_a, frames_b, config, within=where, permute=permute, repeats=repeats, stop=stop,
            **regressed_out(analysis, covariate, covariate_lags),
            progress=lambda values: phase("placebo", len(values) / repeats),
        )  # fmt: skip
    share = float((found <= config.level).mean()) if len(found) else None
    about = {"p_values": found.tolist(), "level": config.level, "share_below_level": share}
    print_result({**about, "verdicts": verdicts, "unread": unread}, as_json)


@with_settings("comparison")
def robustness(
    folder: Folder,
    a: A,
    b: B,
    settings: Any,
    unit: Unit = "frames",
    vary: Annotated[
        str,
        typer.Option(metavar="CHOICES", help="What to change; the last three train fits."),
    ] = "order,noise,latents,seed,frames",
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the table in DIR/comparisons.")] = "robustness",
    covariate: Covariate = None,
    covariate_lags: CovariateLags = None,
    movie: Moved = None,
    as_json: Json = False,
) -> None:
    """Compare again with one choice changed at a time: VAR order, noise correction, latents, seed, training frames.

    The table is kept in DIR/comparisons. Ctrl-C ends it; the rows that are complete are kept.
    """
    from napari_varae.headless.steps import find_frames, run_robustness
    from napari_varae.io.analysis import open_analysis

    analysis = open_analysis(folder, movie)
    config = settings(analysis.settings).comparison
    frames_a, frames_b = (find_frames(analysis, text, unit, name=opt) for opt, text in (("--a", a), ("--b", b)))
    with progress_bar("robustness") as (phase, line), interruptible(line) as stop:
        found, path = run_robustness(
            analysis, frames_a, frames_b, config, vary=[part.strip() for part in vary.split(",")], name=name, stop=stop,
            **regressed_out(analysis, covariate, covariate_lags),
            progress=lambda part: phase(part.running or "robustness", len(part.rows) / part.planned),
        )  # fmt: skip
    rows = {row.change: _row_in_words(row.as_dict()) for row in found.rows}
    about = found.as_dict() if as_json else {**rows, "summary": found.summary, "notes": list(found.notes)}
    print_result({"file": path, **about}, as_json)


def _row_in_words(row: dict[str, Any]) -> str:
    """Write a row of the table in one line."""
    if "verdict" not in row:
        return str(row["reason"])
    return (
        f"{row['verdict']}; coupling p = {row['coupling_p']:.3g}, persistence p = {row['persistence_p']:.3g}; largest "
        f"difference {row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
    )
