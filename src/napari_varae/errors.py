"""Errors that a user may meet. Each message states what was found and what to do about it.

None of them derives from `RuntimeError`: napari's generator workers treat a `RuntimeError`
as a vanished worker and would swallow it.
"""

from collections.abc import Mapping, Sequence

__all__ = [
    "ChoiceError", "DataChoiceError", "DataError", "FitFileError", "PathError", "StackError", "StoppedError",
    "TrainingError",
]  # fmt: skip


class StackError(ValueError):
    """A movie that cannot be read or used."""


class DataError(ValueError):
    """Cells, trials or behaviour that cannot be read or used."""


class ChoiceError(StackError):
    """A recording that leaves a choice to the user: which channel, which plane, which data set.

    Attributes
    ----------
    options : dict of str to list
        What there is to choose from, for each argument of `open_stack` that is needed: "channel", "plane" or "dataset".
        Each entry can be given as that argument as it is.
    """

    def __init__(self, message: str, options: Mapping[str, Sequence[str | int]]) -> None:
        super().__init__(message)
        self.options: dict[str, list[str | int]] = {name: list(values) for name, values in options.items()}


class DataChoiceError(DataError):
    """Cells, trials or behaviour whose file leaves a choice to the user: which unit, which column, which table.

    Attributes
    ----------
    options : dict of str to list
        What there is to choose from, for each argument of the function that opens them; an empty list where the
        argument is a pair of numbers.
    """

    def __init__(self, message: str, options: Mapping[str, Sequence[str]]) -> None:
        super().__init__(message)
        self.options: dict[str, list[str]] = {name: list(values) for name, values in options.items()}


class FitFileError(ValueError):
    """A model file that is not one, or that does not belong to this movie."""


class TrainingError(Exception):
    """A fit that cannot go on."""


class PathError(ArithmeticError):
    """A lasso solution path that was cut off before it reached its end."""


class StoppedError(ValueError):
    """The user stopped before there was anything to return."""
