"""Which traces of behaviour are regressed out before a comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from psygnal import Signal

from napari_varae.core.experiment.behaviour import Behaviour
from napari_varae.core.movie.stack import Stack

__all__ = ["Covariates"]


class Covariates:
    """The part of a session that knows which traces are regressed out: none until the user chooses."""

    covariates_changed = Signal()

    _covariates: tuple[str, ...] = ()
    _covariate_lags = 0

    # What the session has besides
    behaviour: Behaviour | None
    require_stack: Callable[[], Stack]
    set_placebo: Callable[[None], None]

    @property
    def covariates(self) -> tuple[str, ...]:
        """The traces that are regressed out, of those that are there."""
        known = () if self.behaviour is None else self.behaviour.names
        return tuple(name for name in self._covariates if name in known)

    @property
    def covariate_lags(self) -> int:
        """Frames before each one at which these traces are regressors as well."""
        return self._covariate_lags if self.covariates else 0

    def set_covariates(self, names: Iterable[str], lags: int = 0) -> None:
        """Choose the traces that are regressed out, with their values at up to `lags` frames before each one.

        Raises
        ------
        ValueError
            When the behaviour has no trace of that name, or the lags are negative.
        """
        chosen = tuple(names)
        known = () if self.behaviour is None else self.behaviour.names
        if missing := [name for name in chosen if name not in known]:
            raise ValueError(f"There is no trace {missing[0]!r}. Open its file in the Behaviour dock.")
        if lags < 0:
            raise ValueError(f"lags={lags} must be at least 0.")
        if (chosen, lags) != (self._covariates, self._covariate_lags):
            self._covariates, self._covariate_lags = chosen, lags
            self.set_placebo(None)
            self.covariates_changed.emit()

    def regressed_out(self) -> dict[str, Any]:
        """Return what is regressed out as arguments of a comparison, such as `napari_varae.compare`."""
        if not self.covariates or self.behaviour is None:
            return {}
        stack = self.require_stack()
        traces = self.behaviour.choose(self.covariates).at_frames(stack.n_frames, stack.frame_rate)
        return {"covariates": traces, "covariate_lags": self.covariate_lags}
