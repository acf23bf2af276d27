"""The part of a trace that neither changes of the whole image nor stronger neighbours explain.

When the tissue moves, or its brightness changes, the flanks of an active cell flicker with the products of its trace
and of that change: a place beside a cell has a signal then, though no cell lies there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_varae.core.compute.checkpoint import Check, go_on

__all__ = ["own_signals", "take_out_changes"]

NEAR = 20.0
"""Distance in pixels up to which a stronger place is a neighbour: twice that of two cells side by side."""
NEIGHBOURS = 4
"""Neighbours of a place that are considered, at most: those with the most similar traces."""
FRAMES_EACH = 10
"""Frames for each coefficient of a regression, at least."""
AT_ONCE = 64
"""Traces that are converted to float64 at a time."""
BLOCK = 2048
"""Frames in a block when products are summed."""


def take_out_changes(traces: Tensor, common: Tensor, check: Check = go_on) -> Tensor:
    """Take changes of the whole image, their squares and products out of traces, in place.

    Parameters
    ----------
    traces : Tensor, shape (T, Q)
        Traces of places.
    common : Tensor, shape (T, G)
        Traces of changes of the whole image.
    check : callable, optional
        Asked between pieces of work.

    Returns
    -------
    own : Tensor, shape (Q,)
        Share of the mean square of each trace that is left.
    """
    known = _standardised(common)
    pairs = torch.triu_indices(known.shape[1], known.shape[1])
    if len(known) >= FRAMES_EACH * (known.shape[1] + pairs.shape[1] + 1):
        known = torch.cat([known, known[:, pairs[0]] * known[:, pairs[1]]], 1)
    own = torch.ones(traces.shape[1])
    for first in range(0, traces.shape[1], AT_ONCE):
        check()
        some = traces[:, first : first + AT_ONCE]
        before = some.square().mean(0)
        some.copy_(_without(some.double(), known))
        own[first : first + AT_ONCE] = (some.square().mean(0) / before.clamp(min=1e-30)).clamp(max=1)
    return own


def own_signals(
    traces: Tensor, scores: Tensor, centres: Tensor, common: Tensor, after: Tensor, check: Check = go_on
) -> Tensor:
    """Regress each trace on its stronger neighbours, and on their products with changes of the whole image.

    Parameters
    ----------
    traces : Tensor, shape (T, Q)
        Traces of places, as :func:`take_out_changes` leaves them.
    scores : Tensor, shape (Q,)
        Score of each place: a neighbour with a higher one is stronger.
    centres : Tensor, shape (Q, 2)
        In pixels.
    common : Tensor, shape (T, G)
        Traces of changes of the whole image.
    after : Tensor
        Frames that directly follow the one before them.
    check : callable, optional
        Asked between places.

    Returns
    -------
    signal : Tensor, shape (Q,)
        Lag-1 autocovariance of the residual: white noise has none.
    """
    common = _standardised(common)
    lagged = torch.zeros(traces.shape[1], traces.shape[1])
    for block in after.split(BLOCK):
        lagged += traces[block].mT @ traces[block - 1]
    lagged /= max(len(after), 1)
    size = traces.square().mean(0).sqrt().clamp(min=1e-15)
    stronger = (torch.cdist(centres, centres) < NEAR) & (scores > scores[:, None])
    alike = torch.where(stronger, (lagged + lagged.mT).abs() / size, 0.0)
    most = min(NEIGHBOURS, len(scores), len(traces) // (FRAMES_EACH * (1 + common.shape[1])))
    signal = lagged.diagonal().clone()
    for k, row in enumerate(alike):
        check()
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
    """Residual of traces (T, Q) from a regression on known ones (T, R) and a constant, by normal equations."""
    traces, known = traces - traces.mean(0), known - known.mean(0)
    known = known / known.square().mean(0).sqrt().clamp(min=1e-12)
    left: Tensor = traces - known @ (
        torch.linalg.pinv(known.mT @ known, rtol=1e-10, hermitian=True) @ (known.mT @ traces)
    )
    return left
