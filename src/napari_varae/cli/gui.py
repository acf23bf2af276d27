"""The command `gui`: the window, with the docks in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["gui"]


def gui(
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", exists=True, help="A recording, or an analysis folder, to open.")
    ] = None,
) -> None:
    """Open napari with all docks; an analysis folder comes with its fit, frame sets, trials, cells and behaviour."""
    import napari

    from napari_varae.io.analysis import open_analysis
    from napari_varae.io.analysis_record import RECORD
    from napari_varae.viewer.analysis import show_analysis
    from napari_varae.widgets.parts.text import report_caution
    from napari_varae.widgets.workspace import open_workspace

    analysis = open_analysis(path) if path is not None and (path / RECORD).is_file() else None
    if analysis is not None:
        _ = analysis.stack  # a movie that has moved ends the command before a window opens
    viewer = napari.Viewer()
    panels = open_workspace(viewer)
    if analysis is not None:
        for text in show_analysis(viewer, analysis):
            report_caution(text)
    elif path is not None:
        panels["Movie"].open(str(path))
    napari.run()
