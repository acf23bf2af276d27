"""What a trace has of its own: neither a change of the whole image, nor a stronger neighbour that such a change moves.

When the tissue moves, or its brightness changes, the flanks of an active cell flicker with the products of its trace
and of that change: a place beside a cell has a signal then, though no cell lies there.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["own_signals", "without_changes"]

NEAR = 20.0
"""Distance in pixels up to which a stronger place is a neighbour: twice that of two cells side by side."""
NEIGHBOURS = 4
"""Neighbours of a place that are considered, at most: those with the most similar traces."""
FRAMES_EACH = 10
"""Frames for each coefficient of the regression, at least."""
AT_ONCE = 64
"""Traces that are in float64 at a time."""


def without_changes(traces: Tensor, common: Tensor) -> Tensor:
    """Residual of traces (T, Q) from a regression on changes of the whole image (T, G), their squares and products."""
    common = _standardised(common)
    pairs = torch.triu_indices(common.shape[1], common.shape[1])
    changes = torch.cat([common, common[:, pairs[0]] * common[:, pairs[1]]], 1)
    return torch.cat([_without(some.double(), changes).float() for some in traces.split(AT_ONCE, 1)], 1)


def own_signals(traces: Tensor, scores: Tensor, centres: Tensor, common: Tensor, after: Tensor) -> Tensor:
    """Regress each trace on its stronger neighbours, and on their products with changes of the whole image.

    Parameters
    ----------
    traces : Tensor, shape (T, Q)
        Traces of places, as :func:`without_changes` leaves them.
    scores : Tensor, shape (Q,)
        What a place is worth: a neighbour with a higher score is stronger.
    centres : Tensor, shape (Q, 2)
        In pixels.
    common : Tensor, shape (T, G)
        Traces of changes of the whole image.
    after : Tensor
        Frames that directly follow the one before them.

    Returns
    -------
    signal : Tensor, shape (Q,)
        Lag-1 autocovariance of the residual: white noise has none.
    """
    common = _standardised(common)
    lagged = traces[after].mT @ traces[after - 1] / len(after)
    size = traces.square().mean(0).sqrt().clamp(min=1e-15)
    stronger = (torch.cdist(centres, centres) < NEAR) & (scores > scores[:, None])
    alike = torch.where(stronger, (lagged + lagged.mT).abs() / size, 0.0)
    most = min(NEIGHBOURS, len(scores), len(traces) // (FRAMES_EACH * (1 + common.shape[1])))
    signal = lagged.diagonal().clone()
    for k, row in enumerate(alike):
        nearest = row.topk(most)
        z = traces[:, nearest.indices[nearest.values > 0]].double()
        if z.shape[1]:
            moved = (z[:, :, None] * common[:, None]).flatten(1)
            own = _without(traces[:, k : k + 1].double(), torch.cat([z, moved], 1))[:, 0]
            signal[k] = (own[after] * own[after - 1]).mean()
    return signal


def _standardised(traces: Tensor) -> Tensor:
    """Traces (T, G) with a mean of zero and a variance of one, in float64."""
    centred = traces.double() - traces.double().mean(0)
    return centred / centred.square().mean(0).sqrt().clamp(min=1e-12)


def _without(traces: Tensor, known: Tensor) -> Tensor:
    """Residual of traces (T, Q) from a regression on known ones (T, R) and a constant."""
    known = torch.cat([torch.ones(len(known), 1).to(known), known], 1)
    left: Tensor = traces - known @ torch.linalg.lstsq(known, traces).solution
    return left
