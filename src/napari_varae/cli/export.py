"""The command `export`: results for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_varae.cli.brought import cells_of
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
    cells: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Cells (suite2p folder, label image, NWB): tables then name the cell of each latent. Those of DIR "
            "when not given; 'none' for none.",
        ),
    ] = None,
    movie: Moved = None,
    as_json: Json = False,
) -> None:
    """Write results for other programs: an NWB file, a table of latents, links or coefficients, or a figure."""
    from napari_varae.core.experiment.match import match_cells
    from napari_varae.io.analysis import open_analysis
    from napari_varae.io.nwb_export import export_nwb
    from napari_varae.io.tables import write_table

    analysis = open_analysis(folder, movie)
    found = cells_of(analysis, cells)
    if out.suffix.lower() == ".nwb":
        export_nwb(analysis, out, cells=found)
    elif out.suffix.lower() in FIGURES:
        from napari_varae.figures.paper import save_figure
        from napari_varae.headless.figures import draw_analysis

        save_figure(draw_analysis(analysis, what), out)
    else:
        write_table(_table(analysis, what, None if found is None else match_cells(analysis.fit, found)), out)
    print_result({"file": out}, as_json)


def _table(analysis: Analysis, what: What, cells: pd.DataFrame | None) -> pd.DataFrame:
    """Make a table of an analysis."""
    if what in ("training", "maps"):
        raise ValueError(f"--what {what} is a figure: give --out the ending .svg or .png.")
    from napari_varae.io.tables import comparisons_table, latents_table, links_table

    if what == "links":
        return links_table(analysis.fit, cells)
    if what == "comparisons":
        if not (comparisons := analysis.comparisons):
            raise ValueError(f"{analysis.folder} holds no comparison yet. Compare first.")
        return comparisons_table(comparisons, cells)
    if (latents := analysis.latents) is None:
        raise ValueError(f"{analysis.folder} holds no latents yet. Go on with: napari-varae resume {analysis.folder}")
    table = latents_table(latents, analysis.frame_rate)
    if cells is None:
        return table
    named = [f"{column} ({cell})" for column, cell in zip(table.columns[-len(cells) :], cells["cell"], strict=True)]
    return table.set_axis([*table.columns[: -len(cells)], *named], axis=1)
