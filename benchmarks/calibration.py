"""How often the comparison of two ranges rejects when nothing differs, and when something does.

    python benchmarks/calibration.py [--sets 500] [--resamples 199] [--latents 16] [--processes 2]

Each row is one setting: the share of null data sets rejected at 1, 5 and 10 % with the 95 % Clopper-Pearson interval
at 5 %, the share in which any single coefficient is (family-wise error at 5 %), and the share rejected at 5 % when
three couplings change by 0.25.
"""

from __future__ import annotations

import argparse
import itertools
import time
from multiprocessing import Pool
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import binomtest

import napari_varae as nv


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
    """Largest absolute eigenvalue of the companion matrix."""
    p, k, _ = a.shape
    return float(np.abs(np.linalg.eigvals(np.vstack([np.concatenate(a, 1), np.eye(k * (p - 1), k * p)]))).max())


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


def once(job: tuple[Setting, int, int]) -> tuple[float, bool, float]:
    """Return p under the null, whether any coefficient is rejected then, and p under a change."""
    setting, seed, resamples = job
    torch.set_num_threads(1)
    rng = np.random.default_rng((seed, *map(int, setting)))
    a = coefficients(setting, rng)
    k = setting.latents
    spread = rng.uniform(0.5, 2, k) if setting.unequal else np.ones(k)
    mean = 2 * rng.standard_normal(k) if setting.unequal else np.zeros(k)
    before = series(a, setting, np.ones(k), np.zeros(k), rng)
    same = nv.compare_latents(before, series(a, setting, spread, mean, rng), setting.order, resamples, seed)
    changed = a.copy()
    while np.array_equal(changed, a) or radius(changed) > 0.98:
        changed = a.copy()
        for target, source in zip(*rng.integers(k, size=(2, 3)), strict=True):
            changed[0, target, (source + (target == source)) % k] += 0.25 * rng.choice([-1, 1])
    other = nv.compare_latents(before, series(changed, setting, spread, mean, rng), setting.order, resamples, seed)
    return same.p_value, bool((same.edges["p_adjusted"] <= 0.05).any()), other.p_value


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=199)
    parser.add_argument("--latents", type=int, nargs="+", default=[16])
    parser.add_argument("--lengths", type=int, nargs="+", default=[150, 500])
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    print(f"{options.sets} data sets, {options.resamples} resamples each")
    print(f"{'':<36}{'1 %':>7}{'5 %':>7}  {'(95 % interval)':<15}{'10 %':>7}{'FWER':>7}{'power':>7}")
    with Pool(options.processes) as pool:
        for setting in itertools.starmap(
            Setting, itertools.product(options.latents, options.lengths, (1, 2), (False, True), (False, True))
        ):
            began = time.perf_counter()
            found = pool.map(once, [(setting, seed, options.resamples) for seed in range(options.sets)], chunksize=1)
            p, family, other = (np.array(column) for column in zip(*found, strict=True))
            low, high = binomtest(int((p <= 0.05).sum()), len(p)).proportion_ci()
            print(
                f"{setting!s:<36}{(p <= 0.01).mean():>7.1%}{(p <= 0.05).mean():>7.1%}  ({low:.1%} to {high:.1%}) "
                f"{(p <= 0.1).mean():>7.1%}{family.mean():>7.1%}{(other <= 0.05).mean():>7.1%}"
                f"   {time.perf_counter() - began:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
