"""What the docks of one viewer share: movie, fit, ranges, comparison. No Qt, no napari, no torch at import."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_varae.core.movie.frames import FrameRange, check_range
from napari_varae.core.movie.odd_frames import OddFrames
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import Settings
from napari_varae.errors import StackError
from napari_varae.session.comparisons import Comparisons
from napari_varae.session.conditions import ConditionsResult
from napari_varae.session.covariates import Covariates
from napari_varae.session.current_job import CurrentJob
from napari_varae.session.experiment import Experiment
from napari_varae.session.files import JoinedFiles
from napari_varae.session.fits import kept_fits
from napari_varae.session.frame_set_edits import FrameSetEdits
from napari_varae.session.frame_sets import Letter
from napari_varae.session.generation import Generation
from napari_varae.session.job_events import Controls, JobState
from napari_varae.session.keeping import Keeping
from napari_varae.session.labels import describe_fit, describe_movie
from napari_varae.session.links import Links
from napari_varae.session.principal_components import principal_components
from napari_varae.session.questions import Questions
from napari_varae.session.range_notes import range_notes
from napari_varae.session.results import Edge
from napari_varae.session.robustness import RobustnessResult
from napari_varae.session.suggestion import ChoiceResult
from napari_varae.session.training_news import TrainingNews

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit
    from napari_varae.io.frame_table import FrameTable

__all__ = ["Letter", "Session", "session_of"]


class Session(
    CurrentJob, FrameSetEdits, Comparisons, Experiment, Links, Questions, Keeping, RobustnessResult, ChoiceResult,
    ConditionsResult, TrainingNews, Covariates, JoinedFiles,
):  # fmt: skip
    """Evented state of one viewer.

    Docks call its methods and listen to its signals; they never call each other. A method that raises leaves everything
    as it was. All of it belongs to the thread of the screen; only the events of :class:`Controls` cross threads.

    What a job or a result is about is its :attr:`generation`; a result of another generation is not current.
    """

    movie_changed = Signal()
    fit_changed = Signal()
    frame_changed = Signal(int)
    edge_changed = Signal()
    device_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.stack: Stack | None = None
        self.frames: FrameRange | None = None
        self.fits: list[Fit] = []
        self.fit: Fit | None = None
        self.latents: NDArray[np.float32] | None = None
        self.components: NDArray[np.float64] | None = None
        self.caution: str | None = None
        """Why results of the fit in use are in doubt: it was trained on another movie."""
        self.explained: float | None = None
        """Fraction of the variance of this movie that a fit of another movie explains, if that was measured."""
        self.odd: OddFrames | None = None
        self.frame = 0
        self.edge: Edge | None = None
        self.began = Generation()
        """What was in use when the last job began."""
        self.settings: dict[str, Settings] = {}
        self.device = "chosen at first use"
        self._movies = 0

    @property
    def generation(self) -> Generation:
        """What is in use now: movie, fit, frame sets, bad frames."""
        return Generation(
            self._movies,
            "" if self.fit is None else self.fit.id,
            self.ranges["a"],
            self.ranges["b"],
            frozenset() if self.stack is None else self.stack.bad_frames,
            self.covariates,
            self.covariate_lags,
        )

    # The movie

    def use_movie(self, stack: Stack) -> Stack:
        """Make `stack` the movie. Fits made so far are kept in `fits`; ranges and results of another movie are dropped.

        Raises
        ------
        ValueError
            While a job is running.
        StackError
            When its first frame cannot be used.
        """
        self._require_idle("change the movie")
        stack.read(0, 1)
        self._replace_movie(stack)
        return stack

    def close_movie(self) -> None:
        """Let the movie go, when its layer was removed.

        A training ends and its fit is kept; any other job is of no use any more, and ends without a result.
        """
        if self.job != "stopping":
            self.stop(keep=self.job in ("training", "paused"))
        self._replace_movie(None)

    def describe_movie(
        self,
        frame_rate: float | None,
        pixel_size: float | None,
        bad_frames: Iterable[int] | None = None,
    ) -> None:
        """Set what the file did not state: frame rate (Hz), pixel size (um); None when unknown.

        Frames to leave out stay as they are when they are None.

        Raises
        ------
        ValueError
            When a value makes no sense, there is no movie, a job is running, or trials or behaviour would not fit.
        """
        stack = self.require_stack()
        bad = stack.bad_frames if bad_frames is None else bad_frames
        self._describe(stack.replace(frame_rate=frame_rate, pixel_size=pixel_size, bad_frames=bad))

    def use_frame_table(self, table: FrameTable) -> None:
        """Add the bad frames of a table to those that are marked, and take its shifts.

        Raises
        ------
        ValueError
            When no movie is open, or a job is running.
        """
        self._describe(table.added_to(self.require_stack()))

    def _describe(self, stack: Stack) -> None:
        """Take in the same movie with other facts about it."""
        self._require_idle("change the movie")
        self.check_experiment(stack)
        self.stack = stack
        self.set_placebo(None)
        self.movie_changed.emit()
        self.ranges_changed.emit()

    def set_frames(self, frames: FrameRange | None) -> None:
        """Choose the frames to train on; all when None.

        Raises
        ------
        ValueError
            When they lie outside the movie.
        """
        if frames is not None:
            frames = check_range(frames, self.require_stack().n_frames, name="training frames", minimum=2)
        if frames != self.frames:
            self.frames = frames
            self.movie_changed.emit()

    def set_frame(self, frame: int) -> None:
        """Move the cursor to a frame, at most to the ends of the movie."""
        last = 0 if self.stack is None else self.stack.n_frames - 1
        frame = min(max(int(frame), 0), last)
        if frame != self.frame:
            self.frame = frame
            self.frame_changed.emit(frame)

    # The fit

    def use_fit(
        self,
        fit: Fit,
        latents: NDArray[np.float32],
        movie: str | None = None,
        explained: float | None = None,
        components: NDArray[np.float64] | None = None,
        odd: OddFrames | None = None,
    ) -> None:
        """Make `fit` the fit in use.

        Parameters
        ----------
        fit : Fit
        latents : array, shape (T, K)
            What it finds in the movie.
        movie : str, optional
            Fingerprint of the movie, when it is known: else frames are read for it.
        explained : float, optional
            Fraction of the movie's variance around the static image that the fit explains, when it is of another movie.
        components : array, shape (T, 3), optional
            Principal components of the latents, when they are known.
        odd : OddFrames, optional

        Raises
        ------
        ValueError
            When it belongs to another image size, or the latents to another movie.
        StackError
            When the movie cannot be read.
        """
        stack = self.require_stack()
        fit.check(stack)
        if len(latents) != stack.n_frames:
            raise ValueError(f"The latents have {len(latents)} frames and the movie {stack.n_frames}.")
        self.caution = fit.caution(stack.fingerprint() if movie is None else movie)
        self.explained = explained if self.caution else None
        if self.caution is not None and self.explained is not None:
            self.caution += f" It explains {self.explained:.1%} of the variance of this one."
        self.components = principal_components(fit, latents) if components is None else components
        self.fit, self.latents, self.edge, self.comparison = fit, latents, None, None
        self.set_latent(None)
        self.odd = odd or self.odd
        self.set_placebo(None)
        self.keep_fit(fit)
        self.comparison_changed.emit()

    def keep_fit(self, fit: Fit, *, saved: bool = False) -> None:
        """Keep a fit in `fits`, to return to it later; older ones that are `saved` in a file are let go."""
        if saved:
            self._saved.add(fit)
        if all(fit is not other for other in self.fits):
            self.fits.append(fit)
        self.fits = kept_fits(self.fits, self.fit, self._saved)
        self.fit_changed.emit()

    def set_edge(self, edge: Edge | None) -> None:
        """Point at one coefficient of the VAR."""
        if edge != self.edge:
            self.edge = edge
            self.edge_changed.emit()

    def set_device(self, text: str) -> None:
        """Set where things are computed, and why there."""
        self.device = text
        self.device_changed.emit()

    # Ranges and their comparison

    def range_notes(self) -> list[str]:
        """List what speaks against comparing A and B, or should be known."""
        return range_notes(self)

    def begin(self, state: JobState, title: str = "", dock: str = "") -> Controls:
        """Start a job and return what it has to look at; a training starts a new history.

        Raises
        ------
        ValueError
            When another one is running.
        """
        self._require_idle("start this")
        if state == "training":
            self.forget_training()
        self.began = self.generation
        return super().begin(state, title, dock)

    @property
    def movie_text(self) -> str:
        """The movie in one line."""
        return "none yet: open one in the Movie dock" if self.stack is None else describe_movie(self.stack)

    @property
    def model_text(self) -> str:
        """The fit in one line."""
        fit = self.fit
        return "none yet: train or load one in the Train dock" if fit is None else describe_fit(fit, self.explained)

    def require_stack(self) -> Stack:
        """Return the movie, or raise a StackError that states how to get one."""
        if self.stack is None:
            raise StackError("There is no movie yet. Open one in the Movie dock, or choose File > Open Sample > VARAE.")
        return self.stack

    def require_fit(self) -> Fit:
        """Return the fit, or raise a ValueError that states how to get one."""
        if self.fit is None:
            raise ValueError("There is no fit yet. Train or load one in the Train dock.")
        return self.fit

    def _replace_movie(self, stack: Stack | None) -> None:
        """Change the movie and drop what belongs to the one before."""
        self._movies += 1
        self.stack = stack
        self.frames = self.fit = self.latents = self.components = self.caution = self.explained = self.odd = None
        self.edge = self.latent = None
        self.forget_comparisons()
        self.set_robustness(None, Generation())
        self.folder = None
        self.forget_training()
        self.forget_frame_sets()
        self.forget_experiment()
        self.ask(None)
        self.set_placebo(None)
        for signal in (self.movie_changed, self.fit_changed, self.ranges_changed, self.comparison_changed):
            signal.emit()
        self.set_frame(0)


_sessions: dict[int, Session] = {}


def session_of(viewer: Any) -> Session:
    """Return the session of a viewer; it lives as long as the viewer does."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # plugins are handed a proxy
    key = id(viewer)
    if key not in _sessions:
        _sessions[key] = Session()
        weakref.finalize(viewer, _sessions.pop, key, None)
    return _sessions[key]
