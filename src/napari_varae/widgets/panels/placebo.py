"""The placebo of the Compare dock: the same test on pairs of ranges between which nothing should differ."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from napari_varae.core.settings import ComparisonConfig
from napari_varae.session.generation import EVERYTHING
from napari_varae.session.job_events import Controls
from napari_varae.session.ranges import total
from napari_varae.widgets.jobs.job import Job, Tell
from napari_varae.widgets.parts.panel import Panel, button, in_words, note, row
from napari_varae.widgets.parts.plots import PlaceboPlot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack

__all__ = ["PlaceboBox"]

NOTHING = "The same test where nothing should differ. Are its p-values spread evenly?"
PLACES = {
    "all": "the whole movie",
    "a": "range A",
    "b": "range B",
    "segments": "segments of A and B, permuted",
}
REPEATS = 20
LEVEL = 0.05
MANY = 3
"""Times as many small p-values as chance gives that are worth a word."""


class PlaceboBox(QWidget):
    """Run the placebo in the worker, and show its p-values."""

    def __init__(self, panel: Panel, settings: Callable[[], ComparisonConfig]) -> None:
        super().__init__()
        self._panel, self._settings = panel, settings
        self.where = QComboBox()
        for value, text in PLACES.items():
            self.where.addItem(text, value)
        self.where.setToolTip(
            "A range in which you believe that nothing changes; or the segments, permuted, where A and B take turns"
        )
        self.run_button = button(
            "Run placebo",
            self.run,
            f"Compares {REPEATS} random pairs: as long as A and B, or a quarter of one, or of their segments",
        )
        self.verdict = note(NOTHING)
        self.plot = PlaceboPlot()
        self.plot.hide()
        panel.add_plot(self.plot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row("Pairs from", self.where, self.run_button, stretch=1))
        layout.addWidget(self.verdict)
        layout.addWidget(self.plot)

    def run(self) -> None:
        """Compare random pairs of ranges."""
        with in_words():
            session = self._panel.session
            stack, fit = session.require_stack(), session.require_fit()
            Job(
                self._panel,
                "comparing",
                partial(_placebo, fit, stack, self._pairs(), self._settings(), session.latents),
                description="VARAE: placebo comparisons",
                total=REPEATS,
                on_progress=partial(self.show_values, permuted=self.where.currentData() == "segments"),
                about=EVERYTHING,
            )

    def _pairs(self) -> dict[str, Any]:
        """Say what a pair is, as the placebo takes it."""
        a, b = self._panel.session.ranges["a"], self._panel.session.ranges["b"]
        if not (a and b):
            raise ValueError("Set the ranges A and B first: they say how long the ranges of a pair are, and where.")
        name = self.where.currentData()
        if name == "all":
            return {"lengths": (total(a), total(b)), "unlike": (a, b)}
        if name == "segments":
            return {"segments": (a, b)}
        start, stop = max(a if name == "a" else b, key=lambda part: part[1] - part[0])
        quarter = (stop - start) // 4  # with halves, there would be one pair only
        return {"lengths": (quarter, quarter), "within": (start, stop)}

    def forget(self) -> None:
        """Clear what was found: the ranges, the bad frames, the movie or the fit are others now."""
        self.verdict.setText(NOTHING)
        self.plot.hide()

    def show_values(self, p_values: NDArray[np.float64], permuted: bool = False) -> None:
        """Draw the p-values so far, of ranges or of permuted segments, and what they mean."""
        self.plot.setVisible(len(p_values) > 0)
        self.plot.show_values(p_values)
        self.verdict.setText(_in_words(p_values, permuted))


def _in_words(p_values: NDArray[np.float64], permuted: bool) -> str:
    n, low = len(p_values), int((p_values <= LEVEL).sum())
    said = f"{low} of {n} pairs have p ≤ {LEVEL:g}; by chance it would be about {LEVEL * n:.1g}. Pairs overlap."
    if low <= MANY * LEVEL * n:
        return said
    why = (
        "segments differ among themselves, whichever condition they are of."
        if permuted
        else "ranges differ there anyway; or some pairs hold the change that you look for."
    )
    what = (
        "compare more and longer segments"
        if permuted
        else "draw pairs from where nothing should change, or compare ranges in turns"
    )
    warning = (
        f"<b>That is much more than chance:</b> {why} If they differ anyway, a small p says little about a condition"
    )
    return f"{said} {warning}; {what}."


def _placebo(
    fit: Fit,
    stack: Stack,
    pairs: dict[str, Any],
    settings: ComparisonConfig,
    latents: NDArray[np.float32] | None,
    controls: Controls,
    progress: Tell,
) -> Generator[None, None, Any]:
    """Compare in the worker's thread."""
    from napari_varae.core.comparison.placebo import placebo

    yield
    stack = stack.checked(controls.check)
    return placebo(
        fit, stack, **pairs, repeats=REPEATS, seed=settings.seed, blocks=settings.blocks,
        subtract_responses=settings.subtract_responses, latents=latents, stop=controls.stop,
        progress=lambda p_values: progress(len(p_values), REPEATS, p_values),
    )  # fmt: skip
