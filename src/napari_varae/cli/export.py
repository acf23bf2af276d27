"""The command `export`: results for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_varae.cli.options import Folder, Json, Moved
from napari_varae.cli.output import print_result

if TYPE_CHECKING:
    import pandas as pd

    from napari_varae.io.analysis import Analysis

__all__ = ["export"]

What = Literal["latents", "links", "comparisons", "training", "maps"]
FIGURES = (".svg", ".png")


def export(
    folder: Folder,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="File to write: .nwb, .csv, .parquet, .svg or .png.")
    ],
    what: Annotated[
        What,
        typer.Option(
            metavar="latents|links|comparisons|training|maps",
            help="What to write. Tables are latents, links or comparisons; figures may be any; an NWB file holds "
            "everything.",
        ),
    ] = "latents",
    movie: Moved = None,
    as_json: Json = False,
) -> None:
    """Write results for other programs: an NWB file, a table of latents, links or coefficients, or a figure."""
    from napari_varae.io.analysis import open_analysis
    from napari_varae.io.nwb_export import export_nwb
    from napari_varae.io.tables import write_table

    analysis = open_analysis(folder, movie)
    if out.suffix.lower() == ".nwb":
        export_nwb(analysis, out)
    elif out.suffix.lower() in FIGURES:
        from napari_varae.figures.paper import save_figure
        from napari_varae.headless.figures import draw_analysis

        save_figure(draw_analysis(analysis, what), out)
    else:
        write_table(_table(analysis, what), out)
    print_result({"file": out}, as_json)


def _table(analysis: Analysis, what: What) -> pd.DataFrame:
    """Make a table of an analysis."""
    if what in ("training", "maps"):
        raise ValueError(f"--what {what} is a figure: give --out the ending .svg or .png.")
    from napari_varae.io.tables import comparisons_table, latents_table, links_table

    if what == "links":
        return links_table(analysis.fit)
    if what == "comparisons":
        if not (comparisons := analysis.comparisons):
            raise ValueError(f"{analysis.folder} holds no comparison yet. Compare first.")
        return comparisons_table(comparisons)
    if (latents := analysis.latents) is None:
        raise ValueError(f"{analysis.folder} holds no latents yet. Go on with: napari-varae resume {analysis.folder}")
    return latents_table(latents, analysis.frame_rate)
