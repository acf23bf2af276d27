"""Comparisons of more than two conditions in a session: a list, of which one is shown, and pairs of which one is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from psygnal import Signal

from napari_varae.session.generation import Generation, Part

if TYPE_CHECKING:
    from napari_varae.core.comparison.conditions import Conditions
    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.movie.frames import FrameRange

__all__ = ["ConditionsDone", "ConditionsResult"]

PARTS: tuple[Part, ...] = "movie", "fit", "bad_frames", "covariates", "covariate_lags"
"""What such a comparison is about; each condition has frames of its own."""


class ConditionsDone(NamedTuple):
    """A comparison of several conditions, and the movie, fit and bad frames that it is about."""

    found: Conditions
    about: Generation


class ConditionsResult:
    """The part of a session that keeps comparisons of several conditions. They belong to one movie."""

    conditions_changed = Signal()

    # What the session has besides
    comparison: Comparison | None
    compared: Generation
    set_frame_sets: Callable[[Mapping[str, Iterable[FrameRange]], tuple[str, str] | None], None]
    comparison_changed = Signal()

    if TYPE_CHECKING:

        @property
        def generation(self) -> Generation:
            """What is in use now."""

    def __init__(self) -> None:
        super().__init__()
        self._conditions: list[ConditionsDone] = []
        self._shown: ConditionsDone | None = None

    @property
    def conditions(self) -> list[ConditionsDone]:
        """All comparisons of several conditions of this movie, the oldest first."""
        return [done for done in self._conditions if done.about.movie == self.generation.movie]

    @property
    def shown_conditions(self) -> ConditionsDone | None:
        """The one that is shown."""
        return self._shown if self._shown in self.conditions else None

    def set_conditions(self, found: Conditions, about: Generation) -> None:
        """Keep a comparison of several conditions, and show it."""
        self._conditions = [*self.conditions, ConditionsDone(found, about)]
        self.show_conditions(self._conditions[-1])

    def show_conditions(self, done: ConditionsDone) -> None:
        """Show one of the comparisons of several conditions."""
        self._shown = done
        self.conditions_changed.emit()

    def conditions_current(self, done: ConditionsDone) -> bool:
        """Whether it is of the movie, fit, bad frames and covariates that are in use."""
        return not done.about.changed(self.generation, PARTS)

    def show_pair(self, done: ConditionsDone, pair: tuple[str, str]) -> None:
        """Make the two conditions of a pair sides A and B, and show what was found for them.

        Raises
        ------
        ValueError
            When it is of another fit, whose latents have other numbers.
        """
        if done.about.changed(self.generation, ("fit",)):
            raise ValueError(
                f"This comparison is of the fit {done.about.fit[:6]}. Choose that fit in the Train dock first."
            )
        result = done.found.pairs[pair]
        ranges = dict(zip(pair, (result.ranges["a"], result.ranges["b"]), strict=True))
        self.set_frame_sets(ranges, pair)
        self.comparison = result
        self.compared = done.about._replace(a=result.ranges["a"], b=result.ranges["b"])
        self.comparison_changed.emit()

    def restore_conditions(self, done: ConditionsDone) -> None:
        """Make the conditions of an earlier comparison frame sets again, to repeat it or to change it."""
        sets: dict[str, tuple[FrameRange, ...]] = {}
        for pair, result in done.found.pairs.items():
            sets |= dict(zip(pair, (result.ranges["a"], result.ranges["b"]), strict=True))
        first, second, *_ = done.found.names
        self.set_frame_sets(sets, (first, second))
