"""Ranges between which no coefficient differs, but whose latents are not a VAR, or more than a VAR; for `verdict`.

*events*: white noise with events of 40 frames, each in one latent, that no linear rule describes; *noise*: a VAR seen
with noise of SD 1, or of 1.5 in B; *trials*: 12 + 12 segments of 40 frames of one VAR, in A with a response at a fixed
time, given by its size in SD of the innovations. Six latents.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

LATENTS = 6
EVENT = np.sin(np.linspace(0, np.pi, 40)) ** 2
RESPONDING = np.array([1, 1, 0, 0, 1, 0])
Ranges = tuple[list[np.ndarray], list[np.ndarray]]


def events(length: int, rng: np.random.Generator) -> Ranges:
    """Draw two ranges with events at random times in random latents."""

    def one() -> np.ndarray:
        z = rng.standard_normal((length, LATENTS))
        for start in rng.integers(0, length - len(EVENT), round(0.06 * length)):
            z[start : start + len(EVENT), rng.integers(LATENTS)] += rng.exponential(6) * EVENT
        return z

    return [one()], [one()]


def sparse(length: int, rng: np.random.Generator, drive: np.ndarray | None = None) -> np.ndarray:
    """Draw a sparse VAR with skewed innovations, to which `drive` is added."""
    a = 0.85 * np.eye(LATENTS)
    a[1, 0], a[3, 2] = 0.1, -0.1
    z = np.zeros((length + 100, LATENTS))
    noise = rng.exponential(size=z.shape) - 1
    for t in range(1, len(z)):
        z[t] = a @ z[t - 1] + noise[t]
        if drive is not None and t >= 100:
            z[t] += drive[t - 100]
    return z[100:]


def noise(length: int, in_b: float, rng: np.random.Generator) -> Ranges:
    """Draw two ranges of a VAR that is seen with noise, of SD 1 in A."""
    a, b = (sparse(length, rng) + size * rng.standard_normal((length, LATENTS)) for size in (1, in_b))
    return [a], [b]


def trials(response: float, rng: np.random.Generator) -> Ranges:
    """Draw trials of A, which have a response, and of B, which have none."""
    course = np.outer(response * np.exp(-np.square((np.arange(40) - 12) / 3) / 2), RESPONDING)
    return [sparse(40, rng, course) for _ in range(12)], [sparse(40, rng) for _ in range(12)]


KINDS: dict[str, Callable[[np.random.Generator], Ranges]] = {
    **{f"events, {n} frames": partial(events, n) for n in (400, 800, 1600, 3200)},
    **{f"noise, {n} frames": partial(noise, n, 1) for n in (400, 1600)},
    "more noise in B, 400 frames": partial(noise, 400, 1.5),
    **{f"trials, response {size}": partial(trials, size) for size in (0, 1, 2)},
    "trials, response 2, means subtracted": lambda rng: tuple(
        [z - np.mean(side, 0) for z in side] for side in trials(2, rng)
    ),
}
