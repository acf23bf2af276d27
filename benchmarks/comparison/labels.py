"""Is the permutation of whole segments exact on recordings? Labels assigned at random, and the permutation alone.

    python -m benchmarks.comparison.labels FOLDER [--sets 200] [--draws 99]

Recordings of the folder are cut into segments of 25 frames, which are assigned to A and B at random. P-values of the
permutation for coupling and for persistence are stored, with the measurement noise of each segment accounted for and
left in: ten assignments a line, and what is there is not computed again. Printed: shares of p <= 0.05 and <= 0.2.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import torch
from scipy.stats import binomtest

import napari_varae as nv
from benchmarks.stored import Rows, read, stored
from napari_varae.core.comparison.inference.draws import TIE
from napari_varae.core.comparison.inference.lag_pairs import Sample
from napari_varae.core.comparison.inference.permutation import SegmentPermutation
from napari_varae.core.comparison.inference.segment_noise import SegmentNoise
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.units import Units
from napari_varae.core.comparison.noise import measurement_noise
from napari_varae.core.compute.threads import one_blas_thread
from napari_varae.core.movie.frame_set import FrameSet

SEGMENT = 25
CHUNK = 10
ASKED = ("coupling", "persistence")
KINDS = ("accounted for", "left in")
RECORDINGS = {"mouse_somata_2p": (16, 32), "mouse_tactile_2p": (12, 32)}
"""Numbers of latents of the fits of each recording."""


@one_blas_thread()
def p_values(z: np.ndarray, noise: SegmentNoise | None, seed: int, draws: int) -> list[float]:
    """P-values for coupling and persistence of one assignment."""
    rng = np.random.default_rng(seed)
    numbers = [np.sort(part) for part in np.array_split(rng.permutation(len(z) // SEGMENT), 2)]
    sides = [
        Segments(
            tuple(z[SEGMENT * i : SEGMENT * (i + 1) - 1] for i in part), tuple(SEGMENT * int(i) for i in part),
            noise=None if noise is None else noise.taken(part),
        )
        for part in numbers
    ]  # fmt: skip
    units, of = Units(sides, 1), [side.range_of_pairs(1) for side in sides]
    a, b = (
        Sample.of(units.scaled(side, True), 1, units.noise(side), units=unit)
        for side, unit in zip(sides, of, strict=True)
    )
    null = SegmentPermutation((a, b), (of[0], of[1]), (sides[0].starts, sides[1].starts))
    found = [null.difference(order).scores for order in null.random(draws, rng)]
    reached = [sum(part[q].max() >= TIE * null.observed.scores[q].max() for part in found) for q in ASKED]
    return [round((1 + n) / (1 + draws), 6) for n in reached]


def fitted(movie: Path, latents: int) -> tuple[np.ndarray, SegmentNoise]:
    """Latents of a recording, and the noise of each segment."""
    stack = nv.open_stack(movie)
    fit = nv.fit(stack, nv.FitConfig(latents=latents, epochs=10))
    starts = range(0, stack.n_frames - SEGMENT + 1, SEGMENT)
    noise = measurement_noise(fit, stack, [FrameSet.of(stack, [(s, s + SEGMENT - 1) for s in starts])])
    return fit.encode(stack).astype(float), noise.of[0]


def line(rows: Rows) -> list[str]:
    """Sets, and the shares of p <= 0.05 (95 % interval) and <= 0.2 of each question, in percent."""
    cells = [str(sum(row["count"] for row in rows))]
    for name in ASKED:
        p = np.concatenate([row[name] for row in rows])
        low, high = binomtest(int((p <= 0.05).sum()), len(p)).proportion_ci()
        cells += [
            f"{100 * (p <= 0.05).mean():.1f} ({100 * low:.1f} to {100 * high:.1f})",
            f"{100 * (p <= 0.2).mean():.0f}",
        ]
    return cells


def main() -> None:
    """Add what is missing, and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=Path, default=stored("labels"))
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--draws", type=int, default=99)
    options = parser.parse_args()
    torch.set_num_threads(1)
    known = {(row["movie"], row["latents"], row["noise"], row["first"]) for row in read(options.results)}
    for movie, sizes in RECORDINGS.items():
        for k in sizes:
            missing = [
                (kind, first)
                for first, kind in itertools.product(range(0, options.sets, CHUNK), KINDS)
                if (movie, k, kind, first) not in known
            ]
            if not missing:
                continue
            z, noise = fitted(options.folder / f"{movie}.tif", k)
            for kind, first in missing:
                believed = noise if kind == "accounted for" else None
                p = [p_values(z, believed, seed, options.draws) for seed in range(first, first + CHUNK)]
                row = {"movie": movie, "latents": k, "noise": kind, "first": first, "count": CHUNK}
                with options.results.open("a") as file:
                    file.write(json.dumps(row | dict(zip(ASKED, zip(*p, strict=True), strict=True))) + "\n")
    rows = read(options.results)
    for of in dict.fromkeys((row["movie"], row["latents"], row["noise"]) for row in rows):
        mine = [row for row in rows if (row["movie"], row["latents"], row["noise"]) == of]
        print(*of, *line(mine), sep="  ")


if __name__ == "__main__":
    main()
