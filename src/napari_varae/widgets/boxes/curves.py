"""The curves of a training: loss, what is explained, and sparsity, with the best epoch marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_varae.widgets.parts.plots import CurvePlot

if TYPE_CHECKING:
    from napari_varae.core.fit.report import EpochReport
    from napari_varae.widgets.parts.panel import Panel

__all__ = ["Curves"]

PER_LATENT = "nonzero, per latent"


class Curves(QWidget):
    """Three plots over epochs, of the training that runs or of the fit in use."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.reports: Sequence[EpochReport] = ()
        self.loss = CurvePlot("loss", ("training", "held out"))
        self.explained = CurvePlot("explained", ("reconstruction", "prediction"))
        self.sparsity = CurvePlot("coefficients", (PER_LATENT,), height=110)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for plot in (self.loss, self.explained, self.sparsity):
            panel.add_plot(plot)
            layout.addWidget(plot)

    def show_reports(self, reports: Sequence[EpochReport]) -> None:
        """Draw the curves of these epochs."""
        self.reports = reports
        epochs = [report.epoch for report in reports]
        self.loss.show_curves(
            epochs, {"training": [r.train_loss for r in reports], "held out": [r.held_out_loss for r in reports]}
        )
        self.explained.show_curves(
            epochs,
            {
                "reconstruction": [r.reconstruction_fve for r in reports],
                "prediction": [r.prediction_fve for r in reports],
            },
        )
        self.sparsity.show_curves(epochs, {PER_LATENT: [r.nonzeros_per_target for r in reports]})
        best = next((r.epoch for r in reversed(reports) if r.best), None)
        for plot in (self.loss, self.explained, self.sparsity):
            plot.mark_epoch(best)
