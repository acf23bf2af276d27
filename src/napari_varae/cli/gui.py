"""The command `gui`: the window, with the docks in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["gui"]


def gui(
    movie: Annotated[Path | None, typer.Argument(metavar="MOVIE", exists=True, help="A recording to open.")] = None,
) -> None:
    """Open napari with all docks."""
    import napari

    from napari_varae.widgets.workspace import open_workspace

    panels = open_workspace(napari.Viewer())
    if movie is not None:
        panels["Movie"].open(str(movie))
    napari.run()
