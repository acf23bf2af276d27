"""The Train dock: settings, start, pause and stop, live curves and an example, and the fits of this session."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QShowEvent

from napari_varae.core.settings import FitConfig
from napari_varae.figures.training import draw_training
from napari_varae.session.labels import describe_training, why_not_train
from napari_varae.session.reasons import why_not
from napari_varae.session.recipe import shown_training
from napari_varae.widgets.boxes.choice import ChoiceBox
from napari_varae.widgets.boxes.curves import Curves
from napari_varae.widgets.boxes.fits import FitsBox
from napari_varae.widgets.boxes.look_ahead import LookAhead
from napari_varae.widgets.jobs import training
from napari_varae.widgets.jobs.figures import Draw, FigurePanel
from napari_varae.widgets.jobs.job import Job, Work
from napari_varae.widgets.parts.copy_as import copy_button
from napari_varae.widgets.parts.example_view import ExampleView
from napari_varae.widgets.parts.forms import SettingsForm
from napari_varae.widgets.parts.panel import allow, button, row
from napari_varae.widgets.parts.state_strip import describe_job
from napari_varae.widgets.parts.text import heading, in_words, note

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.core.fit.report import EpochReport

__all__ = ["TrainPanel"]

TRAIN_TIP = "Train on the frames chosen in the Movie dock"
NOT_TRAINING = "Available while a training runs."


class TrainPanel(FigurePanel):
    """Train a model on the movie, or load one."""

    dock = "Train"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        session = self.session
        self.form: SettingsForm[FitConfig] = SettingsForm(FitConfig, exclude=("frames",))
        self.keep_settings(self.form)
        self.ahead = LookAhead(self, self._config, self.resume)
        self.choice = ChoiceBox(self, self._config, self.form.set_value)
        self.start_button = button("Train", self.start, TRAIN_TIP)
        self.pause_button = button("Pause", self.pause_or_resume, "Wait after the current batch")
        self.keep_button = button(
            "Stop, keep best", partial(session.stop, keep=True), "End the training and use its best epoch so far"
        )
        self.drop_button = button("Stop now", partial(session.stop, keep=False), "End the training, keep nothing of it")
        self.reason, self.status = note(), note()
        self.curves, self.example = Curves(self), ExampleView()
        self.fits = FitsBox(self, self.form.set_value)
        self.copy_as = copy_button(lambda: shown_training(session, self._config()))
        self.copy_as.setToolTip("The fit in use; the settings above while there is none")

        self.body.addWidget(self.ahead.unfinished)
        self.body.addWidget(heading("Settings"))
        for widget in (self.form, self.choice, self.ahead.needs):
            self.body.addWidget(widget)
        self.body.addLayout(row(self.start_button, self.pause_button))
        self.body.addLayout(row(self.keep_button, self.drop_button))
        for widget in (self.reason, self.status, heading("Progress"), self.curves, self.example):
            self.body.addWidget(widget)
        for widget in (heading("Fits"), self.fits, self.copy_as):
            self.body.addWidget(widget)
        self.body.addStretch()

        self.mirror(session.job_changed, self._show_job)
        self.mirror(session.progressed, self._show_status)
        self.mirror(session.reported, self._show_history)
        self.listen(session.example_changed, self._show_example)
        self.listen(session.fit_changed, self._show_curves_in_use)
        self.listen(session.movie_changed, self._show_job)
        self.form.changed.connect(self.ahead.ask)
        self._show_curves_in_use()
        self._show_example()
        self._show_job()

    def figures(self) -> dict[str, Draw]:
        """Return the curves that are shown."""
        reports = tuple(self.curves.reports)
        curves: dict[str, Draw] = {"training curves": partial(draw_training, reports)} if reports else {}
        return curves | self.choice.figures()

    def start(self) -> None:
        """Train with the settings of the form."""
        with in_words():
            stack, config = self.session.require_stack(), self._config()
            self._run(partial(training.train, stack, config, self.ahead.known.seconds), config.epochs)

    def resume(self) -> None:
        """Go on with the training of this movie that was cut short."""
        cut = self.ahead.known.unfinished
        with in_words():
            stack = self.session.require_stack()
            if cut is None:
                raise ValueError("There is no training of this movie to go on with.")
            if stack.bad_frames != cut.bad_frames:
                self.session.describe_movie(stack.frame_rate, stack.pixel_size, cut.bad_frames)
                stack = self.session.require_stack()
            self.form.set_value(cut.config)
            self._run(partial(training.proceed, stack, cut), cut.config.epochs)
            self.ahead.forget()

    def _run(self, work: Work, epochs: int) -> None:
        """Train in the background."""
        Job(
            self,
            "training",
            work,
            title="Training",
            total=3 + 2 * epochs,  # the time, the device, the start, then an example and a report of each epoch
            on_yield=partial(training.take_news, self.session),
            on_return=partial(training.use, self.session, self.session.generation.movie),
        )
        self._show_history()

    def _config(self) -> FitConfig:
        """Return the settings of the form, for the frames chosen in the Movie dock."""
        return self.form.value().model_copy(update={"frames": self.session.frames})

    def pause_or_resume(self) -> None:
        """Pause a running training, resume a paused one."""
        if self.session.job == "paused":
            self.session.resume()
        else:
            self.session.pause()

    def showEvent(self, event: QShowEvent) -> None:
        """Look ahead once somebody looks."""
        super().showEvent(event)
        self.ahead.ask()

    def retire(self) -> None:
        """Let go of the session, the viewer and what is measured."""
        super().retire()
        self.ahead.retire()

    def _trains(self) -> bool:
        return self.session.progress is not None and self.session.progress.task == "training"

    def _show_job(self) -> None:
        job, trains = self.session.job, self._trains()
        allow(self.start_button, why_not(self.session, "movie", "idle"))
        for control in (self.pause_button, self.keep_button):
            allow(control, "" if job in ("training", "paused") else NOT_TRAINING)
        self.pause_button.setText("Resume" if job == "paused" else "Pause")
        allow(self.drop_button, "" if trains and self.session.keeps else NOT_TRAINING)  # also while the best is awaited
        self.reason.setText(why_not_train(self.session))
        allow(self.form, why_not_train(self.session) if trains else "")
        self._show_status()

    def _show_status(self) -> None:
        job, fit, shown = self.session.job, self.session.fit, self.curves.reports
        if job != "idle":
            self.status.setText(f"{describe_job(self.session)}.")
            return
        words = self.session.caution or (describe_training(fit) if fit is not None and fit.history else "Ready.")
        if shown and (fit is None or fit.history != tuple(shown)):
            words += " These curves belong to a run whose model is not in use."
        self.status.setText(words)

    def _show_history(self, _report: Any = None) -> None:
        """Draw the curves of the training that runs."""
        self._show_curves(self.session.history)

    def _show_curves_in_use(self) -> None:
        """Draw the curves of the training that runs, or of the fit in use."""
        fit = self.session.fit
        self._show_curves(self.session.history if fit is None or self._trains() else fit.history)

    def _show_curves(self, reports: Sequence[EpochReport]) -> None:
        self.curves.show_reports(reports)
        self._show_status()

    def _show_example(self) -> None:
        example = self.session.example
        self.example.setVisible(example is not None)
        if example is not None:
            self.example.show_example(example)
