"""Linear algebra that the lasso path and its gradient share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["factorise", "one_thread"]

JITTER = 1e-14
"""Share of its diagonal first added to an active Gram matrix without a Cholesky factor; ten times more at each try."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on the calling thread alone."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def factorise(gram: Tensor, index: Tensor, used: Tensor) -> Tensor:
    """Cholesky factors of active Gram matrices, shape (B, m, m); unused slots become rows of the identity.

    Parameters
    ----------
    gram : Tensor, shape (N, P, P)
    index, used : Tensor, shape (B, m)
        Predictor in each slot, and whether the slot is used; B is a multiple of N.
    """
    of = torch.arange(len(gram), device=gram.device).repeat_interleave(len(index) // len(gram))[:, None, None]
    block = gram[of, index[:, :, None], index[:, None, :]] * (used[:, :, None] & used[:, None, :])
    block.diagonal(dim1=1, dim2=2).add_(~used)
    jitter = JITTER
    while True:
        factor: Tensor
        factor, failed = torch.linalg.cholesky_ex(block)
        if not bool((failed > 0).any()):
            return factor
        block.diagonal(dim1=1, dim2=2).mul_(torch.where(failed > 0, 1 + jitter, 1.0)[:, None])
        jitter *= 10
