"""How many latents and which order were suggested for the movie, and whether the fit in use follows that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.training.choice import Choice
    from napari_varae.session.generation import Generation

__all__ = ["ChoiceResult"]


class ChoiceResult:
    """The part of a session that keeps the choice of latents and order. It belongs to one movie."""

    choice_changed = Signal()

    _choice: Choice | None = None
    _chosen_for = -1
    _fits_before: frozenset[str] = frozenset()

    # What the session has besides
    fit: Fit | None
    fits: list[Fit]

    if TYPE_CHECKING:

        @property
        def generation(self) -> Generation:
            """What is in use now."""

    @property
    def choice(self) -> Choice | None:
        """What was suggested for the movie in use; None when nothing was."""
        return self._choice if self._chosen_for == self.generation.movie else None

    @property
    def choice_and_fits_before(self) -> tuple[Choice, frozenset[str]] | None:
        """The choice, with the fits that were there before it and cannot follow it."""
        return None if self.choice is None else (self.choice, self._fits_before)

    def set_choice(
        self, choice: Choice | None, movie: int | None = None, fits_before: frozenset[str] | None = None
    ) -> None:
        """Take in a suggestion for the movie of this number: that in use, unless it is given.

        The fits that were there before it are those of the session, unless they are given by their ids.
        """
        self._choice = choice
        self._chosen_for = self.generation.movie if movie is None else movie
        self._fits_before = frozenset(fit.id for fit in self.fits) if fits_before is None else fits_before
        self.choice_changed.emit()

    @property
    def followed_choice(self) -> Choice | None:
        """The suggestion when the fit in use was trained after it, with the numbers that it gave; else None."""
        choice, fit = self.choice, self.fit
        if choice is None or fit is None or fit.id in self._fits_before:
            return None
        return choice if (fit.latents, fit.var.order) == choice.suggested else None
