"""The comparisons of a session: a list, of which one is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from psygnal import Signal

from napari_varae.session.generation import Generation
from napari_varae.session.results import Placebo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.movie.frames import FrameRange
    from napari_varae.session.frame_sets import FrameSets

__all__ = ["Comparisons", "Done"]


class Done(NamedTuple):
    """A comparison that was made.

    Attributes
    ----------
    comparison : Comparison
        With its placebo, when one was run.
    about : Generation
        What it is about.
    names : (str, str)
        Names that its sides A and B had.
    placebo : Placebo or None
        The placebo that is part of its verdict, where its pairs are known.
    """

    comparison: Comparison
    about: Generation
    names: tuple[str, str]
    placebo: Placebo | None = None


class Comparisons:
    """The part of a session that keeps results."""

    comparison_changed = Signal()
    placebo_changed = Signal()

    # What the session has besides
    frame_sets: FrameSets
    set_frame_sets: Callable[[Mapping[str, Iterable[FrameRange]], tuple[str, str] | None], None]

    if TYPE_CHECKING:

        @property
        def generation(self) -> Generation:
            """What is in use now."""

    def __init__(self) -> None:
        super().__init__()
        self.comparison: Comparison | None = None
        self.compared = Generation()
        """What the comparison that is shown is about."""
        self.results: list[Done] = []
        """All comparisons of this movie, the oldest first."""
        self.placebo: Placebo | None = None

    def set_comparison(self, comparison: Comparison | None, about: Generation | None = None) -> None:
        """Show a comparison, and keep it; it is about what is in use now, unless that is given."""
        self.comparison, self.compared = comparison, about or self.generation
        if comparison is not None and all(done.comparison is not comparison for done in self.results):
            self.results.append(Done(comparison, self.compared, self._names(self.compared)))
        self.comparison_changed.emit()

    def set_placebo(self, placebo: Placebo | None) -> None:
        """Take in the values of a placebo; None when they are of other ranges or fits.

        The comparison that is shown keeps them, if it is of the same test.
        """
        self.placebo, shown = placebo, self.comparison
        if placebo is not None and shown is not None and self.is_current and placebo.suits(shown):
            judged = shown.with_placebo(placebo.p_values)
            self.results = [
                done._replace(comparison=judged, placebo=placebo) if done.comparison is shown else done
                for done in self.results
            ]
            self.comparison = judged
        self.placebo_changed.emit()

    @property
    def shown_placebo(self) -> Placebo | None:
        """The placebo that is part of the comparison that is shown; its pairs may not be known."""
        shown = self.comparison
        if shown is None or not shown.placebo:
            return None
        known = next((done.placebo for done in self.results if done.comparison is shown), None)
        return known or Placebo(np.array(shown.placebo), {}, shown.config)

    @property
    def is_current(self) -> bool:
        """Whether the comparison is of the movie, fit, ranges and bad frames that are in use."""
        return self.comparison is not None and not self.compared.changed(self.generation)

    def reopen(self, done: Done) -> None:
        """Show an earlier comparison.

        Raises
        ------
        ValueError
            When it is of another fit, whose latents have other numbers.
        """
        if done.about.changed(self.generation, ("fit",)):
            raise ValueError(
                f"This comparison is of the fit {done.about.fit[:6]}. Choose that fit in the Train dock first."
            )
        self.set_comparison(done.comparison, done.about)

    def restore_sides(self, done: Done) -> None:
        """Make the ranges of an earlier comparison sides A and B again, to repeat it or to change it."""
        a, b = done.names if done.names[0] != done.names[1] else ("A", "B")
        self.set_frame_sets({a: done.about.a, b: done.about.b}, (a, b))

    def forget_comparisons(self) -> None:
        """Let go of what belongs to a movie that goes."""
        self.comparison, self.results = None, []

    def _names(self, about: Generation) -> tuple[str, str]:
        """Names of the frame sets that a comparison is about: those of the sides, when they are still the same."""
        a, b = (
            name if self.frame_sets[name] == segments else letter
            for letter, name, segments in (("A", self.frame_sets.a, about.a), ("B", self.frame_sets.b, about.b))
        )
        return a, b
