"""The command `demo`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["demo"]


def demo(
    movie: Annotated[
        Path | None,
        typer.Argument(
            metavar="MOVIE", exists=True, dir_okay=False, help="A two-photon recording; a simulated one when not given."
        ),
    ] = None,
    network: Annotated[
        Literal["footprints", "convolutional"], typer.Option(help="The network that is trained.")
    ] = "footprints",
    output: Annotated[Path, typer.Option(help="Folder for pictures, maps, tables and the fit.")] = Path("demo-output"),
    close: Annotated[bool, typer.Option("--close", help="Close the window at the end.")] = False,
) -> None:
    """Run the whole analysis in a napari window, from a movie to a p-value.

    On the simulated recording, the result is checked against the known truth; the exit status is 1 if they disagree.
    """
    from napari_varae.demo import run_demo

    keep_open = not (close or os.environ.get("VIRTUAL_DISPLAY"))
    path = None if movie is None else str(movie)
    raise typer.Exit(run_demo(path, output, keep_open=keep_open, network=network))
