"""What a session holds at one moment, as values that another thread may write while the session goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.experiment.behaviour import Behaviour
from napari_varae.core.experiment.cells import Cells
from napari_varae.core.experiment.trials import Trials
from napari_varae.core.movie.odd_frames import OddFrames
from napari_varae.core.movie.stack import Stack
from napari_varae.session.frame_sets import FrameSets

if TYPE_CHECKING:
    from napari_varae.core.comparison.conditions import Conditions
    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.training.choice import Choice
    from napari_varae.session.session import Session

__all__ = ["Snapshot"]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """An analysis as it is now.

    Attributes
    ----------
    stack : Stack
        The movie.
    number : int
        Number of the movie in the session.
    frame_sets : FrameSets
    fit : Fit or None
        The fit in use, with its `latents` (T, K) and the `odd` frames of the movie.
    unsaved : tuple of Fit
        Fits of the session that lie in no file.
    trials : Trials or None
    comparisons : tuple of Comparison
        All that were made, the one that is shown last.
    conditions : tuple of Conditions
        Comparisons of several conditions, the latest last.
    choice : (Choice, frozenset of str) or None
        The choice of latents and order, and the fits that were there before it.
    cells : Cells or None
    behaviour : Behaviour or None
        With the traces of it that are regressed out, the `covariates`, and their `covariate_lags`.
    """

    stack: Stack
    number: int
    frame_sets: FrameSets
    fit: Fit | None = None
    latents: NDArray[np.float32] | None = None
    odd: OddFrames | None = None
    unsaved: tuple[Fit, ...] = ()
    trials: Trials | None = None
    comparisons: tuple[Comparison, ...] = ()
    conditions: tuple[Conditions, ...] = ()
    choice: tuple[Choice, frozenset[str]] | None = None
    cells: Cells | None = None
    behaviour: Behaviour | None = None
    covariates: tuple[str, ...] = ()
    covariate_lags: int = 0

    @classmethod
    def of(cls, session: Session) -> Snapshot:
        """Take the snapshot of a session.

        Raises
        ------
        StackError
            When there is no movie.
        """
        shown = [done.comparison for done in session.results if done.comparison is session.comparison]
        others = [done.comparison for done in session.results if done.comparison is not session.comparison]
        return cls(
            session.require_stack(),
            session.generation.movie,
            session.frame_sets,
            session.fit,
            session.latents,
            session.odd,
            tuple(fit for fit in session.fits if not session.is_saved(fit)),
            session.trials,
            (*others, *shown),
            tuple(done.found for done in session.conditions),
            session.choice_and_fits_before,
            session.cells,
            session.behaviour,
            session.covariates,
            session.covariate_lags,
        )

    @property
    def content(self) -> tuple[Any, ...]:
        """What distinguishes it from another snapshot of the same movie; fits that were saved make no difference."""
        results = [(result.test, result.placebo) for result in self.comparisons]
        fit = None if self.fit is None else self.fit.id
        choice = None if self.choice is None else self.choice[0]
        shifts = None if self.stack.shifts is None else hash(self.stack.shifts.tobytes())
        brought = self.trials, self.cells, self.behaviour, self.covariates, self.covariate_lags
        movie = self.number, self.stack.bad_frames, shifts
        return *movie, self.frame_sets, fit, *brought, choice, *results, *self.conditions

    @property
    def is_marked(self) -> bool:
        """Whether there are segments, comparisons, or cells or behaviour that lie in no file."""
        marked = any(segments for _, segments in self.frame_sets)
        given = self.behaviour is not None and self.behaviour.source is None
        return bool(self.comparisons or self.conditions or marked or self.n_drawn or given)

    @property
    def n_drawn(self) -> int:
        """Cells that lie in no file, such as those drawn in a layer."""
        return 0 if self.cells is None or self.cells.source is not None else len(self.cells)

    @property
    def is_work(self) -> bool:
        """Whether it holds what takes effort to make again: fits that lie in no file, segments, comparisons, cells."""
        return bool(self.unsaved) or self.is_marked
