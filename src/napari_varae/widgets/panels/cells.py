"""The Cells dock: cells that other programs found or the user drew, and which latent belongs to which of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Shapes
from qtpy.QtWidgets import QFileDialog

from napari_varae.core.experiment.match import NONE, SEVERAL
from napari_varae.core.files import write_file
from napari_varae.session.questions import Question
from napari_varae.session.reasons import why_not
from napari_varae.viewer.cells import CELLS
from napari_varae.viewer.provenance import about
from napari_varae.widgets.jobs.opening import open_brought
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.panel import Panel, allow, button, narrow_choice, row
from napari_varae.widgets.parts.question import QuestionBox
from napari_varae.widgets.parts.table import Table
from napari_varae.widgets.parts.text import heading, in_words, note, report_done

if TYPE_CHECKING:
    import pandas as pd
    from napari.viewer import Viewer

__all__ = ["CellsPanel"]

FILES = "Cells (stat.npy *_seg.npy *.npy *.tif *.tiff *.nwb);;All files (*)"
EMPTY = (
    "No cells yet. Open those of suite2p (stat.npy or its folder), a label image such as cellpose writes it, or an NWB "
    "file; or draw them in a Labels or Shapes layer."
)
COLUMNS = ("Latent", "Cell", "Overlap", "Share")
TIP = (
    "Overlap: cosine similarity of footprint and cell. Share: part of the squared footprint on pixels of this cell; "
    "from 0.5 on the latent is the cell's. Click a row, or a cell in the image, to choose the latent."
)


class CellsPanel(Panel):
    """Bring cells, and see which latents are theirs."""

    dock = "Cells"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.open_button = button("Open file…", self.ask_file, "stat.npy, a label image or masks (TIFF, .npy), or NWB")
        self.folder_button = button("Open folder…", self.ask_folder, "A suite2p folder")
        self.layer_choice = narrow_choice()
        self.layer_choice.setAccessibleName("Layer with cells")
        self.layer_button = button("Use layer", self.use_layer, "Use what is drawn in a Labels or Shapes layer")
        self.close_button = button("Close cells", self.close_cells, "Remove the cells; their files are kept")
        self.question = QuestionBox(self, ("cells",))
        self.question.chosen.connect(self._answer)
        self.report, self.summary = note(EMPTY), note()
        self.table = Table(COLUMNS, height=180, wide=1, tip=TIP)
        self.table.setAccessibleName("Latents and their cells")
        self.table.picked.connect(self._pick)
        self.save_button = button("Save table…", self.ask_save, "Latent, cell, overlap and share as CSV")

        self.body.addWidget(heading("Cells"))
        self.body.addLayout(row(self.open_button, self.folder_button))
        self.body.addLayout(row(self.layer_choice, self.layer_button, stretch=0))
        self.body.addWidget(self.question)
        self.body.addWidget(self.report)
        self.body.addWidget(heading("Latents and their cells"))
        self.body.addWidget(self.summary)
        self.body.addWidget(self.table, 10)
        self.body.addLayout(row(self.save_button, self.close_button))
        self.body.addStretch()

        for signal in (self.session.cells_changed, self.session.fit_changed):
            self.listen(signal, self._show)
        self.listen(self.session.latent_changed, self._show_latent)
        self.mirror(self.session.job_changed, self._show_job)
        self.listen(self.session.movie_changed, self._show_job)
        events = napari_viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            self.listen(event, self._list_layers)
        self._list_layers()
        self._show()

    def ask_file(self) -> None:
        """Let the user choose a file of cells, and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open cells", "", FILES)
        if path:
            self.open(path)

    def ask_folder(self) -> None:
        """Let the user choose a suite2p folder, and open its cells."""
        path = QFileDialog.getExistingDirectory(self, "Open a suite2p folder")
        if path:
            self.open(path)

    def open(self, path: str, **given: Any) -> None:
        """Open cells in the background; `given` are choices, as arguments of :func:`~napari_varae.open_cells`."""
        with in_words():
            open_brought(self, "cells", path, given)

    def use_layer(self) -> None:
        """Use the cells of the chosen layer."""
        with in_words():
            if self.layer_choice.currentText() not in self.viewer.layers:
                raise ValueError("There is no Labels or Shapes layer to choose. Draw the cells in one first.")
            from napari_varae.io.cells import open_cells

            shape = self.session.require_stack().shape[1:]
            self.session.use_cells(open_cells(self.viewer.layers[self.layer_choice.currentText()], shape))

    def close_cells(self) -> None:
        """Remove the cells."""
        self.session.use_cells(None)

    def ask_save(self) -> None:
        """Let the user choose where to write the table, and write it."""
        with in_words():
            if path := ask_path(self, "Save the table of latents and cells", "latents-and-cells.csv", (".csv",)):
                self.save(path)

    def save(self, path: str) -> None:
        """Write the table of latents and cells as CSV.

        Raises
        ------
        ValueError
            When there is no table yet.
        """
        table = self.session.cell_table()
        if table is None:
            raise ValueError("There is no table yet: open cells, and train or load a fit.")
        table = table.assign(candidates=[" ".join(map(str, found)) for found in table["candidates"]])
        write_file(path, table.to_csv(index=False))
        report_done(f"The table of latents and cells was saved as {path}.")

    def _answer(self, question: Question, given: dict[str, Any]) -> None:
        self.open(question.path, **given)

    def _pick(self, latent: int) -> None:
        self.session.set_latent(latent)

    def _list_layers(self, _event: Any = None) -> None:
        """Offer the layers in which the user may have drawn cells; the chosen one stays chosen."""
        choice, chosen = self.layer_choice, self.layer_choice.currentData()
        choice.clear()
        for layer in self.viewer.layers:
            what = about(layer)
            if isinstance(layer, Labels | Shapes) and (what is None or what.kind != CELLS):
                choice.addItem(layer.name, str(layer.unique_id))
        choice.setCurrentIndex(max(0, choice.findData(chosen)))
        if not choice.count():
            choice.addItem("no Labels or Shapes layer yet")

    def _show(self) -> None:
        self._list_layers()  # of which one shows the cells
        cells, table = self.session.cells, self.session.cell_table()
        if cells is None:
            self.report.setText(EMPTY)
        else:
            self.report.setText("\n".join([f"{len(cells)} cells.", *cells.notes]))
        self.summary.setText(_summary(self.session.fit is not None, cells is not None, table))
        self.table.setVisible(table is not None)
        if table is not None:
            ordered = table.sort_values(["overlap"], ascending=False)
            self.table.show_rows(
                [_row(self.session.name_latent, *values) for values in _values(ordered)], ordered["latent"]
            )
        self._show_latent()
        self._show_job()

    def _show_latent(self) -> None:
        self.table.choose(self.session.latent)

    def _show_job(self) -> None:
        for opens in (self.open_button, self.folder_button, self.layer_button):
            allow(opens, why_not(self.session, "movie", "idle"))
        none = "" if self.session.cells is not None else "Open cells first."
        allow(self.save_button, none or why_not(self.session, "fit"))
        allow(self.close_button, none)


def _values(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name] for name in ("latent", "cell", "overlap", "share", "candidates")), strict=True))


def _row(
    name: Any, latent: int, cell: int | str, overlap: float, share: float, candidates: tuple[Any, ...]
) -> list[tuple[str, Any]]:
    """Write one row: a latent and its cell, or how many it has."""
    named = f": {', '.join(map(str, candidates))}" if cell == SEVERAL and len(candidates) > 1 else ""
    text = f"{cell}{named}"
    return [
        (str(name(latent)).partition(" (")[0], int(latent)),
        (text, cell),
        (f"{overlap:.2f}", overlap),
        (f"{share:.2f}", share),
    ]


def _summary(fitted: bool, brought: bool, table: pd.DataFrame | None) -> str:
    """Count how the latents are matched, or name what is missing."""
    if table is None:
        if brought and not fitted:
            return "Train or load a fit: each latent is then matched with the cells."
        return "" if fitted else "Cells and a fit are needed."
    lone = [cell for cell in table["cell"] if cell not in (SEVERAL, NONE)]
    several = int((table["cell"] == SEVERAL).sum())
    none = len(table) - len(lone) - several
    covering = f"{several} {'covers' if several == 1 else 'cover'} several cells"
    return (
        f"{len(lone)} of {len(table)} latents belong to {len(set(lone))} cells; {covering}, and {none} none. "
        "Click a row, or a cell in the image."
    )
