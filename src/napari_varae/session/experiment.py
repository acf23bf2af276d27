"""What the user brought to the movie of a session: cells, trials, behaviour, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_varae.core.experiment.behaviour import Behaviour
from napari_varae.core.experiment.cells import Cells
from napari_varae.core.experiment.correlation import correlate_behaviour
from napari_varae.core.experiment.match import match_cells
from napari_varae.core.experiment.trials import Trials
from napari_varae.core.movie.frames import FrameRange, check_ranges
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from napari_varae.core.fit.fit import Fit

__all__ = ["Experiment"]


class Experiment:
    """The part of a session that keeps cells, trials and behaviour.

    A method that raises leaves everything as it was. Each is None until it is brought, and again with another movie.
    """

    cells_changed = Signal()
    trials_changed = Signal()
    behaviour_changed = Signal()

    cells: Cells | None = None
    trials: Trials | None = None
    behaviour: Behaviour | None = None

    # What the session has besides
    fit: Fit | None
    latents: NDArray[np.float32] | None
    require_stack: Callable[[], Stack]
    set_range: Callable[[Literal["a", "b"], FrameRange | Iterable[FrameRange] | None], None]

    def use_cells(self, cells: Cells | None) -> None:
        """Take in cells, or none.

        Raises
        ------
        DataError
            When they are in images of another size than the movie.
        """
        if cells is not None:
            cells.check(self.require_stack().shape[1:])
        self.cells = cells
        self.cells_changed.emit()

    def use_trials(self, trials: Trials | None) -> None:
        """Take in trials, or none.

        Raises
        ------
        DataError
            When one does not lie within the movie, or they were opened with another frame rate.
        ValueError
            When they are in seconds and the frame rate of the movie is unknown.
        """
        if trials is not None:
            stack = self._with_rate(trials, "trials")
            trials.check(stack.n_frames, stack.frame_rate)
        self.trials = trials
        self.trials_changed.emit()

    def use_behaviour(self, behaviour: Behaviour | None) -> None:
        """Take in behaviour, or none.

        Raises
        ------
        DataError
            When it has no value at any frame of the movie, or was opened with another frame rate.
        ValueError
            When it is in seconds and the frame rate of the movie is unknown.
        """
        if behaviour is not None:
            stack = self._with_rate(behaviour, "behaviour")
            if not np.isfinite(behaviour.at_frames(stack.n_frames, stack.frame_rate)).any():
                raise DataError(f"{behaviour!r} has no value at any of the {stack.n_frames} frames. Check its times.")
        self.behaviour = behaviour
        self.behaviour_changed.emit()

    def forget_experiment(self) -> None:
        """Let go of what belongs to a movie that goes."""
        self.cells = self.trials = self.behaviour = None
        for signal in (self.cells_changed, self.trials_changed, self.behaviour_changed):
            signal.emit()

    def condition_frames(self, condition: str) -> tuple[FrameRange, ...]:
        """Frames of the trials of one condition.

        Raises
        ------
        ValueError
            When there are no trials, or none of this condition.
        """
        if self.trials is None:
            raise ValueError("There are no trials yet. Open a table of trials first.")
        stack = self.require_stack()
        return check_ranges(self.trials.frames(condition, stack.frame_rate), stack.n_frames, name=condition)

    def compare_conditions(self, a: str, b: str) -> None:
        """Make two conditions the ranges A and B.

        Raises
        ------
        ValueError
            As for :meth:`condition_frames`; A and B then stay as they were.
        """
        ranges = self.condition_frames(a), self.condition_frames(b)
        self.set_range("a", ranges[0])
        self.set_range("b", ranges[1])

    def behaviour_frames(self, condition: str, minimum: float = 0.0) -> tuple[FrameRange, ...]:
        """Frames in which behaviour meets a condition; see :meth:`.Behaviour.frames`.

        Raises
        ------
        ValueError
            When there is no behaviour, the condition cannot be read, or it is met nowhere.
        """
        if self.behaviour is None:
            raise ValueError("There is no behaviour yet. Open its traces first.")
        stack = self.require_stack()
        return check_ranges(
            self.behaviour.frames(condition, minimum, stack.frame_rate, stack.n_frames), stack.n_frames, name=condition
        )

    def cell_table(self) -> pd.DataFrame | None:
        """Match the latents of the fit with the cells; None while one of the two is missing."""
        return None if self.fit is None or self.cells is None else match_cells(self.fit, self.cells)

    def behaviour_table(self) -> pd.DataFrame | None:
        """Correlate the latents with the behaviour over the good frames; None while one of the two is missing."""
        if self.latents is None or self.behaviour is None:
            return None
        stack = self.require_stack()
        return correlate_behaviour(self.latents, self.behaviour, stack.frame_rate, stack.good_frames())

    def _with_rate(self, brought: Trials | Behaviour, what: str) -> Stack:
        """Return the movie when its frame rate is that of what is brought."""
        stack = self.require_stack()
        if brought.unit == "s":
            if stack.frame_rate is None:
                raise ValueError(f"Times of the {what} are in seconds. Set the frame rate of the movie first.")
            if brought.frame_rate is not None and not np.isclose(brought.frame_rate, stack.frame_rate, rtol=1e-3):
                raise DataError(
                    f"Times of the {what} were found with {brought.frame_rate:g} Hz; the movie has "
                    f"{stack.frame_rate:g} Hz. Open it again with the frame rate of the movie."
                )
        return stack
