"""What the docks of one viewer share: the movie, the fit, the ranges, the job. No Qt, no napari, no torch at import."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_varae.core.movie.frames import FrameRange, check_range, check_ranges, overlap
from napari_varae.core.movie.good_frames import closeness, good_runs, shortage
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import Settings
from napari_varae.errors import StackError
from napari_varae.session.components import principal_components
from napari_varae.session.job_events import Controls, JobState, Progress
from napari_varae.session.labels import describe_fit
from napari_varae.session.ranges import Segments, total
from napari_varae.session.results import Edge, Placebo

if TYPE_CHECKING:
    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.fit.report import EpochReport

__all__ = ["Edge", "JobState", "Letter", "Session", "session_of"]

Letter = Literal["a", "b"]


class Session:
    """Evented state of one viewer.

    Docks call its methods and listen to its signals; they never call each other. A method that raises leaves everything
    as it was. All of it belongs to the thread of the screen; only the events of :class:`Controls` cross threads.
    """

    movie_changed = Signal()
    fit_changed = Signal()
    reported = Signal(object)
    ranges_changed = Signal()
    frame_changed = Signal(int)
    edge_changed = Signal()
    comparison_changed = Signal()
    placebo_changed = Signal()
    job_changed = Signal(str)
    progressed = Signal()
    device_changed = Signal()

    def __init__(self) -> None:
        self.stack: Stack | None = None
        self.frames: FrameRange | None = None
        self.fits: list[Fit] = []
        self.fit: Fit | None = None
        self.latents: NDArray[np.float32] | None = None
        self.components: NDArray[np.float64] | None = None
        self.history: list[EpochReport] = []
        self.ranges: dict[Letter, Segments] = {"a": (), "b": ()}
        self.frame = 0
        self.edge: Edge | None = None
        self.comparison: Comparison | None = None
        self.placebo: Placebo | None = None
        self.settings: dict[str, Settings] = {}
        self.job: JobState = "idle"
        self.progress: Progress | None = None
        self.controls: Controls | None = None
        self.device = "chosen at first use"

    # The movie

    def open(self, path: str | Path) -> Stack:
        """Open a file as the movie.

        Raises
        ------
        StackError
            When it cannot be read or used.
        """
        from napari_varae.io import open_stack

        return self.use_movie(open_stack(path))

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
        self.set_frame(0)
        return stack

    def close_movie(self) -> None:
        """Let the movie go, when its layer was removed. A running job is stopped; fits are kept."""
        self.stop(keep=True)
        self._replace_movie(None)

    def describe_movie(
        self, frame_rate: float | None, pixel_size: float | None, bad_frames: Iterable[int] | None = None
    ) -> None:
        """Set what the file did not tell: frame rate (Hz), pixel size (um), frames to leave out; None when unknown.

        Raises
        ------
        ValueError
            When a value makes no sense, there is no movie, or a job is running.
        """
        stack = self.require_stack()
        bad = stack.bad_frames if bad_frames is None else bad_frames
        self._require_idle("change the movie")
        self.stack = Stack(stack.array, frame_rate, pixel_size, bad, stack.name, stack.notes)
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

    def use_fit(self, fit: Fit, latents: NDArray[np.float32], components: NDArray[np.float64] | None = None) -> None:
        """Make `fit` the fit in use, with its latents (T, K) of the movie and their principal components (T, 3).

        Raises
        ------
        ValueError
            When it belongs to another image size, or the latents to another movie.
        """
        stack = self.require_stack()
        fit.check(stack)
        if len(latents) != stack.n_frames:
            raise ValueError(f"The latents have {len(latents)} frames and the movie {stack.n_frames}.")
        self.components = principal_components(fit, latents) if components is None else components
        self.fit, self.latents, self.edge, self.comparison = fit, latents, None, None
        self.set_placebo(None)
        self.keep_fit(fit)
        self.comparison_changed.emit()

    def keep_fit(self, fit: Fit) -> None:
        """Keep a fit in `fits`, to return to it later."""
        if all(fit is not other for other in self.fits):
            self.fits.append(fit)
        self.fit_changed.emit()

    def report(self, report: EpochReport) -> None:
        """Take in what one epoch of the running training gave."""
        self.history.append(report)
        self.reported.emit(report)

    def set_edge(self, edge: Edge | None) -> None:
        """Point at one coefficient of the VAR."""
        if edge != self.edge:
            self.edge = edge
            self.edge_changed.emit()

    def set_device(self, text: str) -> None:
        """Say where things are computed, and why there."""
        self.device = text
        self.device_changed.emit()

    # Ranges and their comparison

    def set_range(self, letter: Letter, ranges: FrameRange | Iterable[FrameRange] | None) -> None:
        """Set range A or B: one half-open pair of frames, several, or None.

        Raises
        ------
        ValueError
            When a range lies outside the movie.
        """
        segments: Segments = ()
        if ranges is not None:
            segments = check_ranges(ranges, self.require_stack().n_frames, name=f"Range {letter.upper()}")
        if segments != self.ranges[letter]:
            self.ranges[letter] = segments
            self.set_placebo(None)
            self.ranges_changed.emit()

    def range_notes(self) -> list[str]:
        """Say in words what speaks against comparing A and B, or ought to be known."""
        a, b = self.ranges["a"], self.ranges["b"]
        if self.stack is None or not (a and b):
            return ["Set the ranges A and B: drag them in the Time dock, or type them here."]
        notes = []
        if shared := overlap(a, b):
            notes.append(f"A and B share {shared} frames: move one of them.")
        order = self.fit.var.order if self.fit is not None else 1
        for letter, segments in (("A", a), ("B", b)):
            if short := shortage(good_runs(self.stack, segments, order), order, f"Range {letter}"):
                notes.append(short)
        if close := closeness(a, b, order):
            notes.append(close)
        if self.fit is not None:
            seen = [overlap((self.fit.frames,), segments) / total(segments) for segments in (a, b)]
            if seen[0] != seen[1]:
                notes.append(f"Seen in training: {seen[0]:.0%} of A but {seen[1]:.0%} of B.")
        return notes

    def set_comparison(self, comparison: Comparison | None) -> None:
        """Take in the result of a comparison."""
        self.comparison = comparison
        self.comparison_changed.emit()

    def set_placebo(self, placebo: Placebo | None) -> None:
        """Take in the values of a placebo; None when they are of other ranges, another movie or another fit."""
        self.placebo = placebo
        self.placebo_changed.emit()

    # The job: at most one at a time

    def begin(self, state: JobState, title: str = "", dock: str = "") -> Controls:
        """Start a job and return what it has to look at; its title and dock are for the state strip.

        Raises
        ------
        ValueError
            When another one is running.
        """
        self._require_idle("start this")
        if state == "training":
            self.history = []
        self.controls = Controls()
        self.progress = Progress(state, title, dock)
        self._set_job(state)
        return self.controls

    def advance(self, controls: Controls, phase: str, done: int, total: int, known: Any = None) -> None:
        """Take in how far the job with these controls is."""
        if controls is self.controls and self.progress is not None:
            self.progress = replace(self.progress, phase=phase, done=done, total=total, known=known)
            self.progressed.emit()

    def pause(self) -> None:
        """Let the training wait after its batch."""
        if self.controls is not None and self.job == "training":
            self.controls.pause.set()
            self._set_job("paused")

    def resume(self) -> None:
        """Let the training go on."""
        if self.controls is not None and self.job == "paused":
            self.controls.pause.clear()
            self._set_job("training")

    def stop(self, keep: bool) -> None:
        """End the job after its batch, and keep the best result so far, or nothing."""
        if self.controls is not None:
            self.controls.end(keep)
            self._set_job("stopping")

    @property
    def keeps(self) -> bool:
        """Whether there is a job, and what it has will be kept."""
        return self.controls is not None and self.controls.keep

    def end(self, controls: Controls) -> None:
        """Say that the job with these controls has ended."""
        if controls is self.controls:
            self.controls = self.progress = None
            self._set_job("idle")

    @property
    def movie_text(self) -> str:
        """The movie in one line."""
        if self.stack is None:
            return "none yet: open one in the Movie dock"
        (t, y, x), rate = self.stack.shape, self.stack.frame_rate
        length = f"{t} frames" if rate is None else f"{t / rate:.4g} s at {rate:.4g} Hz"
        return f"{self.stack.name}, {length}, {y} × {x} px"

    @property
    def model_text(self) -> str:
        """The fit in one line."""
        return "none yet: train or load one in the Train dock" if self.fit is None else describe_fit(self.fit)

    def require_stack(self) -> Stack:
        """Return the movie, or raise a StackError that says how to get one."""
        if self.stack is None:
            raise StackError("There is no movie yet. Open one in the Movie dock, or choose File > Open Sample > VARAE.")
        return self.stack

    def require_fit(self) -> Fit:
        """Return the fit, or raise a ValueError that says how to get one."""
        if self.fit is None:
            raise ValueError("There is no fit yet. Train or load one in the Train dock.")
        return self.fit

    def _replace_movie(self, stack: Stack | None) -> None:
        """Change the movie and drop what belongs to the one before."""
        self.stack = stack
        self.frames = self.fit = self.latents = self.components = self.edge = self.comparison = None
        self.history, self.ranges = [], {"a": (), "b": ()}
        self.set_placebo(None)
        for signal in (self.movie_changed, self.fit_changed, self.ranges_changed, self.comparison_changed):
            signal.emit()

    def _require_idle(self, wish: str) -> None:
        """Raise while a job is running."""
        if self.job != "idle":
            raise ValueError(f"Cannot {wish} now: a job is {self.job}. Wait for it or stop it first.")

    def _set_job(self, state: JobState) -> None:
        """Change the state of the job and tell."""
        if state != self.job:
            self.job = state
            self.job_changed.emit(state)


_sessions: dict[int, Session] = {}


def session_of(viewer: Any) -> Session:
    """Return the session of a viewer; it lives as long as the viewer does."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # plugins are handed a proxy
    key = id(viewer)
    if key not in _sessions:
        _sessions[key] = Session()
        weakref.finalize(viewer, _sessions.pop, key, None)
    return _sessions[key]
