"""The Train dock: settings, start, pause and stop, live curves, and the fits of this session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_varae.core.settings import FitConfig
from napari_varae.figures.training import draw_training
from napari_varae.session.labels import describe_fit, describe_settings, describe_time, describe_training, why_not_train
from napari_varae.session.recipe import shown_training
from napari_varae.widgets.jobs import training
from napari_varae.widgets.jobs.background import Background
from napari_varae.widgets.jobs.figures import Draw, FigurePanel
from napari_varae.widgets.jobs.job import Job
from napari_varae.widgets.panels.choice import ChoiceBox
from napari_varae.widgets.panels.curves import Curves
from napari_varae.widgets.parts.copy_as import copy_button
from napari_varae.widgets.parts.files import ask_path
from napari_varae.widgets.parts.forms import SettingsForm
from napari_varae.widgets.parts.panel import button, narrow_choice, row
from napari_varae.widgets.parts.state_strip import describe_job
from napari_varae.widgets.parts.text import heading, in_words, note, report_done

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.fit.report import EpochReport

__all__ = ["TrainPanel"]

FILES = "Fits (*.varae)"
TRAIN_TIP = "Train on the frames chosen in the Movie dock"
REST_MS = 700
"""How long settings must rest before what they need is measured."""


class TrainPanel(FigurePanel):
    """Train a model on the movie, or load one."""

    dock = "Train"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.form: SettingsForm[FitConfig] = SettingsForm(FitConfig, exclude=("frames",))
        self.keep_settings(self.form)
        self.start_button = button("Train", self.start, TRAIN_TIP)
        self.pause_button = button("Pause", self.pause_or_resume, "Wait after the current batch")
        self.keep_button = button(
            "Stop, keep best", partial(self.session.stop, keep=True), "End the training and use its best epoch so far"
        )
        self.drop_button = button(
            "Stop now", partial(self.session.stop, keep=False), "End the training, keep nothing of it"
        )
        self.needs, self.status = note(), note()
        self.needs.setMinimumHeight(2 * self.needs.fontMetrics().lineSpacing())  # nothing moves when it is filled in
        self.unfinished = QWidget()
        self.resume_button = button("", self.resume, "Go on from its last checkpoint, with its settings")
        self.resume_button.setAccessibleName("Resume the training that was cut short")
        self.discard_button = button("Discard", self.discard, "Delete what there is of it")
        self.unfinished.setLayout(row(self.resume_button, self.discard_button, stretch=0))
        self.unfinished.layout().setContentsMargins(0, 0, 0, 0)
        self._before = training.Before()
        self._was_busy = False
        self._measuring: Background | None = None
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._measure)
        self.curves = Curves(self)
        self.fit_choice = narrow_choice()
        self.fit_choice.setAccessibleName("Fit in use")
        self.fit_choice.activated.connect(self._choose)

        self.body.addWidget(self.unfinished)
        self.body.addWidget(heading("Settings"))
        self.body.addWidget(self.form)
        self.choice = ChoiceBox(self, self._config, self.form.set_value)
        self.body.addWidget(self.choice)
        self.body.addWidget(self.needs)
        self.body.addLayout(row(self.start_button, self.pause_button))
        self.body.addLayout(row(self.keep_button, self.drop_button))
        self.reason = note()
        self.body.addWidget(self.reason)
        self.body.addWidget(self.status)
        self.body.addWidget(heading("Progress"))
        self.body.addWidget(self.curves)
        self.body.addWidget(heading("Fits"))
        self.body.addWidget(self.fit_choice)
        self.save_button = button("Save fit…", self.ask_save)
        self.body.addLayout(row(button("Load fit…", self.ask_load), self.save_button))
        self.settings = note()
        self.copy_button = button("Copy its settings to the form", self.copy_settings, "To train again like this")
        self.body.addWidget(self.settings)
        self.body.addWidget(self.copy_button)
        self.copy_as = copy_button(lambda: shown_training(self.session, self._config()))
        self.copy_as.setToolTip("The fit in use; the settings above while there is none")
        self.body.addWidget(self.copy_as)
        self.body.addStretch()

        self.listen(self.session.job_changed, self._show_job)
        self.listen(self.session.progressed, self._show_status)
        self.listen(self.session.reported, self._show_history)
        self.listen(self.session.fit_changed, self._show_fits)
        self.listen(self.session.movie_changed, self._movie_changed)
        self.form.changed.connect(self._ask)
        self._show_before()
        self._show_fits()
        self._show_job()

    def figures(self) -> dict[str, Draw]:
        """Return the curves that are shown."""
        reports = tuple(self.curves.reports)
        curves: dict[str, Draw] = {"training curves": partial(draw_training, reports)} if reports else {}
        return curves | self.choice.figures()

    def start(self) -> None:
        """Train with the settings of the form."""
        with in_words():
            stack = self.session.require_stack()
            config = self._config()
            Job(
                self,
                "training",
                partial(training.train, stack, config, self._before.seconds),
                title="Training",
                total=config.epochs + 3,  # the time, the device, the start, then the epochs
                on_yield=partial(training.take_news, self.session),
                on_return=partial(training.use, self.session, self.session.generation.movie),
            )
            self._show_history()

    def _config(self) -> FitConfig:
        """Return the settings of the form, for the frames chosen in the Movie dock."""
        return self.form.value().model_copy(update={"frames": self.session.frames})

    def resume(self) -> None:
        """Go on with the training of this movie that was cut short."""
        cut = self._before.unfinished
        with in_words():
            stack = self.session.require_stack()
            if cut is None:
                raise ValueError("There is no training of this movie to go on with.")
            if stack.bad_frames != cut.bad_frames:
                self.session.describe_movie(stack.frame_rate, stack.pixel_size, cut.bad_frames)
                stack = self.session.require_stack()
            self.form.set_value(cut.config)
            Job(
                self,
                "training",
                partial(training.proceed, stack, cut),
                title="Training",
                total=cut.config.epochs + 2,
                on_yield=partial(training.take_news, self.session),
                on_return=partial(training.use, self.session, self.session.generation.movie),
            )
            self._before = training.Before()
            self._show_before()

    def discard(self) -> None:
        """Delete the training of this movie that was cut short."""
        if self._before.unfinished is not None:
            from napari_varae.core.training.unfinished import forget

            forget(self._before.unfinished.folder)
            self._before = training.Before(None, self._before.needs)
            self._ask()

    def copy_settings(self) -> None:
        """Show the settings of the fit in use in the form."""
        with in_words():
            self.form.set_value(self.session.require_fit().config)

    def pause_or_resume(self) -> None:
        """Pause a running training, resume a paused one."""
        if self.session.job == "paused":
            self.session.resume()
        else:
            self.session.pause()

    def ask_save(self) -> None:
        """Let the user choose where to save the fit."""
        with in_words():
            if path := ask_path(self, "Save the fit", "fit.varae", (".varae",)):
                self.save(path)

    def save(self, path: str) -> None:
        """Save the fit."""
        with in_words():
            fit = self.session.require_fit()
            written = fit.save(path)
            self.session.keep_fit(fit, saved=True)
            training.saved(fit)
            report_done(f"The fit was saved as {written}.")

    def ask_load(self) -> None:
        """Let the user choose a fit file, and load it."""
        path, _ = QFileDialog.getOpenFileName(self, "Load a fit", "", FILES)
        if path:
            self.load(path)

    def load(self, path: str) -> None:
        """Load a fit and encode the movie with it."""
        self._compute(partial(training.load, path), "Loading the fit", saved=True)

    def _choose(self, index: int) -> None:
        """Go back to an earlier fit."""
        if index < len(self.session.fits) and self.session.fits[index] is not self.session.fit:
            self._compute(partial(_same, self.session.fits[index]), "Encoding the movie")
        self._show_fits()

    def _compute(self, get_fit: Callable[[], Fit], title: str, *, saved: bool = False) -> None:
        with in_words():
            stack = self.session.require_stack()
            Job(
                self,
                "computing",
                partial(training.encode, get_fit, stack),
                title=title,
                on_yield=self.session.set_device,
                on_return=partial(training.use, self.session, self.session.generation.movie, saved=saved),
            )

    def showEvent(self, event: QShowEvent) -> None:
        """Look ahead once somebody looks."""
        super().showEvent(event)
        self._ask()

    def retire(self) -> None:
        """Let go of the session, the viewer and what is measured."""
        super().retire()
        self._rest.stop()
        self._cancel()

    def _movie_changed(self) -> None:
        self._before = training.Before()
        self._show_before()
        self._show_job()
        self._ask()

    def _ask(self) -> None:
        """Measure what the settings need, after a rest."""
        self._cancel()
        self._before = self._before._replace(seconds=None)
        self._show_before()
        if self.isVisible():
            self._rest.start()

    def _cancel(self) -> None:
        if self._measuring is not None:
            self._measuring.cancel()
        self._measuring = None

    def _measure(self) -> None:
        """Look, in the background, for a training that was cut short, and measure what this one will need."""
        self._cancel()
        stack = self.session.stack
        if stack is None or self.session.job != "idle":
            return
        try:
            config = self._config()
        except ValueError as error:
            self._before = self._before._replace(needs=str(error))
            self._show_before()
            config = None
        self._measuring = Background(
            self, partial(training.look_ahead, stack, config), on_yield=self._take_before, on_return=self._measured
        )
        self._measuring.start()

    def _take_before(self, before: training.Before) -> None:
        self._before = before if before.needs else self._before._replace(unfinished=before.unfinished)
        self._show_before()

    def _measured(self, _nothing: None) -> None:
        self._measuring = None

    def _show_before(self) -> None:
        """Show what is known before the start."""
        cut, idle = self._before.unfinished, self.session.job == "idle"
        self.unfinished.setVisible(cut is not None and idle)
        if cut is not None:
            reached = "before its start" if cut.epoch is None else f"epoch {cut.epoch}"
            self.resume_button.setText(f"Resume the fit of {describe_time(cut.began)}, {reached}")
        self.needs.setText(self._before.needs)

    def _show_job(self) -> None:
        job = self.session.job
        if job != "idle":
            self._rest.stop()
            self._cancel()
        elif self._was_busy:
            self._ask()
        self._was_busy = job != "idle"
        self._show_before()
        self.start_button.setEnabled(job == "idle" and self.session.stack is not None)
        self.pause_button.setEnabled(job in ("training", "paused"))
        self.pause_button.setText("Resume" if job == "paused" else "Pause")
        trains = self.session.progress is not None and self.session.progress.task == "training"
        self.keep_button.setEnabled(job in ("training", "paused"))
        self.drop_button.setEnabled(trains and self.session.keeps)  # who waits for the best may still drop it
        self.form.setEnabled(not trains)
        self.reason.setText(why_not_train(self.session))
        can = self.start_button.isEnabled()
        self.start_button.setToolTip(TRAIN_TIP if can else why_not_train(self.session))
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

    def _show_curves(self, reports: Sequence[EpochReport]) -> None:
        self.curves.show_reports(reports)
        self._show_status()

    def _show_fits(self) -> None:
        fits = self.session.fits
        self.fit_choice.clear()
        self.fit_choice.addItems([describe_fit(fit) for fit in fits] or ["no fit yet"])
        active = next((i for i, fit in enumerate(fits) if fit is self.session.fit), -1 if fits else 0)
        self.fit_choice.setCurrentIndex(active)
        self.save_button.setEnabled(self.session.fit is not None)
        self.save_button.setToolTip("" if self.session.fit is not None else "There is no fit to save yet")
        self.copy_button.setVisible(self.session.fit is not None)
        self.settings.setVisible(self.session.fit is not None)
        if self.session.fit is not None:
            self.settings.setText(f"Settings of this fit: {describe_settings(self.session.fit.config)}")
        trains = self.session.progress is not None and self.session.progress.task == "training"
        fit = self.session.fit
        self._show_curves(self.session.history if fit is None or trains else fit.history)


def _same(fit: Fit) -> Fit:
    return fit
