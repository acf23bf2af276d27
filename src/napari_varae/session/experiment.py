"""What the user brought to the movie of a session: cells, trials, behaviour, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_varae.core.experiment.behaviour import Behaviour
from napari_varae.core.experiment.cells import CellId, Cells
from napari_varae.core.experiment.correlation import correlate_behaviour
from napari_varae.core.experiment.match import NONE, SEVERAL, match_cells
from napari_varae.core.experiment.trials import Trials
from napari_varae.core.movie.frames import FrameRange, check_ranges
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import DataError
from napari_varae.session.labels import describe_latent

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
    latent_changed = Signal()
    regions_changed = Signal()

    latent: int | None = None
    """The latent that is chosen, in a plot, a table or by its cell."""
    trace: str | None = None
    """The trace of behaviour to show; the first few when None."""
    cells: Cells | None = None
    trials: Trials | None = None
    behaviour: Behaviour | None = None
    regions: Mapping[str, NDArray[np.float32]] = MappingProxyType({})
    """Traces (T,) of regions that the user drew, by name."""

    _matches: tuple[Fit, pd.DataFrame] | None = None
    """A fit, and the cells of its latents."""
    _correlations: tuple[tuple[object, ...], pd.DataFrame] | None = None
    """Latents, behaviour and movie, and the correlation of the first two."""

    # What the session has besides
    fit: Fit | None
    latents: NDArray[np.float32] | None
    require_stack: Callable[[], Stack]

    if TYPE_CHECKING:

        @property
        def ranges(self) -> dict[Literal["a", "b"], tuple[FrameRange, ...]]:
            """Segments of the sides A and B."""

    set_frame_sets: Callable[[Mapping[str, Iterable[FrameRange]], tuple[str, str] | None], None]

    def use_cells(self, cells: Cells | None) -> None:
        """Take in cells, or none.

        Raises
        ------
        DataError
            When they are in images of another size than the movie.
        """
        if cells is not None:
            cells.check(self.require_stack().shape[1:])
        self.cells, self._matches = cells, None
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
            _check_trials(trials, self.require_stack())
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
            _check_behaviour(behaviour, self.require_stack())
        self.behaviour, self.trace = behaviour, None
        self.behaviour_changed.emit()

    def show_trace(self, trace: str | None) -> None:
        """Choose the trace of behaviour to show; the first few when None.

        Raises
        ------
        ValueError
            When there is no trace of that name.
        """
        if trace is not None and (self.behaviour is None or trace not in self.behaviour.names):
            raise ValueError(f"There is no trace {trace!r}.")
        if trace != self.trace:
            self.trace = trace
            self.behaviour_changed.emit()

    def show_regions(self, traces: Mapping[str, NDArray[np.float32]]) -> None:
        """Show traces (T,) of regions, by name, in place of those before."""
        self.regions = dict(traces)
        self.regions_changed.emit()

    def set_latent(self, latent: int | None) -> None:
        """Choose a latent; None when none is chosen.

        Raises
        ------
        ValueError
            When the fit has no such latent.
        """
        if latent is not None and (self.fit is None or not 0 <= latent < self.fit.latents):
            raise ValueError(f"There is no latent {latent}.")
        if latent != self.latent:
            self.latent = latent
            self.latent_changed.emit()

    def choose_cell(self, cell: CellId) -> None:
        """Choose the latent of a cell: the one that overlaps most with it; none when the cell has no latent."""
        table = self.cell_table()
        if table is not None:
            own = table[[found == cell for found in table["cell"]]]
            self.set_latent(None if own.empty else int(own.loc[own["overlap"].idxmax(), "latent"]))

    def cell_of(self, latent: int) -> CellId | None:
        """Return the cell that a latent belongs to; None when there is none, or several."""
        table = self.cell_table()
        cell: CellId | None = None if table is None else table["cell"][latent]
        return None if cell in (SEVERAL, NONE) else cell

    def name_latent(self, latent: int) -> str:
        """Give a latent's number with its cell, or with the change of the whole image that it draws."""
        if self.fit is None:
            return str(latent)
        return describe_latent(self.fit, latent, self.cell_of(latent))

    def check_experiment(self, stack: Stack) -> None:
        """Raise unless trials and behaviour fit a movie, such as the same one with another frame rate.

        Raises
        ------
        ValueError
            As for :meth:`use_trials` and :meth:`use_behaviour`.
        """
        try:
            if self.trials is not None:
                _check_trials(self.trials, stack)
            if self.behaviour is not None:
                _check_behaviour(self.behaviour, stack)
        except ValueError as error:
            raise ValueError(f"{error} Or close the trials and traces in the Behaviour dock first.") from error

    def forget_experiment(self) -> None:
        """Let go of what belongs to a movie that goes."""
        self.cells = self.trials = self.behaviour = self.trace = None
        self._matches = self._correlations = None
        self.regions = {}
        for signal in (self.cells_changed, self.trials_changed, self.behaviour_changed, self.regions_changed):
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
        """Make two conditions frame sets of their names, and sides A and B.

        Raises
        ------
        ValueError
            As for :meth:`condition_frames`; A and B then stay as they were.
        """
        self.set_frame_sets({name: self.condition_frames(name) for name in (a, b)}, (a, b))

    def use_conditions_as_sets(self, trials: Trials) -> None:
        """Make each condition of a table a frame set; the first two become A and B while nothing is compared yet.

        Raises
        ------
        ValueError
            When the frame rate of the movie is needed and not known.
        DataError
            When a row does not lie within the movie.
        """
        stack = self.require_stack()
        _check_trials(trials, stack)
        names = trials.conditions
        sides = (names[0], names[1]) if len(names) > 1 and not any(self.ranges.values()) else None
        self.set_frame_sets({name: trials.frames(name, stack.frame_rate) for name in names}, sides)

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
        if self.fit is None or self.cells is None:
            return None
        if self._matches is None or self._matches[0] is not self.fit:
            self._matches = self.fit, match_cells(self.fit, self.cells)
        return self._matches[1]

    def behaviour_table(self) -> pd.DataFrame | None:
        """Correlate the latents with the behaviour over the good frames; None while one of the two is missing."""
        if self.latents is None or self.behaviour is None:
            return None
        stack = self.require_stack()
        about = self.latents, self.behaviour, stack
        if self._correlations is None or [*map(id, about)] != [*map(id, self._correlations[0])]:
            table = correlate_behaviour(self.latents, self.behaviour, stack.frame_rate, stack.good_frames())
            self._correlations = about, table
        return self._correlations[1]


def _check_trials(trials: Trials, stack: Stack) -> None:
    """Raise unless trials lie within a movie."""
    _check_rate(trials, "trials", stack)
    trials.check(stack.n_frames, stack.frame_rate)


def _check_behaviour(behaviour: Behaviour, stack: Stack) -> None:
    """Raise unless behaviour has a value at some frame of a movie."""
    _check_rate(behaviour, "behaviour", stack)
    if not np.isfinite(behaviour.at_frames(stack.n_frames, stack.frame_rate)).any():
        raise DataError(f"{behaviour!r} has no value at any of the {stack.n_frames} frames. Check its times.")


def _check_rate(brought: Trials | Behaviour, what: str, stack: Stack) -> None:
    """Raise unless the frame rate of a movie is that of what is brought."""
    if brought.unit == "frames":
        return
    if stack.frame_rate is None:
        raise ValueError(f"Times of the {what} are in seconds. Set the frame rate of the movie first.")
    if brought.frame_rate is not None and not np.isclose(brought.frame_rate, stack.frame_rate, rtol=1e-3):
        raise DataError(
            f"Times of the {what} were found with {brought.frame_rate:g} Hz; the movie has {stack.frame_rate:g} Hz. "
            "Open it again with the frame rate of the movie."
        )
