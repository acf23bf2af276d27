"""How many links, in the Links dock: a slider along the path of penalties, and how well each predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QSlider, QVBoxLayout, QWidget

from napari_varae.session.reasons import why_not
from napari_varae.widgets.jobs import maps
from napari_varae.widgets.jobs.along_path import follow_path
from napari_varae.widgets.parts.panel import Panel, allow, button, row
from napari_varae.widgets.parts.path_plot import PathPlot
from napari_varae.widgets.parts.text import in_words, note

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.var.model import VAR

__all__ = ["SparsityBox"]

STEPS = 1000
"""Steps of the slider, even on the logarithm of the penalty."""
USE = (
    "Makes a fit with this penalty the fit in use: comparisons, the prediction layer and saving use it. "
    "The fit before it is kept."
)
UNMOVED = "The penalty is that of the fit. Move the slider first."


class SparsityBox(QWidget):
    """Try a penalty, see how many links it leaves and how well it predicts, and use it."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel, self._session = panel, panel.session
        self._followed: Fit | None = None
        self.sparsity_text, self.curve_text = note(), note()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setToolTip("Left: few links (large penalty). Right: many links (small penalty).")
        self.slider.setAccessibleName("Sparsity")
        self.slider.valueChanged.connect(self._slide)
        self.slider.sliderReleased.connect(self.released)
        self.path = PathPlot()
        self.path.dragged.connect(self._try)
        self.path.released.connect(self.released)
        panel.add_plot(self.path)
        self.use_button = button("Use this penalty", self.use_penalty, USE)
        self.back_button = button("Back to the penalty of the fit", lambda: self._try(None, released=True))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.slider, self.sparsity_text, self.path, self.curve_text):
            layout.addWidget(widget)
        layout.addLayout(row(self.use_button, self.back_button))
        panel.listen(self._session.penalty_changed, self.show_penalty)
        panel.listen(self._session.along_path_changed, self._show_curve)
        panel.listen(self._session.job_changed, self._job_changed)

    def show_fit(self) -> None:
        """Show the path of the fit in use."""
        if self._session.fit is not None:
            self.path.set_range(*self._ends())
        self.show_penalty()
        self.follow_path()

    def show_penalty(self) -> None:
        """Show how many links there are at the penalty that is tried."""
        fit, var = self._session.fit, self._session.shown_var
        tried = self._session.penalty is not None
        self._show_buttons()
        if fit is not None and var is not None:
            top, floor = self._ends()
            share = np.log(top / max(var.penalty, floor)) / np.log(top / floor)
            if not self.slider.isSliderDown():
                with QSignalBlocker(self.slider):
                    self.slider.setValue(round(STEPS * float(np.clip(share, 0, 1))))
            of_fit = f"the fit: {_count(fit.var)} at {fit.var.penalty:.3g}" if tried else "that of the fit"
            self.sparsity_text.setText(f"{_links(_count(var))} at penalty {var.penalty:.3g} ({of_fit})")
            self.path.mark(fit.var.penalty, var.penalty)
        self._show_curve()

    def penalty_at(self, step: int) -> float:
        """Return the penalty at a step of the slider."""
        top, floor = self._ends()
        return float(floor if step == STEPS else top * (floor / top) ** (step / STEPS))

    def use_penalty(self) -> None:
        """Put a fit with the penalty that is tried in use."""
        with in_words():
            self._session.use_penalty()
            maps.follow_penalty(self._panel)

    def released(self) -> None:
        """Let maps follow once the slider rests."""
        with in_words():
            maps.follow_penalty(self._panel)

    def follow_path(self) -> None:
        """Predict held-out frames in the background, unless that was done, is being done, or something else is."""
        session = self._session
        fit, wanted = session.fit, self._panel.isVisible() and session.job == "idle" and session.along_path is None
        if fit is not None and fit is not self._followed and wanted:
            self._followed = fit  # once for each fit, also when there is no result
            follow_path(self._panel)

    def _slide(self, step: int) -> None:
        """Try the penalty at a step of the slider, and let maps follow when it was moved by a key."""
        self._try(self.penalty_at(step), released=not self.slider.isSliderDown())

    def _try(self, penalty: float | None, released: bool = False) -> None:
        with in_words():
            self._session.set_penalty(penalty)
            if released:
                maps.follow_penalty(self._panel)

    def _show_curve(self) -> None:
        along, tried = self._session.along_path, self._session.penalty is not None
        if along is None:
            self.path.show_curve(np.zeros(0), np.zeros(0))
            self.curve_text.setText("Held-out prediction is computed once here.")
        else:
            self.path.show_curve(along.penalties, along.r2)
            self.curve_text.setText(
                f"R² of one-step prediction in {along.n_frames} frames, {along.held_out}; best {along.r2.max():.3f} at "
                f"penalty {along.best:.3g}. Red: the penalty shown{'; dashed: that of the fit' * tried}."
            )

    def _show_buttons(self) -> None:
        unmoved = UNMOVED if self._session.penalty is None else ""
        allow(self.use_button, why_not(self._session, "fit", "idle") or unmoved)
        allow(self.back_button, why_not(self._session, "fit") or unmoved)

    def _job_changed(self, _state: str) -> None:
        self._show_buttons()
        self.follow_path()

    def _ends(self) -> tuple[float, float]:
        """Largest and smallest penalty of the path."""
        path = self._session.require_fit().var.path
        top, floor = float(path.max_penalty.max()), float(path.min_penalty.max())
        return (top, floor) if top > floor > 0 else (1.0, 0.01)  # latents without a single link


def _count(var: VAR) -> int:
    """Count the links of a VAR: nonzero coefficients between different latents."""
    return int(np.count_nonzero((var.coefficients != 0) & ~np.eye(var.latents, dtype=bool)))


def _links(count: int) -> str:
    return f"{count} link{'s' * (count != 1)}"
