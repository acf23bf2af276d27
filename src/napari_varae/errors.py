"""Errors that a user may meet. Each message says what was found and what to do about it.

None of them derives from `RuntimeError`: napari's generator workers treat a `RuntimeError`
as a vanished worker and would swallow it.
"""

__all__ = ["DataError", "FitFileError", "PathError", "StackError", "StoppedError", "TrainingError"]


class StackError(ValueError):
    """A movie that cannot be read or used."""


class DataError(ValueError):
    """Cells, trials or behaviour that cannot be read or used."""


class FitFileError(ValueError):
    """A model file that is not one, or that does not belong to this movie."""


class TrainingError(Exception):
    """A fit that cannot go on."""


class PathError(ArithmeticError):
    """A lasso solution path that was cut off before it reached its end."""


class StoppedError(ValueError):
    """The user stopped before there was anything to return."""
