"""What speaks against comparing two frame sets, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_varae.core.movie.frames import overlap
from napari_varae.core.movie.good_frames import closeness, good_runs, shortage
from napari_varae.core.movie.stack import Stack
from napari_varae.session.ranges import Segments, total

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit

__all__ = ["note_ranges"]


def note_ranges(stack: Stack | None, fit: Fit | None, a: Segments, b: Segments, *, trained_here: bool) -> list[str]:
    """Say in words what speaks against comparing A and B, or ought to be known.

    Training frames are of interest when the fit was trained on this movie (`trained_here`).
    """
    if stack is None or not (a and b):
        return ["Set the ranges A and B: drag them in the Time dock, or type them here."]
    notes = []
    if shared := overlap(a, b):
        notes.append(f"A and B share {shared} frames: move one of them.")
    order = fit.var.order if fit is not None else 1
    for letter, segments in (("A", a), ("B", b)):
        if short := shortage(good_runs(stack, segments, order), order, f"Range {letter}"):
            notes.append(short)
    if close := closeness(a, b, order):
        notes.append(close)
    if fit is not None and trained_here:
        seen = [overlap((fit.frames,), segments) / total(segments) for segments in (a, b)]
        if seen[0] != seen[1]:
            notes.append(f"Seen in training: {seen[0]:.0%} of A but {seen[1]:.0%} of B.")
    return notes
