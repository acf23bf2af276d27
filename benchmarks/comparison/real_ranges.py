"""What the comparison of two ranges says on a recording: of ranges that should not differ, and of two conditions.

    python -m benchmarks.comparison.real_ranges MOVIE.tif [--latents 32] [--orders 1 2] [--repeats 20]
    python -m benchmarks.comparison.real_ranges MOVIE.tif --covariates TABLE.csv --column speed --above 1

Trained on all frames. Placebos, each repeated: *shuffled*, the recording cut into pieces that are assigned at random to
A and B, so that slow drift is in both; *neighbours*, two ranges side by side at a random place. A test that can be
trusted on this recording rejects 5 % of the shuffled ones at 5 %; neighbours differ where the recording drifts. Also
shown: what links alone give, and what it would be if every frame counted as independent given its past. With
covariates, the frames where a column is above a value (its median unless given) are compared with the others, and
their segments permuted.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

import napari_varae as nv

Ranges = list[tuple[int, int]]


def shuffled(n_frames: int, piece: int, order: int, rng: np.random.Generator) -> tuple[Ranges, Ranges]:
    """Deal the pieces of a recording to A and B; each loses its first frames, so that none predicts across."""
    start = int(rng.integers(piece))
    pieces = [(at + order, at + piece) for at in range(start, n_frames - piece + 1, piece)]
    permuted = rng.permutation(len(pieces))
    half = len(pieces) // 2
    return [pieces[i] for i in sorted(permuted[:half])], [pieces[i] for i in sorted(permuted[half:])]


def neighbours(n_frames: int, length: int, order: int, rng: np.random.Generator) -> tuple[Ranges, Ranges]:
    """Two ranges side by side."""
    start = int(rng.integers(n_frames - 2 * length - order + 1))
    return [(start, start + length)], [(start + length + order, start + 2 * length + order)]


def runs(mask: np.ndarray) -> Ranges:
    """Runs of frames where a mask holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def latents(z: np.ndarray, ranges: Ranges, order: int) -> list[np.ndarray]:
    """Latents of ranges long enough to hold a lag pair."""
    return [z[a:b] for a, b in ranges if b - a > order]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie")
    parser.add_argument("--latents", type=int, default=32)
    parser.add_argument("--orders", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--resamples", type=int, default=199)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--covariates")
    parser.add_argument("--column")
    parser.add_argument("--above", type=float)
    options = parser.parse_args()
    stack = nv.open_stack(options.movie)
    n = stack.n_frames
    for order in options.orders:
        fit = nv.fit(stack, nv.FitConfig(latents=options.latents, order=order, epochs=options.epochs))
        z = fit.encode(stack)
        print(f"{stack.name}, {n} frames, K = {options.latents}, order {order}, spectral radius "
              f"{fit.var.spectral_radius:.3f}")  # fmt: skip
        print(f"{'':<28}{'p <= 0.05':>10}{'median p':>10}{'links alone':>13}{'frame by frame':>16}")
        for name, deal, length in (
            ("shuffled", shuffled, n // 40),
            ("shuffled", shuffled, n // 20),
            ("shuffled", shuffled, n // 10),
            ("neighbours", neighbours, n // 8),
            ("neighbours", neighbours, n // 4),
        ):
            found = []
            for seed in range(options.repeats):
                a, b = (latents(z, r, order) for r in deal(n, length, order, np.random.default_rng(seed)))
                found.append(nv.compare_latents(a, b, order, resamples=options.resamples, seed=seed, power_draws=0))
            p = np.array([f.p_value for f in found])
            links, sure = (
                np.array([g(f) for f in found]) for g in (lambda f: f.p_links, lambda f: f.test.p_of_null["VAR"])
            )
            print(
                f"{f'{name}, {length} frames':<28}{(p <= 0.05).mean():>10.0%}{np.median(p):>10.2f}"
                f"{(links <= 0.05).mean():>13.0%}{(sure <= 0.05).mean():>16.0%}",
                flush=True,
            )
        if options.covariates:
            with Path(options.covariates).open(newline="") as file:
                values = np.array([float(row[options.column]) for row in csv.DictReader(file)])
            above = float(np.median(values)) if options.above is None else options.above
            mask = values > above
            a, b = (latents(z, runs(m), order) for m in (mask, ~mask))
            found = nv.compare_latents(a, b, order, resamples=999)
            permuted = nv.placebo(fit, stack, segments=(runs(mask), runs(~mask)), repeats=options.repeats)
            print(
                f"{options.column} > {above:g}: {mask.sum()} frames against {(~mask).sum()}: p = {found.p_value:.3f}, "
                f"links alone {found.p_links:.3f}; {(permuted <= 0.05).mean():.0%} of segments permuted have "
                "p <= 0.05; "
                f"surest change {found.effect_size:.2f} "
                f"({found.effect_interval[0]:.2f} to {found.effect_interval[1]:.2f})"
            )
            for warning in found.warnings:
                print(f"  {warning}")


if __name__ == "__main__":
    main()
