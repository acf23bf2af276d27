"""Do the halves of ranges show that dynamics drift, and from which length on?

    python -m benchmarks.comparison.halves [--sets 30] [--lengths 66 98 128 256 400]

Sparse VARs of 32 latents of which 12 links change by 0.4 every half range: neighbouring ranges differ, and so do the
halves of each, or those of A alone. A and B are compared with 59 draws, and the halves of each as `nv.compare` does.
For each length a line is stored, and what is there is not computed again: sets, those in which coupling has p <= 0.05
between A and B, between the halves of each (one test for both), and between A and B but not between halves.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import torch

import napari_varae as nv
from benchmarks.comparison.calibration import Setting, coefficients, radius
from benchmarks.stored import read, stored
from napari_varae.core.comparison.compare import HALVES_BLOCKS, HALVES_RESAMPLES
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.within import compare_halves

LATENTS, LINKS, SIZE, RESAMPLES = 32, 12, 0.4, 59
DRIFTING = ("A and B", "A")
"""Where links change in the middle."""
FEWEST = 32
"""Frames of a half that can be compared."""


def regime(base: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change some links, and keep the VAR stable."""
    while True:
        a = base.copy()
        for target, step in zip(*rng.integers(1, LATENTS, size=(2, LINKS)), strict=True):
            a[target, (target + step) % LATENTS] += SIZE * rng.choice([-1, 1])
        if radius(a[None]) < 0.98:
            return a


def quarters(length: int, drifting: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the halves of A and of B, each with links of its own; of those of B the same where only A drifts."""
    base = coefficients(Setting(LATENTS, length, 1, False, False), rng)[0]
    np.fill_diagonal(base, 0.7)
    state, parts = np.zeros(LATENTS), []
    for part in range(4):
        if part < 3 or drifting == "A and B":
            a = regime(base, rng)
        z = []
        for _ in range(length // 2 + (100 if part == 0 else 0)):
            state = a @ state + rng.standard_normal(LATENTS)
            z.append(state)
        parts.append(np.array(z[-(length // 2) :]))
    return parts


def once(length: int, drifting: str, seed: int) -> tuple[float, float]:
    """P-value of coupling between A and B, and between the halves of each, by one test for both."""
    parts = quarters(length, drifting, np.random.default_rng((seed, length)))
    a, b = np.concatenate(parts[:2]), np.concatenate(parts[2:])
    p = nv.compare_latents(a, b, resamples=RESAMPLES, power_draws=0, seed=seed).coupling.p_value
    if length // 2 < FEWEST:
        return p, 1.0
    halves = {name: tuple(Segments.apart([z]) for z in parts[i : i + 2]) for name, i in (("a", 0), ("b", 2))}
    few = nv.ComparisonConfig(resamples=HALVES_RESAMPLES, blocks=HALVES_BLOCKS, seed=seed)
    return p, compare_halves(halves, 1, few)["coupling"]["any"]


def main() -> None:
    """Add what is missing, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=stored("halves"))
    parser.add_argument("--sets", type=int, default=30)
    parser.add_argument("--lengths", type=int, nargs="+", default=[66, 98, 128, 256, 400])
    options = parser.parse_args()
    torch.set_num_threads(1)
    known = {(row["drifting"], row["length"]) for row in read(options.results)}
    for drifting, length in itertools.product(DRIFTING, options.lengths):
        if (drifting, length) not in known:
            p = np.array([once(length, drifting, seed) for seed in range(options.sets)])
            ranges, halves = (p <= 0.05).T
            row = {
                "drifting": drifting, "length": length,
                "pairs per predictor of a half": round((length // 2 - 1) / LATENTS, 2),
                "sets": len(p), "ranges": int(ranges.sum()), "halves": int(halves.sum()),
                "ranges, not halves": int((ranges & ~halves).sum()),
            }  # fmt: skip
            with options.results.open("a") as file:
                file.write(json.dumps(row) + "\n")
    for row in read(options.results):
        print(row)


if __name__ == "__main__":
    main()
