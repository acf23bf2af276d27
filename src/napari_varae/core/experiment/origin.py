"""Where cells or behaviour were opened from, so that they can be opened again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Origin"]


@dataclass(frozen=True)
class Origin:
    """A file or folder, and what was chosen in it.

    Attributes
    ----------
    path : str
        Absolute path.
    given : mapping
        Arguments of the function that opened it, except those that are None.
    """

    path: str
    given: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, path: str | os.PathLike[str], **given: Any) -> Origin:
        """Note a path with arguments, of which those that are None are left out."""
        known = {name: value for name, value in given.items() if value is not None}
        return cls(str(Path(path).expanduser().absolute()), known)
