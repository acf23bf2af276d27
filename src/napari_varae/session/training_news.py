"""What the training that runs, or ran last, has reported so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from napari_varae.core.fit.report import EpochReport
    from napari_varae.core.training.example import Example

__all__ = ["TrainingNews"]


class TrainingNews:
    """The part of a session that follows a training. Belongs to the thread of the screen."""

    reported = Signal(object)
    example_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.history: list[EpochReport] = []
        self.example: Example | None = None
        """A held-out frame beside its reconstruction."""

    def report(self, report: EpochReport) -> None:
        """Take in what one epoch of the running training gave."""
        self.history.append(report)
        self.reported.emit(report)

    def show_example(self, example: Example | None) -> None:
        """Take in a held-out frame beside its present reconstruction; None when there is none any more."""
        self.example = example
        self.example_changed.emit()

    def forget_training(self) -> None:
        """Begin without reports and without an example."""
        self.history = []
        self.show_example(None)
