"""The fits of this session, in the Train dock: which is in use, with which settings, and files of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_varae.core.settings import FitConfig
from napari_varae.session.labels import describe_fit, describe_settings
from napari_varae.session.reasons import why_not
from napari_varae.widgets.jobs import training
from napari_varae.widgets.jobs.job import Job
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.panel import Panel, allow, button, narrow_choice, row
from napari_varae.widgets.parts.text import in_words, note, report_done

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit

__all__ = ["FitsBox"]

FILES = "Fits (*.varae)"


class FitsBox(QWidget):
    """Choose the fit in use, load and save fits, and show their settings.

    Parameters
    ----------
    panel : Panel
    use : callable
        Takes settings into the form.
    """

    def __init__(self, panel: Panel, use: Callable[[FitConfig], None]) -> None:
        super().__init__()
        self._panel, self._session, self._use = panel, panel.session, use
        self.choice = narrow_choice()
        self.choice.setAccessibleName("Fit in use")
        self.choice.activated.connect(self._choose)
        self.load_button = button("Load fit…", self._ask_load, "A fit that was saved; the movie is encoded with it")
        self.save_button = button("Save fit…", self._ask_save, "The fit in use, as a .varae file")
        self.settings = note()
        self.copy_button = button("Copy its settings to the form", self.copy_settings, "To train again like this")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.choice)
        layout.addLayout(row(self.load_button, self.save_button))
        layout.addWidget(self.settings)
        layout.addWidget(self.copy_button)
        for signal in (self._session.fit_changed, self._session.movie_changed, self._session.job_changed):
            panel.mirror(signal, self._show)
        self._show()

    def copy_settings(self) -> None:
        """Show the settings of the fit in use in the form."""
        with in_words():
            self._use(self._session.require_fit().config)

    def save(self, path: str) -> None:
        """Save the fit."""
        with in_words():
            fit = self._session.require_fit()
            written = fit.save(path)
            self._session.keep_fit(fit, saved=True)
            training.saved(fit)
            report_done(f"The fit was saved as {written}.")

    def load(self, path: str) -> None:
        """Load a fit and encode the movie with it."""
        self._compute(partial(training.load, path), "Loading the fit", saved=True)

    def _ask_save(self) -> None:
        with in_words():
            if path := ask_path(self, "Save the fit", "fit.varae", (".varae",)):
                self.save(path)

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a fit", "", FILES)
        if path:
            self.load(path)

    def _choose(self, index: int) -> None:
        """Go back to an earlier fit."""
        fits = self._session.fits
        if index < len(fits) and fits[index] is not self._session.fit:
            self._compute(partial(_same, fits[index]), "Encoding the movie")
        self._show()

    def _compute(self, get_fit: Callable[[], Fit], title: str, *, saved: bool = False) -> None:
        session = self._session
        with in_words():
            Job(
                self._panel,
                "computing",
                partial(training.encode, get_fit, session.require_stack()),
                title=title,
                on_yield=session.set_device,
                on_return=partial(training.use, session, session.generation.movie, saved=saved),
            )

    def _show(self) -> None:
        fits, fit = self._session.fits, self._session.fit
        self.choice.clear()
        self.choice.addItems([describe_fit(other) for other in fits] or ["no fit yet"])
        self.choice.setCurrentIndex(next((i for i, other in enumerate(fits) if other is fit), -1 if fits else 0))
        allow(self.load_button, why_not(self._session, "movie", "idle"))
        allow(self.save_button, why_not(self._session, "fit"))
        self.copy_button.setVisible(fit is not None)
        self.settings.setVisible(fit is not None)
        if fit is not None:
            self.settings.setText(f"Settings of this fit: {describe_settings(fit.config)}")


def _same(fit: Fit) -> Fit:
    return fit
