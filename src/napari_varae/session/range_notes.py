"""What should be known before the ranges A and B are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_varae.core.comparison import notes
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.odd_frames import odd_notes

if TYPE_CHECKING:
    from napari_varae.session.session import Session

__all__ = ["range_notes"]


def range_notes(session: Session) -> list[str]:
    """List what speaks against comparing A and B, or should be known."""
    a, b, stack, fit = session.ranges["a"], session.ranges["b"], session.stack, session.fit
    if stack is None or not (a and b):
        return ["Set the ranges A and B: drag them in the Time dock, or type them here."]
    sides = FrameSet.of(stack, a), FrameSet.of(stack, b)
    odd = odd_notes(session.odd, stack.bad_frames, (*a, *b))
    if fit is None:
        return notes.of_ranges(*sides, order=1, trained=None) + odd
    trained = fit.frames if session.caution is None else None  # those of another movie are of no interest
    return notes.of_ranges(*sides, fit.var.order, trained) + odd
