"""Is the permutation of whole segments exact on a recording? Labels assigned at random, and the permutation alone.

    python -m benchmarks.comparison.labels MOVIE.tif [--latents 12] [--sets 360] [--draws 59]

The recording is cut into segments of 25 frames, which are assigned to A and B at random. Printed: the shares of
p-values of the permutation, for coupling and for persistence, at most 0.05 and 0.2. Noise is left in.
"""

from __future__ import annotations

import argparse

import numpy as np

import napari_varae as nv
from napari_varae.core.comparison.inference.permutation import SegmentPermutation
from napari_varae.core.comparison.inference.sample import Sample
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.statistic import difference
from napari_varae.core.comparison.inference.units import Units

SEGMENT = 25
ASKED = ("coupling", "persistence")


def p_values(z: np.ndarray, seed: int, draws: int) -> np.ndarray:
    """P-values for coupling and persistence of one assignment."""
    rng = np.random.default_rng(seed)
    numbers = np.array_split(rng.permutation(len(z) // SEGMENT), 2)
    starts = [np.sort(part) * SEGMENT for part in numbers]
    sides = [
        Segments(tuple(z[s : s + SEGMENT - 1] for s in part), tuple(int(s) for s in part)) for part in starts
    ]  # fmt: skip
    units, of = Units(sides, 1), [side.range_of_pairs(1) for side in sides]
    a, b = (Sample.of(units.scaled(side, True), 1, units=unit) for side, unit in zip(sides, of, strict=True))
    observed = difference(a, b)
    null = SegmentPermutation((a, b), observed, (of[0], of[1]), (sides[0].starts, sides[1].starts))
    found = [null.difference(order).scores for order in null.random(draws, rng)]
    reached = [sum(part[q].max() >= 0.999 * observed.scores[q].max() for part in found) for q in ASKED]
    return (1 + np.array(reached)) / (1 + draws)


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie")
    parser.add_argument("--latents", type=int, default=12)
    parser.add_argument("--sets", type=int, default=360)
    parser.add_argument("--draws", type=int, default=59)
    options = parser.parse_args()
    stack = nv.open_stack(options.movie)
    fit = nv.fit(stack, nv.FitConfig(latents=options.latents, epochs=10))
    z = fit.encode(stack).astype(float)
    p = np.array([p_values(z, seed, options.draws) for seed in range(options.sets)])
    for name, column in zip(ASKED, p.T, strict=True):
        print(f"{name}: {(column <= 0.05).mean():.1%} at 5 %, {(column <= 0.2).mean():.1%} at 20 %, {len(p)} sets")


if __name__ == "__main__":
    main()
