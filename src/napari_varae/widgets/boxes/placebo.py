"""The placebo of the Compare dock: the same test on pairs of ranges between which nothing should differ."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from napari_varae.core.comparison.verdict import PLACEBO_LEVEL
from napari_varae.core.settings import ComparisonConfig
from napari_varae.session.generation import EVERYTHING
from napari_varae.session.job_events import Controls
from napari_varae.session.ranges import total
from napari_varae.session.results import Placebo, n_regressors, placebo_config
from napari_varae.widgets.jobs.job import Job, Report
from napari_varae.widgets.parts.panel import Panel, button, row
from napari_varae.widgets.parts.plots import PlaceboPlot
from napari_varae.widgets.parts.text import in_words, note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack
    from napari_varae.session.session import Session

__all__ = ["PlaceboBox"]

NOTHING = "The same test where nothing should differ. Are its p-values spread evenly?"
PLACES = {
    "all": "the whole movie",
    "a": "range A",
    "b": "range B",
    "segments": "permuted segments",
}
APART = "It is not part of the verdict, since the comparison was made with other settings."
REPEATS = 20
MANY = 3
"""Ratio of small p-values to those expected by chance from which on the dock warns."""


class PlaceboBox(QWidget):
    """Run the placebo in the background, and show its p-values."""

    def __init__(self, panel: Panel, settings: Callable[[], ComparisonConfig]) -> None:
        super().__init__()
        self._panel, self._settings = panel, settings
        self.where = QComboBox()
        self.where.setAccessibleName("Pairs from")
        for value, text in PLACES.items():
            self.where.addItem(text, value)
        self.where.setToolTip(
            "Choose a part of the movie in which you expect no change; or permute the segments, where A and B alternate"
        )
        self.run_button = button(
            "Run placebo",
            self.run,
            f"Compares {REPEATS} random pairs: as long as A and B, or as a quarter of one of them, or made of segments",
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
        self.show_found()

    def run(self) -> None:
        """Compare random pairs of ranges."""
        with in_words():
            session = self._panel.session
            stack, fit = session.require_stack(), session.require_fit()
            pairs, config, regressed = self._pairs(), placebo_config(self._settings()), session.regressed_out()
            known = {"pairs": pairs, "config": config, "n_covariates": n_regressors(**regressed)}
            Job(
                self._panel,
                "comparing",
                partial(_placebo, fit, stack, pairs, regressed, config, session.latents),
                title="Placebo comparisons",
                on_return=partial(_use, session, known),
                about=EVERYTHING,
            )

    def _pairs(self) -> dict[str, Any]:
        """Define a pair, as the placebo takes it."""
        a, b = self._panel.session.ranges["a"], self._panel.session.ranges["b"]
        if not (a and b):
            raise ValueError("Set the ranges A and B first: they define the lengths of a pair.")
        name = self.where.currentData()
        if name == "all":
            return {"lengths": (total(a), total(b)), "unlike": (a, b)}
        if name == "segments":
            return {"segments": (a, b)}
        start, stop = max(a if name == "a" else b, key=lambda part: part[1] - part[0])
        quarter = (stop - start) // 4  # with halves, there would be one pair only
        return {"lengths": (quarter, quarter), "within": (start, stop)}

    def show_found(self) -> None:
        """Show the values of the session, or none when they no longer belong to its ranges, movie and fit."""
        placebo = self._panel.session.placebo
        if placebo is None:
            self.verdict.setText(NOTHING)
            self.plot.hide()
        else:
            self.show_values(placebo.p_values, permuted="segments" in placebo.pairs)
            shown = self._panel.session.comparison
            if shown is not None and not placebo.suits(shown):
                self.verdict.setText(f"{self.verdict.text()} {APART}")

    def show_values(self, p_values: NDArray[np.float64], *, permuted: bool = False) -> None:
        """Draw p-values, of pairs of ranges or of permuted segments, and explain what they mean."""
        self.plot.setVisible(len(p_values) > 0)
        self.plot.show_values(p_values)
        self.verdict.setText(_in_words(p_values, permuted))


def _use(session: Session, known: dict[str, Any], p_values: NDArray[np.float64]) -> None:
    """Keep the values, of as many pairs as were compared before it was stopped."""
    pairs = known["pairs"] | {"repeats": len(p_values)}
    session.set_placebo(Placebo(p_values, **known | {"pairs": pairs}) if len(p_values) else None)


def _in_words(p_values: NDArray[np.float64], permuted: bool) -> str:
    n, low = len(p_values), int((p_values <= PLACEBO_LEVEL).sum())
    chance = PLACEBO_LEVEL * n
    found = (
        f"{low} of {n} pairs have p ≤ {PLACEBO_LEVEL:g}; about {chance:.1g} would be expected by chance. Pairs overlap."
    )
    if low <= MANY * chance:
        return found
    if permuted:
        why = "segments differ from each other, whatever their condition."
        what = "Compare more and longer segments."
    else:
        why = "parts of the recording differ anyway, or some pairs hold the change that you look for."
        what = "Draw pairs from where nothing should change, or compare ranges that alternate."
    return (
        f"{found} ⚠ That is much more than chance: {why} If they differ anyway, a small p is not evidence for an "
        f"effect of a condition. {what}"
    )


def _placebo(
    fit: Fit,
    stack: Stack,
    pairs: dict[str, Any],
    regressed: dict[str, Any],
    config: ComparisonConfig,
    latents: NDArray[np.float32] | None,
    controls: Controls,
    report: Report,
) -> Generator[None, None, Any]:
    """Compare in the worker's thread."""
    report("pair", 0, REPEATS)
    from napari_varae.core.comparison.placebo import placebo

    yield
    stack = stack.checked(controls.check_drop)
    return placebo(
        fit, stack, **pairs, **regressed, repeats=REPEATS, config=config, latents=latents, stop=controls.stop,
        progress=lambda p_values: report("pair", len(p_values), REPEATS, p_values),
    )  # fmt: skip
