"""The Train dock: settings, start, pause and stop, live curves, and the fits of this session."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QFileDialog

from napari_varae.core.settings import FitConfig
from napari_varae.session.components import principal_components
from napari_varae.session.job_events import Controls
from napari_varae.session.labels import describe_fit
from napari_varae.session.session import Session
from napari_varae.widgets.jobs.job import Job, Report
from napari_varae.widgets.parts.forms import SettingsForm
from napari_varae.widgets.parts.panel import Panel, button, row
from napari_varae.widgets.parts.plots import CurvePlot
from napari_varae.widgets.parts.state_strip import describe_job
from napari_varae.widgets.parts.text import heading, in_words, note, report_caution, report_done

if TYPE_CHECKING:
    import numpy as np
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_varae.core.fit.apply import Applied
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.fit.report import EpochReport
    from napari_varae.core.movie.stack import Stack

    Fitted = tuple[Fit, Applied, NDArray[np.float64]]

__all__ = ["TrainPanel"]

FILES = "Fits (*.varae)"
PER_LATENT = "nonzero, per latent"


class TrainPanel(Panel):
    """Train a model on the movie, or load one."""

    dock = "Train"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.form: SettingsForm[FitConfig] = SettingsForm(FitConfig, exclude=("frames",))
        self.keep_settings(self.form)
        self.start_button = button("Train", self.start, "Train on the frames chosen in the Movie dock")
        self.pause_button = button("Pause", self.pause_or_resume, "Wait after the current batch")
        self.keep_button = button(
            "Stop, keep best", partial(self.session.stop, keep=True), "End the training and use its best epoch so far"
        )
        self.drop_button = button(
            "Stop now", partial(self.session.stop, keep=False), "End the training, keep nothing of it"
        )
        self.status = note()
        self.loss = CurvePlot("loss", ("training", "held out"))
        self.explained = CurvePlot("explained", ("reconstruction", "prediction"))
        self.sparsity = CurvePlot("coefficients", (PER_LATENT,), height=110)
        self._curves: Sequence[EpochReport] = ()
        self.fit_choice = QComboBox()
        self.fit_choice.activated.connect(self._choose)

        self.body.addWidget(heading("Settings"))
        self.body.addWidget(self.form)
        self.body.addLayout(row(self.start_button, self.pause_button))
        self.body.addLayout(row(self.keep_button, self.drop_button))
        self.body.addWidget(self.status)
        self.body.addWidget(heading("Progress"))
        for plot in (self.loss, self.explained, self.sparsity):
            self.add_plot(plot)
            self.body.addWidget(plot)
        self.body.addWidget(heading("Fits"))
        self.body.addWidget(self.fit_choice)
        self.save_button = button("Save fit…", self.ask_save)
        self.body.addLayout(row(button("Load fit…", self.ask_load), self.save_button))
        self.body.addStretch()

        self.listen(self.session.job_changed, self._show_job)
        self.listen(self.session.progressed, self._show_status)
        self.listen(self.session.reported, self._show_history)
        self.listen(self.session.fit_changed, self._show_fits)
        self.listen(self.session.movie_changed, self._show_job)
        self._show_fits()
        self._show_job()

    def start(self) -> None:
        """Train with the settings of the form."""
        with in_words():
            stack = self.session.require_stack()
            config = self.form.value().model_copy(update={"frames": self.session.frames})
            Job(
                self,
                "training",
                partial(_train, stack, config),
                title="Training",
                total=config.epochs + 2,  # the device, the start, then the epochs
                on_yield=partial(_report, self.session),
                on_return=partial(_use, self.session, self.session.generation.movie),
            )
            self._show_history()

    def pause_or_resume(self) -> None:
        """Pause a running training, resume a paused one."""
        if self.session.job == "paused":
            self.session.resume()
        else:
            self.session.pause()

    def ask_save(self) -> None:
        """Let the user choose where to save the fit."""
        path, _ = QFileDialog.getSaveFileName(self, "Save the fit", "fit.varae", FILES)
        if path:
            self.save(path)

    def save(self, path: str) -> None:
        """Save the fit."""
        with in_words():
            fit = self.session.require_fit()
            written = fit.save(path)
            self.session.keep_fit(fit, saved=True)
            report_done(f"The fit was saved as {written}.")

    def ask_load(self) -> None:
        """Let the user choose a fit file, and load it."""
        path, _ = QFileDialog.getOpenFileName(self, "Load a fit", "", FILES)
        if path:
            self.load(path)

    def load(self, path: str) -> None:
        """Load a fit and encode the movie with it."""
        self._compute(partial(_load, path), "Loading the fit", saved=True)

    def _choose(self, index: int) -> None:
        """Go back to an earlier fit."""
        if index < len(self.session.fits) and self.session.fits[index] is not self.session.fit:
            self._compute(partial(_return, self.session.fits[index]), "Encoding the movie")
        self._show_fits()

    def _compute(self, get_fit: Callable[[], Fit], title: str, *, saved: bool = False) -> None:
        with in_words():
            stack = self.session.require_stack()
            Job(
                self,
                "computing",
                partial(_encode, get_fit, stack),
                title=title,
                on_yield=self.session.set_device,
                on_return=partial(_use, self.session, self.session.generation.movie, saved=saved),
            )

    def _show_job(self) -> None:
        job = self.session.job
        self.start_button.setEnabled(job == "idle" and self.session.stack is not None)
        self.pause_button.setEnabled(job in ("training", "paused"))
        self.pause_button.setText("Resume" if job == "paused" else "Pause")
        trains = self.session.progress is not None and self.session.progress.task == "training"
        self.keep_button.setEnabled(job in ("training", "paused"))
        self.drop_button.setEnabled(trains and self.session.keeps)  # who waits for the best may still drop it
        self.form.setEnabled(not trains)
        self._show_status()

    def _show_status(self) -> None:
        job, fit, shown = self.session.job, self.session.fit, self._curves
        if job != "idle":
            self.status.setText(f"{describe_job(self.session)}.")
            return
        words = self.session.caution or (_in_words(fit) if fit is not None and fit.history else "Ready.")
        if shown and (fit is None or fit.history != tuple(shown)):
            words += " These curves belong to a run whose model is not in use."
        self.status.setText(words)

    def _show_history(self, _report: Any = None) -> None:
        """Draw the curves of the training that runs."""
        self._show_curves(self.session.history)

    def _show_curves(self, reports: Sequence[EpochReport]) -> None:
        self._curves = reports
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
        self._show_status()

    def _show_fits(self) -> None:
        fits = self.session.fits
        self.fit_choice.clear()
        self.fit_choice.addItems([describe_fit(fit) for fit in fits] or ["no fit yet"])
        active = next((i for i, fit in enumerate(fits) if fit is self.session.fit), -1 if fits else 0)
        self.fit_choice.setCurrentIndex(active)
        self.save_button.setEnabled(self.session.fit is not None)
        trains = self.session.progress is not None and self.session.progress.task == "training"
        fit = self.session.fit
        self._show_curves(self.session.history if fit is None or trains else fit.history)


def _in_words(fit: Fit) -> str:
    """Report what training reached."""
    best = next((report for report in reversed(fit.history) if report.best), None)
    if best is None or best.epoch == 0:
        return "No epoch was better on held-out frames than the initial model, which was kept."
    return (
        f"Best epoch {best.epoch}: reconstruction explains {best.reconstruction_fve:.1%} and one-step "
        f"prediction {best.prediction_fve:.1%} of the held-out variance."
    )


# What follows runs in the worker's thread, or outlives the dock: it knows no widget.


def _train(stack: Stack, config: FitConfig, controls: Controls, report: Report) -> Generator[Any, None, Fitted]:
    """Train, and encode the whole movie."""
    from napari_varae.core.compute.device import choose_device
    from napari_varae.core.compute.threads import default_threads
    from napari_varae.core.training.train import train

    report("loading PyTorch")
    if config.threads is None:  # one core is left to the window
        config = config.model_copy(update={"threads": max(1, default_threads() - 1)})
    stack = stack.checked(controls.check_drop)
    yield choose_device(config.device)[1]
    fit = yield from train(
        stack, config, controls.stop, controls.pause, controls.drop, progress=partial(_report_phase, report)
    )
    return _applied(fit, stack, report)


def _encode(
    get_fit: Callable[[], Fit], stack: Stack, controls: Controls, report: Report
) -> Generator[Any, None, Fitted]:
    """Get a fit and encode the movie with it, which fails when it does not suit the movie."""
    fit = get_fit()
    yield f"{str(fit.device).upper()}, where the fit was loaded"
    return _applied(fit, stack.checked(controls.check), report)


def _report_phase(report: Report, phase: str, share: float) -> None:
    """Report what is prepared; the epochs of the training itself are reported one by one."""
    report("" if phase == "training" else f"{phase}, {share:.0%}")


def _applied(fit: Fit, stack: Stack, report: Report) -> Fitted:
    """Encode the whole movie, unless it is stopped, and compute here what the docks will ask the fit for."""
    from napari_varae.core.fit.apply import apply_fit

    found = apply_fit(fit, stack, partial(report, "encoding the movie, frame"))
    _ = fit.whole_image, fit.places, fit.strengths  # kept by the fit; too slow for the thread of the screen
    return fit, found, principal_components(fit, found.latents)


def _load(path: str) -> Fit:
    from napari_varae.core.fit.load import load_fit

    return load_fit(path)


def _return(fit: Fit) -> Fit:
    return fit


def _report(session: Session, news: Any) -> None:
    """Pass on the device with its reason, or the report of an epoch."""
    if isinstance(news, str):
        session.set_device(news)
    else:
        session.report(news)


def _use(session: Session, movie: int, result: Fitted, *, saved: bool = False) -> None:
    """Take a fit in use; when its movie was closed meanwhile, keep it among the fits of the session."""
    fit, found, components = result
    for text in fit.notes:
        report_caution(text)
    if session.generation.movie == movie:
        session.use_fit(fit, found.latents, found.movie, found.explained, components)
        session.keep_fit(fit, saved=saved)
    else:
        session.keep_fit(fit, saved=saved)
        report_done(f"The movie was closed; its fit {fit.id} is kept in the Train dock.")
