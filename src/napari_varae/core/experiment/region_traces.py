"""Mean of the movie over regions: the traces of cells that were drawn, over time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.experiment.cells import Cells
from napari_varae.core.movie.stack import Stack

__all__ = ["region_traces"]


def region_traces(
    stack: Stack, regions: Cells, progress: Callable[[int, int], None] | None = None
) -> NDArray[np.float32]:
    """Average each frame over each region, in one pass through the movie.

    Parameters
    ----------
    stack : Stack
    regions : Cells
        Regions of the image; pixels count by their weights.
    progress : callable, optional
        Called with frames done and all frames.

    Returns
    -------
    array, shape (T, N)
        In the movie's units; NaN at bad frames.

    Raises
    ------
    DataError
        When the regions are in images of another size.
    StackError
        When the movie cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> labels = np.zeros((8, 8), dtype=int)
    >>> labels[:4] = 1
    >>> region_traces(nv.Stack(np.ones((20, 8, 8))), nv.Cells.from_labels(labels)).shape
    (20, 1)
    """
    regions.check(stack.shape[1:])
    weights = regions.footprints.T
    area = np.asarray(regions.footprints.sum(axis=1)).ravel()
    traces = np.empty((stack.n_frames, len(regions)), dtype=np.float32)
    for first, frames in stack.blocks():
        traces[first : first + len(frames)] = frames.reshape(len(frames), -1) @ weights / area
        if progress is not None:
            progress(first + len(frames), stack.n_frames)
    traces[~stack.good_frames()] = np.nan
    return traces
