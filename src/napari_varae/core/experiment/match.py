"""Which cell each latent is: the overlap of its footprint with the cells that the user brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.experiment.cells import Cells

if TYPE_CHECKING:
    import pandas as pd

    from napari_varae.core.fit.fit import Fit

__all__ = ["NONE", "SEVERAL", "match_cells"]

Values = NDArray[np.float64]
SEVERAL, NONE = "several", "none"
HALF = 0.5
"""Share of a footprint that makes it a cell's."""


def match_cells(fit: Fit, cells: Cells) -> pd.DataFrame:
    """Find the cell to which each latent belongs.

    The share of a cell is the part of the squared footprint that lies on pixels of this cell. A latent belongs to the
    cell that holds at least half; to 'several' when more than one cell does, or only all cells together; else to
    'none'. A cell may have several latents.

    Parameters
    ----------
    fit : Fit
        Its `footprints` (K, Y, X) are used.
    cells : Cells
        Cells of the same image size.

    Returns
    -------
    pandas.DataFrame
        One row per latent: `latent`; `cell`, the id of its cell, 'several' or 'none'; `overlap`, the cosine similarity
        of footprint and cell, 0 to 1; `share`, 0 to 1; `candidates`, the ids of up to three cells that hold at least a
        tenth, largest first. Overlap and share are those of the first candidate, or of the nearest cell there is.

    Raises
    ------
    DataError
        When the cells are of images of another size.

    Examples
    --------
    >>> import napari_varae as nv
    >>> sim = nv.simulate(nv.SimulationConfig(frames=100, height=24, width=24, cells=2, seed=0))
    >>> fit = nv.fit(sim.stack, nv.FitConfig(latents=4, epochs=0))
    >>> table = nv.match_cells(fit, nv.open_cells(sim.footprints > 0.2 * sim.footprints.max()))
    >>> list(table.columns)
    ['latent', 'cell', 'overlap', 'share', 'candidates']
    """
    import pandas as pd

    cells.check(fit.shape)
    cosines, shares, together = _overlaps(fit, cells)
    rows = []
    for k, share in enumerate(shares):
        order = np.argsort(-share, kind="stable")
        holders = int((share >= HALF).sum())
        lone = holders == 1
        cell = cells.ids[order[0]] if lone else SEVERAL if holders or together[k] >= HALF else NONE
        candidates = tuple(cells.ids[i] for i in order[:3] if share[i] >= 0.1)
        rows.append((k, cell, float(cosines[k, order[0]]), float(share[order[0]]), candidates))
    table = pd.DataFrame(rows, columns=["latent", "cell", "overlap", "share", "candidates"])
    return table.astype({"cell": object, "candidates": object})


def _overlaps(fit: Fit, cells: Cells) -> tuple[Values, Values, Values]:
    """Cosine similarity of each footprint and each cell, share of each cell, share of all cells: (K, N), (K, N), (K,).

    Footprints are drawn a few at a time: all of a large image would fill the memory.
    """
    weights = cells.footprints.astype(np.float64)
    support = (weights > 0).astype(np.float64)
    anywhere = np.asarray(support.sum(axis=0)) > 0
    lengths = np.sqrt(weights.multiply(weights).sum(axis=1))
    found = []
    for images in fit.combine(np.eye(fit.latents)):
        size = np.abs(images.reshape(len(images), -1)).astype(np.float64)
        energy = np.square(size)
        total = energy.sum(axis=1).clip(1e-300)
        cosines = (weights @ size.T).T / np.sqrt(total)[:, None] / lengths
        found.append((cosines, (support @ energy.T).T / total[:, None], energy[:, anywhere].sum(axis=1) / total))
    cosines, shares, together = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return cosines, shares, together
