"""Units of time: seconds or frames, and the frame rate between them."""

from __future__ import annotations

from typing import Literal

import numpy as np

__all__ = ["Unit", "check_units"]

Unit = Literal["s", "frames"]
"""Whether times are in seconds or in frames."""


def check_units(unit: str, frame_rate: float | None) -> None:
    """Raise ValueError unless the unit is known and the frame rate (Hz) is positive or None."""
    if unit not in ("s", "frames"):
        raise ValueError(f"unit={unit!r} must be 's' (seconds) or 'frames'.")
    if frame_rate is not None and not 0 < float(frame_rate) < np.inf:
        raise ValueError(f"frame_rate={frame_rate!r} must be a positive number of Hz, or None when unknown.")
