"""The command `choose`: how many latents and which order, before a model is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_varae.cli.movie import mark_frames, open_movie
from napari_varae.cli.options import (
    BadFrames,
    Channel,
    DataSet,
    FrameRate,
    Json,
    Movie,
    PixelSize,
    Plane,
    with_settings,
)
from napari_varae.cli.output import interruptible, print_result, progress_bar

__all__ = ["choose"]


@with_settings("fit", options=False)
def choose(
    movie: Movie,
    settings: Any,
    latents: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="Numbers of latents to try, such as 8,16,32.")
    ] = None,
    orders: Annotated[
        str | None, typer.Option(metavar="P,P,...", help="Orders of the VAR to try, such as 1,2.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the table to a CSV file.")] = None,
    frame_rate: FrameRate = None,
    pixel_size: PixelSize = None,
    channel: Channel = None,
    plane: Plane = None,
    dataset: DataSet = None,
    bad_frames: BadFrames = None,
    as_json: Json = False,
) -> None:
    """Suggest the number of latents and the VAR order by how well held-out frames are predicted.

    It takes about as long as one training. Ctrl-C ends it; the answer then rests on what was tried.
    """
    from napari_varae.core.training.choice import choose

    stack = mark_frames(open_movie(movie, frame_rate, pixel_size, channel, plane, dataset), bad_frames, None)
    numbers = [
        None if text is None else _numbers(text, name) for text, name in ((latents, "latents"), (orders, "orders"))
    ]
    with progress_bar("choosing") as (phase, line), interruptible(line) as stop:
        found = choose(stack, settings().fit, latents=numbers[0], orders=numbers[1], stop=stop, progress=phase)
    if csv is not None:
        found.to_csv(csv)
    about = found.as_dict()
    if not as_json:
        rows = about.pop("rows")
        about |= {
            f"{row['latents']} latents, order {row['order']}":
            f"reconstruction {row['reconstruction_fve']:.4f}, prediction {row['prediction_fve']:.4f}" for row in rows
        }  # fmt: skip
    print_result(about, as_json)


def _numbers(text: str, name: str) -> list[int]:
    """Read numbers such as '8,16,32'."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter("Write whole numbers, such as 8,16,32.", param_hint=f"--{name}") from None
