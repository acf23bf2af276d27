"""What goes into the lasso, checked, and the active sets at the ends of its paths."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from napari_varae.core._linear import factorise
from napari_varae.core._walk import walk

__all__ = ["Problem", "behind"]


class Problem:
    """Checked inputs in float64, the leading dimensions flattened into one of size N."""

    def __init__(self, gram: Any, cross: Any, weights: Any, max_steps: int | None) -> None:
        device = cross.device if isinstance(cross, Tensor) and cross.device.type != "mps" else torch.device("cpu")
        gram, cross = _finite(gram, "gram", device), _finite(cross, "cross", device)
        if gram.ndim < 2 or gram.shape[-1] != gram.shape[-2] or 0 in gram.shape:
            raise ValueError(f"gram has shape {tuple(gram.shape)}; it must be (..., P, P) with at least one predictor.")
        if cross.ndim < 2 or 0 in cross.shape or (*cross.shape[:-2], cross.shape[-1]) != gram.shape[:-1]:
            raise ValueError(
                f"cross has shape {tuple(cross.shape)}; with a gram of shape {tuple(gram.shape)} it must be "
                "(..., K, P) with the same leading dimensions and P, and at least one target."
            )
        if bool(((gram - gram.mT).abs() > 1e-4 * gram.abs().amax() + 1e-30).any()):
            raise ValueError("gram is not symmetric.")
        weights = cross.new_ones(()) if weights is None else _finite(weights, "weights", device)
        if weights.requires_grad:
            raise ValueError("weights cannot carry a gradient; detach them.")
        if bool((weights < 0).any()):
            raise ValueError(f"weights reach down to {float(weights.min()):g}; they must be 0 or larger.")
        self.shape = cross.shape
        *_, k, p = cross.shape
        self.gram = gram.reshape(-1, p, p)
        self.cross = cross.reshape(-1, k, p)
        self.weights = _broadcast(weights, cross.shape, "weights").reshape(-1, k, p)
        self.max_steps = 16 * p + 64 if max_steps is None else int(max_steps)

    def per_target(self, value: Any, name: str) -> Tensor:
        """Check a penalty and spread it over the targets, shape (N, K)."""
        level = _finite(value, name, self.cross.device)
        if bool((level < 0).any()):
            raise ValueError(f"{name}={float(level.min()):g} is negative; it must be 0 or larger.")
        return _broadcast(level, self.shape[:-1], name).reshape(self.cross.shape[:-1])

    def end(self, stop: Tensor, most: int | None = None) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        """Walk each path to its end, and return the active sets there and their coefficients without sign.

        An active set is the Cholesky factor of its Gram matrix, shape (N K, m, m), its predictors, with P for none, and
        the signs of their coefficients times their weights, shape (N K, m).
        """
        p = self.shape[-1]
        ends = walk(self.gram, self.cross, self.weights, stop, self.max_steps, knots=False, most=most)
        doors = np.full((stop.numel(), max(slots.shape[1] for _, _, slots, _ in ends)), 2 * p + 1)
        values = np.zeros(doors.shape)
        for rows, _, slots, coefficients in ends:
            doors[rows, : slots.shape[1]], values[rows, : slots.shape[1]] = slots, coefficients
        order = doors.argsort(axis=1)[:, : (doors <= 2 * p).sum(1).max()]
        doors, values = (np.take_along_axis(table, order, 1) for table in (doors, values))
        used, index, signs, size = (
            torch.from_numpy(part).to(self.cross.device)
            for part in (doors <= 2 * p, doors % (p + 1), 1.0 - 2 * (doors > p), values)
        )
        gram = (self.gram + self.gram.mT).detach() / 2
        factor = factorise(pad(gram, (0, 1, 0, 1)), index, used)
        return (factor, index, signs * behind(self.weights, index)), size


def _finite(value: Any, name: str, device: torch.device) -> Tensor:
    value = value if isinstance(value, Tensor) else torch.tensor(np.asarray(value, dtype=np.float64))
    tensor: Tensor = value.to(device).to(torch.float64)  # in this order: MPS has no float64
    if not bool(tensor.isfinite().all()):
        raise ValueError(f"{name} has {int((~tensor.isfinite()).sum())} values that are NaN or infinite.")
    return tensor


def _broadcast(value: Tensor, shape: torch.Size, name: str) -> Tensor:
    try:
        return value.broadcast_to(shape)
    except RuntimeError:
        raise ValueError(f"{name} of shape {tuple(value.shape)} does not fit {tuple(shape)}.") from None


def behind(dense: Tensor, index: Tensor) -> Tensor:
    """Pick the values of the active predictors, shape (N K, m), from (N, K, P); zero in empty slots."""
    return pad(dense.reshape(len(index), -1), (0, 1)).gather(1, index)
