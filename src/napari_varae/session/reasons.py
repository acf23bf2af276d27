"""Why something cannot be done now, in words: what a button that is grey reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari_varae.session.session import Session

__all__ = ["Need", "why_not"]

Need = Literal["movie", "fit", "ranges", "comparison", "idle"]


def why_not(session: Session, *needs: Need) -> str:
    """Give the first of these needs that is not met, and what to do about it; empty when all are."""
    title = session.progress.title if session.progress is not None else ""
    unmet: dict[Need, tuple[bool, str]] = {
        "movie": (session.stack is None, "Open a movie in the Movie dock first."),
        "fit": (session.fit is None, "Train or load a fit in the Train dock first."),
        "ranges": (
            not (session.ranges["a"] and session.ranges["b"]),
            "Set the ranges A and B first: drag them in the Time dock, or type them in the Compare dock.",
        ),
        "comparison": (session.comparison is None, "Compare A with B first."),
        "idle": (session.job != "idle", f"Available when this job ends: {title or session.job}."),
    }
    return next((unmet[need][1] for need in needs if unmet[need][0]), "")
