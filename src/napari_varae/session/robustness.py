"""The last comparison under other choices, and what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_varae.session.generation import Generation

if TYPE_CHECKING:
    from napari_varae.core.comparison.robustness import Robustness

__all__ = ["RobustnessResult"]


class RobustnessResult:
    """The part of a session that keeps the comparison under other choices."""

    robustness_changed = Signal()

    robustness: Robustness | None = None
    robustness_about: Generation = Generation()

    def set_robustness(self, found: Robustness | None, about: Generation) -> None:
        """Take in a table, and what was in use when it began."""
        self.robustness, self.robustness_about = found, about
        self.robustness_changed.emit()
