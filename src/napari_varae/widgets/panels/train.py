"""The Train dock: settings, start, pause and stop, live curves, and the fits of this session."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info, show_warning
from qtpy.QtWidgets import QComboBox, QFileDialog

from napari_varae.core.settings import FitConfig
from napari_varae.session.job_events import Controls
from napari_varae.session.labels import describe_fit
from napari_varae.session.ranges import format_time
from napari_varae.session.session import Session
from napari_varae.widgets.jobs.job import Job, Tell
from napari_varae.widgets.parts.forms import SettingsForm
from napari_varae.widgets.parts.panel import Panel, button, heading, in_words, note, row
from napari_varae.widgets.parts.plots import CurvePlot

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.core.fit.apply import Applied
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack

    Fitted = tuple[Fit, Applied]

__all__ = ["TrainPanel"]

FILES = "Fits (*.varae)"


class TrainPanel(Panel):
    """Train a model on the movie, or load one."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.form: SettingsForm[FitConfig] = SettingsForm(FitConfig, exclude=("frames",))
        self.start_button = button("Train", self.start, "Train on the frames chosen in the Movie dock")
        self.pause_button = button("Pause", self.pause_or_resume, "Wait after the batch at hand")
        self.keep_button = button(
            "Stop, keep best", partial(self.session.stop, keep=True), "Keep the best epoch so far"
        )
        self.drop_button = button("Stop now", partial(self.session.stop, keep=False), "Keep nothing of this training")
        self.status = note()
        self.loss = CurvePlot("loss", ("training", "held out"))
        self.explained = CurvePlot("explained", ("reconstruction", "prediction"))
        self.sparsity = CurvePlot("coefficients", ("per latent, not zero",), height=110)
        self._was_training = False
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
        self.listen(self.session.reported, self._show_progress)
        self.listen(self.session.fit_changed, self._show_fits)
        self.listen(self.session.movie_changed, self._show_job)
        self._show_job()
        self._show_progress()
        self._show_fits()

    def start(self) -> None:
        """Train with the settings of the form."""
        with in_words():
            stack = self.session.require_stack()
            config = self.form.value().model_copy(update={"frames": self.session.frames})
            Job(
                self,
                "training",
                partial(_train, stack, config),
                description="VARAE: training",
                total=config.epochs + 1,  # the device, then the epochs
                on_yield=partial(_report, self.session),
                on_return=partial(_use, self.session, self.session.generation.movie),
            )
            self._show_progress()

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
            show_info(f"The fit was saved as {written}.")

    def ask_load(self) -> None:
        """Let the user choose a fit file, and load it."""
        path, _ = QFileDialog.getOpenFileName(self, "Load a fit", "", FILES)
        if path:
            self.load(path)

    def load(self, path: str) -> None:
        """Load a fit and find its latents in the movie."""
        self._compute(partial(_load, path), "VARAE: loading the fit", saved=True)

    def _choose(self, index: int) -> None:
        """Go back to an earlier fit."""
        if index < len(self.session.fits) and self.session.fits[index] is not self.session.fit:
            self._compute(partial(_return, self.session.fits[index]), "VARAE: reading the latents")
        self._show_fits()

    def _compute(self, get_fit: Callable[[], Fit], description: str, saved: bool = False) -> None:
        with in_words():
            stack = self.session.require_stack()
            Job(
                self,
                "computing",
                partial(_encode, get_fit, stack),
                description=description,
                on_yield=self.session.set_device,
                on_return=partial(_use, self.session, self.session.generation.movie, saved=saved),
            )

    def _show_job(self) -> None:
        job = self.session.job
        self.start_button.setEnabled(job == "idle" and self.session.stack is not None)
        self.pause_button.setEnabled(job in ("training", "paused"))
        self.pause_button.setText("Resume" if job == "paused" else "Pause")
        trains = job in ("training", "paused")
        self._was_training = trains or (self._was_training and job == "stopping")
        self.keep_button.setEnabled(trains)
        self.drop_button.setEnabled(self._was_training and self.session.keeps)  # who waits for the best may drop it yet
        self.form.setEnabled(not self._was_training)
        self._show_status()

    def _show_status(self) -> None:
        history, job, fit = self.session.history, self.session.job, self.session.fit
        words = {"idle": "Ready.", "training": "Preparing…", "paused": "Paused.", "stopping": "Stopping…"}.get(
            job, "Busy…"
        )
        if history and job in ("training", "paused"):
            last = history[-1]
            left = (last.epochs - last.epoch) * last.seconds / last.epoch
            words = f"{job.capitalize()}: epoch {last.epoch} of {last.epochs}, at most {format_time(left)} left."
        elif fit is not None and fit.history and job == "idle":
            words = self.session.caution or _in_words(fit)
        if history and job == "idle" and (fit is None or fit.history != tuple(history)):
            words += " The curves are of a training that is not in use."
        self.status.setText(words)

    def _show_progress(self, _report: Any = None) -> None:
        history = self.session.history
        epochs = [report.epoch for report in history]
        self.loss.show_curves(
            epochs, {"training": [r.train_loss for r in history], "held out": [r.held_out_loss for r in history]}
        )
        self.explained.show_curves(
            epochs,
            {
                "reconstruction": [r.reconstruction_fve for r in history],
                "prediction": [r.prediction_fve for r in history],
            },
        )
        self.sparsity.show_curves(epochs, {"per latent, not zero": [r.nonzeros_per_target for r in history]})
        self._show_status()

    def _show_fits(self) -> None:
        fits = self.session.fits
        self.fit_choice.clear()
        self.fit_choice.addItems([describe_fit(fit) for fit in fits] or ["no fit yet"])
        active = next((i for i, fit in enumerate(fits) if fit is self.session.fit), -1 if fits else 0)
        self.fit_choice.setCurrentIndex(active)
        self.save_button.setEnabled(self.session.fit is not None)
        self._show_status()


def _in_words(fit: Fit) -> str:
    """Say what training reached."""
    best = next((report for report in reversed(fit.history) if report.best), None)
    if best is None:
        return "No epoch was better on held-out frames than the start, which was kept."
    return (
        f"Best epoch {best.epoch}: reconstruction explains {best.reconstruction_fve:.1%} and one-step "
        f"prediction {best.prediction_fve:.1%} of the held-out variance."
    )


# What follows runs in the worker's thread, or outlives the dock: it knows no widget.


def _train(stack: Stack, config: FitConfig, controls: Controls, _progress: Tell) -> Generator[Any, None, Fitted]:
    """Train, and find the latents of the whole movie."""
    from napari_varae.core.compute.device import choose_device
    from napari_varae.core.fit.apply import apply_fit
    from napari_varae.core.training.train import train

    stack = stack.checked(controls.check)
    yield choose_device(config.device)[1]
    fit = yield from train(stack, config, controls.stop, controls.pause, controls.drop)
    return fit, apply_fit(fit, stack)


def _encode(
    get_fit: Callable[[], Fit], stack: Stack, controls: Controls, _progress: Tell
) -> Generator[Any, None, Fitted]:
    """Get a fit and find its latents, which fails when it does not suit the movie."""
    from napari_varae.core.fit.apply import apply_fit

    fit = get_fit()
    yield f"{str(fit.device).upper()}, where the fit was loaded"
    return fit, apply_fit(fit, stack.checked(controls.check))


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


def _use(session: Session, movie: int, result: Fitted, saved: bool = False) -> None:
    """Take a fit in use; when its movie is gone meanwhile, keep it among the fits of the session."""
    fit, found = result
    for text in fit.notes:
        show_warning(text)
    if session.generation.movie == movie:
        session.use_fit(fit, found.latents, found.movie, found.explained)
        session.keep_fit(fit, saved=saved)
    else:
        session.keep_fit(fit, saved=saved)
        show_info(f"The movie is gone; its fit {fit.id} is kept in the Train dock.")
