"""How often the comparison of two ranges rejects when nothing differs.

    python -m benchmarks.comparison.calibration [--sets 500] [--latents 16 64] [--processes 2]
    python -m benchmarks.comparison.calibration --sets 0 --plot qq.png --against EARLIER.jsonl

Null data sets are pairs of ranges from one sparse VAR with the slow diagonal of calcium traces, Gaussian or skewed
innovations, and equal or unequal means and variances. Every fifty add a line to the results, with their p-values in
the order of their seeds, and what is there is not computed again. The table has a row per setting: the share rejected
at 1, 5 and 10 % (at 5 % with its 95 % Clopper-Pearson interval), and the share in which any coefficient is called
different at 5 %. The plot has the p-values against the uniform distribution.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import defaultdict
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import binomtest

import napari_varae as nv
from benchmarks.stored import stored
from napari_varae.core.var.stability import spectral_radius

CHUNK = 50
"""Sets on a line."""


class Setting(NamedTuple):
    """One kind of data."""

    latents: int
    length: int
    order: int
    skewed: bool
    unequal: bool

    def __str__(self) -> str:
        kind = "skewed" if self.skewed else "Gaussian"
        return f"K={self.latents} n={self.length} p={self.order} {kind:<8} {'unequal' if self.unequal else 'equal':<7}"


Results = dict[Setting, list[dict[str, object]]]


def coefficients(setting: Setting, rng: np.random.Generator) -> np.ndarray:
    """Draw sparse stable coefficients (p, K, K) with the slow diagonal of calcium traces."""
    k, p = setting.latents, setting.order
    a = np.zeros((p, k, k))
    a[0] = 0.08 * rng.choice([-1, 1], (k, k)) * (rng.random((k, k)) < 2 / k)
    np.fill_diagonal(a[0], 0.9 if p == 1 else 1.15)
    if p == 2:
        np.fill_diagonal(a[1], -0.25)
    return a * (min(1, 0.97 / radius(a)) ** np.arange(1, p + 1))[:, None, None]


def radius(a: np.ndarray) -> float:
    """Spectral radius of coefficients (p, K, K)."""
    return spectral_radius(np.concatenate(a, 1))


def series(
    a: np.ndarray, setting: Setting, spread: np.ndarray, mean: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw latents (n, K)."""
    k, burn_in = setting.latents, 200
    shape = (setting.length + burn_in, k)
    noise = rng.exponential(size=shape) - 1 if setting.skewed else rng.standard_normal(shape)
    noise = noise @ np.linalg.cholesky(0.8 * np.eye(k) + 0.2).T * spread
    z = np.zeros(shape)
    for t in range(setting.order, len(z)):
        z[t] = noise[t] + sum(part @ z[t - lag] for lag, part in enumerate(a, 1))
    return z[burn_in:] + mean


def two_ranges(
    setting: Setting, before: np.ndarray, after: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the latents of A and B from coefficients that may differ."""
    k = setting.latents
    spread = rng.uniform(0.5, 2, k) if setting.unequal else np.ones(k)
    mean = 2 * rng.standard_normal(k) if setting.unequal else np.zeros(k)
    return series(before, setting, np.ones(k), np.zeros(k), rng), series(after, setting, spread, mean, rng)


def chunk(job: tuple[Setting, int, int]) -> dict[str, object]:
    """Compare the ranges of some null data sets."""
    setting, first, resamples = job
    torch.set_num_threads(1)
    row: dict[str, list[float]] = {"p": [], "p_links": [], "called": []}
    began = time.perf_counter()
    for seed in range(first, first + CHUNK):
        rng = np.random.default_rng((seed, *map(int, setting)))
        a = coefficients(setting, rng)
        found = nv.compare_latents(
            *two_ranges(setting, a, a, rng), setting.order, resamples=resamples, seed=seed, power_draws=0
        )
        row["p"].append(round(found.p_value, 6))
        row["p_links"].append(round(found.p_links, 6))
        row["called"].append(int((found.edges["p_adjusted"] <= 0.05).sum()))
    seconds = round((time.perf_counter() - began) / CHUNK, 2)
    return {"setting": list(map(int, setting)), "first": first, "resamples": resamples, "seconds": seconds, **row}


def read(path: Path) -> Results:
    """Results so far, by setting."""
    found = defaultdict(list)
    for line in path.read_text().splitlines() if path.exists() else []:
        row = json.loads(line)
        k, n, p, skewed, unequal = row["setting"]
        found[Setting(k, n, p, bool(skewed), bool(unequal))].append(row)
    return found


def joined(rows: list[dict[str, object]], name: str) -> np.ndarray:
    """Values of all sets of a setting."""
    return np.concatenate([row[name] for row in rows])


def print_table(results: Results) -> None:
    """Print a row per setting."""
    print(f"{'':<38}{'sets':>5}{'1 %':>7}{'5 %':>7}  {'(95 % interval)':<17}{'10 %':>7}{'FWER':>7}{'s each':>8}")
    for setting in sorted(results):
        rows = results[setting]
        p = joined(rows, "p")
        low, high = binomtest(int((p <= 0.05).sum()), len(p)).proportion_ci()
        print(
            f"{setting!s:<38}{len(p):>5}{(p <= 0.01).mean():>7.1%}{(p <= 0.05).mean():>7.1%}  "
            f"{f'({low:.1%} to {high:.1%})':<17}{(p <= 0.1).mean():>7.1%}"
            f"{(joined(rows, 'called') > 0).mean():>7.1%}{np.median([row['seconds'] for row in rows]):>8.1f}"
        )


def print_changes(results: Results, earlier: Results) -> None:
    """Print what became of sets that were drawn twice; a line that is the same in both was not."""
    before = {(setting, row["first"]): row["p"] for setting, rows in earlier.items() for row in rows}
    twice = [
        (row["p"], before[setting, row["first"]])
        for setting, rows in results.items()
        for row in rows
        if before.get((setting, row["first"]), row["p"]) != row["p"]
    ]
    now, then = np.reshape([p for p, _ in twice], -1), np.reshape([p for _, p in twice], -1)
    print(f"{len(now)} sets drawn twice: {((now <= 0.05) != (then <= 0.05)).mean():.1%} on the other side of 5 %, "
          f"half of the p within {np.median(abs(now - then)):.2f}")  # fmt: skip


def plot(results: Results, path: str) -> None:
    """Draw the sorted p-values of each setting against the uniform distribution."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7, 3.5), sharey=True)
    for setting in sorted(results):
        p = np.sort(joined(results[setting], "p"))
        axis = axes[int(setting.latents > 16)]
        axis.plot((np.arange(len(p)) + 0.5) / len(p), p, lw=0.8, color=f"C{2 * setting.skewed + setting.unequal}")
        axis.set_title(f"K = {setting.latents}")
    for axis in axes:
        axis.plot([0, 1], [0, 1], "k:", lw=0.8)
        axis.set_xlabel("expected p under the null")
    axes[0].set_ylabel("p found")
    for i, name in enumerate(("Gaussian, equal", "Gaussian, unequal", "skewed, equal", "skewed, unequal")):
        axes[0].plot([], [], color=f"C{i}", label=name)
    axes[0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Add what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=stored("calibration"))
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=99)
    parser.add_argument("--latents", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--lengths", type=int, nargs="+", default=[150, 500])
    parser.add_argument("--orders", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--plot")
    parser.add_argument("--against", type=Path, help="earlier results: how many sets fall on the other side of 5 %%")
    options = parser.parse_args()
    kinds = itertools.product(options.latents, options.lengths, options.orders, (False, True), (False, True))
    known = {(setting, row["first"]) for setting, rows in read(options.results).items() for row in rows}
    jobs = [
        (setting, first, options.resamples)
        for setting in itertools.starmap(Setting, kinds)
        for first in range(0, options.sets, CHUNK)
        if (setting, first) not in known
    ]
    with options.results.open("a") as file, Pool(options.processes) as pool:
        for row in pool.imap_unordered(chunk, jobs):
            file.write(json.dumps(row) + "\n")
            file.flush()
    results = read(options.results)
    print_table(results)
    if options.against:
        print_changes(results, read(options.against))
    if options.plot:
        plot(results, options.plot)


if __name__ == "__main__":
    main()
