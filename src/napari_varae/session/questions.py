"""What a file left open when it was opened, until the user has chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from psygnal import Signal

__all__ = ["Openable", "Question", "Questions"]

Openable = Literal["movie", "analysis", "cells", "trials", "behaviour"]
"""What users bring."""


@dataclass(frozen=True)
class Question:
    """A choice that a file leaves to the user.

    Attributes
    ----------
    what : str
        What was to be opened.
    path : str or list of str
        The file, folder or files.
    text : str
        What was found, in words.
    options : dict of str to sequence
        What there is to choose from, for each argument that is open; empty for a pair of numbers.
    given : dict
        What was chosen before.
    """

    what: Openable
    path: Any
    text: str
    options: Mapping[str, Sequence[str | int]]
    given: Mapping[str, Any] = field(default_factory=dict)


class Questions:
    """The part of a session that keeps the choice that is open."""

    asked = Signal()

    question: Question | None = None

    def ask(self, question: Question | None) -> None:
        """Leave a choice to the user; None when it was made, or is given up."""
        if question is not self.question:
            self.question = question
            self.asked.emit()
