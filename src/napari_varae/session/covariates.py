"""Which traces of behaviour are regressed out before a comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_varae.core.experiment.behaviour import Behaviour
from napari_varae.core.movie.stack import Stack

__all__ = ["BehaviourFile", "Covariates"]


class BehaviourFile(NamedTuple):
    """Where behaviour was opened from: a path, and what the user chose, as arguments of `open_behaviour`."""

    path: str
    given: dict[str, Any]


class Covariates:
    """The part of a session that knows which traces are regressed out: none until the user chooses."""

    covariates_changed = Signal()

    _covariates: tuple[str, ...] = ()

    # What the session has besides
    behaviour: Behaviour | None
    require_stack: Callable[[], Stack]
    set_placebo: Callable[[None], None]

    @property
    def covariates(self) -> tuple[str, ...]:
        """The traces that are regressed out, of those that are there."""
        known = () if self.behaviour is None else self.behaviour.names
        return tuple(name for name in self._covariates if name in known)

    def set_covariates(self, names: Iterable[str]) -> None:
        """Choose the traces that are regressed out.

        Raises
        ------
        ValueError
            When there is no trace of that name.
        """
        chosen = tuple(names)
        known = () if self.behaviour is None else self.behaviour.names
        if missing := [name for name in chosen if name not in known]:
            raise ValueError(f"There is no trace {missing[0]!r}. Open its file in the Behaviour dock.")
        if chosen != self._covariates:
            self._covariates = chosen
            self.set_placebo(None)
            self.covariates_changed.emit()

    def regressors(self) -> NDArray[np.float64] | None:
        """Return the traces (T, n) that are regressed out, as `napari_varae.compare` takes them; None for none."""
        if not self.covariates or self.behaviour is None:
            return None
        stack = self.require_stack()
        traces = self.behaviour.at_frames(stack.n_frames, stack.frame_rate)
        chosen: NDArray[np.float64] = traces[:, [self.behaviour.names.index(name) for name in self.covariates]]
        return chosen
