"""An analysis folder in the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_varae.io.analysis import Analysis
from napari_varae.session.analysis import use_analysis
from napari_varae.session.session import session_of
from napari_varae.viewer.movie import open_movie

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["show_analysis"]


def show_analysis(viewer: ViewerModel, analysis: Analysis) -> tuple[str, ...]:
    """Open the movie of an analysis as a layer, and take in its fit, frame sets, trials, cells and behaviour.

    Returns
    -------
    tuple of str
        What is wrong with cells and behaviour, whose files may have moved or changed.

    Raises
    ------
    StackError
        When the movie has moved or cannot be read.
    DataError, FitFileError
        When a file of the analysis is damaged.
    """
    open_movie(viewer, analysis.stack)
    return use_analysis(session_of(viewer), analysis)
