"""How often the comparison rejects where nothing differs: coupling, persistence, and any coefficient.

    python -m benchmarks.comparison.calibration [--sets 500] [--latents 16 64] [--processes 2]
    python -m benchmarks.comparison.calibration --sets 0 --plot qq.png

Pairs of ranges from sparse VARs with a slow diagonal, in 32 settings: latents, frames per range, order, Gaussian or
skewed innovations, equal or unequal means and variances. Ten sets add a line to the results, and what is there is not
computed again; settings take turns. Printed: the share of sets with p <= 0.05 and p <= 0.1.
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

CHUNK = 10
"""Sets on a line."""
RESAMPLES = 99
QUESTIONS = ("coupling", "persistence", "any")


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


def chunk(job: tuple[Setting, int]) -> dict[str, object]:
    """Compare the ranges of some null data sets."""
    setting, first = job
    torch.set_num_threads(1)
    row: dict[str, list[object]] = {name: [] for name in (*QUESTIONS, "verdict")}
    began = time.perf_counter()
    for seed in range(first, first + CHUNK):
        rng = np.random.default_rng((seed, *map(int, setting)))
        a = coefficients(setting, rng)
        found = nv.compare_latents(
            *two_ranges(setting, a, a, rng), setting.order, resamples=RESAMPLES, seed=seed, power_draws=0
        )
        for name, p in zip(QUESTIONS, (found.coupling.p_value, found.persistence.p_value, found.p_value), strict=True):
            row[name].append(round(p, 6))
        row["verdict"].append(found.verdict)
    seconds = round((time.perf_counter() - began) / CHUNK, 2)
    return {"setting": list(map(int, setting)), "first": first, "seconds": seconds, **row}


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


def share(p: np.ndarray, level: float = 0.05) -> str:
    """Percent of p-values at most a level, with the 95 % interval (Clopper, Pearson 1934)."""
    low, high = binomtest(int((p <= level).sum()), len(p)).proportion_ci()
    return f"{100 * (p <= level).mean():.1f} ({100 * low:.1f} to {100 * high:.1f})"


def print_table(results: Results) -> None:
    """Print a row per setting."""
    print(
        f"{'':<38}{'sets':>5}  {'coupling, 5 %':<20}{'10 %':>6}  {'persistence, 5 %':<20}{'10 %':>6}  {'any, 5 %':<20}"
    )
    for setting in sorted(results):
        p = {name: joined(results[setting], name) for name in QUESTIONS}
        tenth = {name: f"{(values <= 0.1).mean():.1%}" for name, values in p.items()}
        print(
            f"{setting!s:<38}{len(p['any']):>5}  {share(p['coupling']):<20}{tenth['coupling']:>6}  "
            f"{share(p['persistence']):<20}{tenth['persistence']:>6}  {share(p['any']):<20}"
        )


def plot(results: Results, path: str) -> None:
    """Draw the sorted p-values of each setting against the uniform distribution."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7, 3.5), sharey=True)
    for axis, name in zip(axes, QUESTIONS, strict=False):
        for setting in sorted(results):
            p = np.sort(joined(results[setting], name))
            expected = (np.arange(len(p)) + 0.5) / len(p)
            axis.plot(expected, p, lw=0.8, alpha=0.7, color="C0" if setting.latents == 16 else "C1")
        axis.set_title(name)
        axis.plot([0, 1], [0, 1], "k:", lw=0.8)
        axis.set_xlabel("expected p under the null")
    axes[0].set_ylabel("p found")
    for color, k in (("C0", 16), ("C1", 64)):
        axes[0].plot([], [], color=color, label=f"K = {k}")
    axes[0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Add what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=stored("calibration"))
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--latents", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--lengths", type=int, nargs="+", default=[150, 500])
    parser.add_argument("--orders", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--plot")
    options = parser.parse_args()
    kinds = list(itertools.product(options.latents, options.lengths, options.orders, (False, True), (False, True)))
    known = {(setting, row["first"]) for setting, rows in read(options.results).items() for row in rows}
    jobs = [
        (setting, first)
        for first in range(0, options.sets, CHUNK)
        for setting in itertools.starmap(Setting, kinds)
        if (setting, first) not in known
    ]
    with options.results.open("a") as file, Pool(options.processes) as pool:
        for row in pool.imap_unordered(chunk, jobs):
            file.write(json.dumps(row) + "\n")
            file.flush()
    results = read(options.results)
    print_table(results)
    if options.plot:
        plot(results, options.plot)


if __name__ == "__main__":
    main()
