"""What goes into the lasso, checked, and its paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_varae.core.lasso.lars import RIDGE, Walk, follow
from napari_varae.errors import PathError

__all__ = ["Ends", "Problem"]

TINY = 1e-100
"""A predictor with an SD this small is constant."""
RUNAWAY = 1e11
"""Size of a coefficient, in units of the largest correlation, that no moments of data give: their null space does."""
TRUSTED = 1e-5
"""Violation of the optimality conditions, as a share of the largest correlation, at which a path is not trusted."""


class Ends(NamedTuple):
    """Where N x K paths end: penalties (N, K), coefficients (N, K, P) and, padded to m, what is active.

    That is its predictors (N K, m), P standing for none, their signs times their weights (N K, m) and the factor
    R'R = G_AA (N K, m, m).
    """

    penalty: Tensor
    beta: Tensor
    active: Tensor
    towards: Tensor
    root: Tensor


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

    def walks(self, stop: Tensor, *, most: int | None = None, every: bool = False) -> Iterator[Walk]:
        """Follow each path down to `stop`, or until `most` predictors have entered, and keep all knots or the end."""
        done = 0
        parts = (part.detach().cpu().numpy() for part in (self.gram, self.cross, self.weights, stop))
        for gram, *targets in zip(*parts, strict=True):
            deviation = np.sqrt(gram.diagonal().clip(min=0))
            scale = np.divide(1, deviation, where=deviation > TINY, out=np.zeros_like(deviation))
            unit = (gram + gram.T) / 2 * scale * scale[:, None]
            unit = (1 - RIDGE) * unit + RIDGE * np.diag(unit.diagonal())
            for cross, weights, end in zip(*targets, strict=True):
                limits = end, most or self.shape[-1] + 1, self.max_steps, every
                walk: Walk = follow(unit, cross * scale, weights * scale, scale, *limits)
                if walk.cut_off:
                    raise PathError(
                        f"After {self.max_steps} steps the solution path of target {done} stood at penalty "
                        f"{walk.penalties[-1]:.6g} with {len(walk.active)} coefficients, on its way to {end:.6g}. "
                        "Raise max_steps or the smallest penalty."
                    )
                if not walk.violation < TRUSTED:
                    raise PathError(
                        f"The solution path of target {done} lost its way before penalty {end:.6g}: it violates "
                        f"the optimality conditions by {walk.violation:.1e} of the largest correlation. Is gram "
                        "positive semi-definite? Otherwise raise the smallest penalty."
                    )
                deviations = np.divide(1, scale, where=scale > 0, out=np.zeros_like(scale))
                if np.abs(walk.coefficients * deviations).max() > RUNAWAY * np.abs(cross * scale).max():
                    raise ValueError(
                        f"No finite coefficients minimise the squares of target {done} at penalty {end:.6g}: "
                        "gram is singular and cross is not a combination of its columns, so they are not moments of "
                        "the same data. Compute both from the same frames, or choose a larger penalty."
                    )
                done += 1
                yield walk

    def ends(self, stop: Tensor, most: int | None = None) -> Ends:
        """Follow each path to its end, and report how things are there."""
        walks, p = list(self.walks(stop, most=most)), self.shape[-1]
        width = max(1, *(len(walk.active) for walk in walks))
        active, towards = np.full((len(walks), width), p), np.zeros((len(walks), width))
        root = np.tile(np.eye(width), (len(walks), 1, 1))
        for row, walk in enumerate(walks):
            m = len(walk.active)
            active[row, :m], towards[row, :m], root[row, :m, :m] = walk.active, walk.towards, walk.root
        penalty = np.array([walk.penalties[-1] for walk in walks]).reshape(stop.shape)
        beta = np.array([walk.coefficients[-1] for walk in walks]).reshape(self.cross.shape)
        return Ends(*(torch.from_numpy(part).to(self.cross.device) for part in (penalty, beta, active, towards, root)))


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
