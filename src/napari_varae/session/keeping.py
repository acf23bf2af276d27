"""What of a session lies in a file, and what would be lost."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from psygnal import Signal

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit
    from napari_varae.io.analysis import Analysis
    from napari_varae.session.snapshot import Snapshot

__all__ = ["Keeping"]


class Keeping:
    """The part of a session that knows what is saved."""

    saved_changed = Signal()

    # What the session has besides
    fits: list[Fit]
    keep_fit: Callable[..., None]

    def __init__(self) -> None:
        super().__init__()
        self._saved: weakref.WeakSet[Fit] = weakref.WeakSet()
        self._saved_content: tuple[Any, ...] = ()
        self.folder: str | None = None
        """Analysis folder in which the analysis was saved, or from which it was opened."""
        self.folder_files: frozenset[str] = frozenset()
        """Comparisons that were in it then; all of them are in the session."""

    def is_saved(self, fit: Fit) -> bool:
        """Whether a fit lies in a file."""
        return fit in self._saved

    def note_saved(self, snapshot: Snapshot, analysis: Analysis) -> None:
        """Note that an analysis folder holds what is in a snapshot."""
        self._saved_content, self.folder = snapshot.content, str(analysis.folder)
        self.folder_files = analysis.files_then
        if snapshot.fit is not None and any(fit is snapshot.fit for fit in self.fits):
            self.keep_fit(snapshot.fit, saved=True)
        self.saved_changed.emit()

    def is_kept(self, snapshot: Snapshot) -> bool:
        """Whether all of a snapshot lies in files, or there is nothing in it to keep."""
        unsaved = any(not self.is_saved(fit) for fit in snapshot.unsaved)
        return not snapshot.is_work or (snapshot.content == self._saved_content and not unsaved)
