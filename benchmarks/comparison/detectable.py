"""How often a change of the size that a comparison calls detectable is found.

    python -m benchmarks.comparison.detectable [--sets 100] [--resamples 99] [--latents 16] [--lengths 150 300]

Pairs of ranges from sparse VARs as in calibration. The first comparison, of ranges that do not differ, says how
large a change of one coupling would be detectable; then that coupling changes by so much, one for which the series stay
stable. Printed: the median size, and the share of data sets in which the second comparison names the coupling.
"""

from __future__ import annotations

import argparse
from multiprocessing import Pool

import numpy as np
import torch
from scipy.stats import binomtest

import napari_varae as nv
from benchmarks.comparison.calibration import Setting, coefficients, radius, series
from benchmarks.stored import keep, read, stored


def once(job: tuple[Setting, int, int]) -> tuple[float, bool]:
    """Size promised for one coupling, and whether a change of it is found."""
    setting, seed, resamples = job
    torch.set_num_threads(1)
    rng = np.random.default_rng((seed, *map(int, setting)))
    a, one = coefficients(setting, rng), np.ones(setting.latents)

    def compare(after: np.ndarray) -> nv.Comparison:
        return nv.compare_latents(
            *(series(part, setting, one, 0 * one, rng) for part in (a, after)), 1, resamples=resamples, seed=seed
        )

    null = compare(a)
    for edge in rng.permutation(null.edges):
        coupling, changed = (0, edge["target"], edge["source"]), a.copy()
        changed[coupling] += edge["detectable"] * null.test.scale[edge["target"]] / null.test.scale[edge["source"]]
        if edge["target"] != edge["source"] and radius(changed) < 0.99:
            break
    else:
        raise RuntimeError(f"No coupling of set {seed} can change by so much in a stable way.")
    found = compare(changed).edges
    (again,) = found[(found["target"] == edge["target"]) & (found["source"] == edge["source"])]
    return float(edge["detectable"]), bool(again["p_adjusted"] <= null.config.level)


def main() -> None:
    """Print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--resamples", type=int, default=99)
    parser.add_argument("--latents", type=int, default=16)
    parser.add_argument("--lengths", type=int, nargs="+", default=[150, 300])
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with Pool(options.processes) as pool:
        for length in options.lengths:
            for skewed in (False, True):
                setting = Setting(options.latents, length, 1, skewed, False)
                rows = pool.map(once, [(setting, seed, options.resamples) for seed in range(options.sets)])
                sizes, named = zip(*rows, strict=True)
                low, high = binomtest(sum(named), len(named)).proportion_ci()
                share = f"{np.mean(named):.0%} ({low:.0%} to {high:.0%})"
                print(f"{setting!s:<38} size {np.median(sizes):.2f}, found {share}", flush=True)
                mine = {"latents": setting.latents, "length": length, "skewed": skewed}
                others = [row for row in read(stored("detectable")) if not mine.items() <= row.items()]
                row = {"sets": len(named), "named": sum(named), "size": float(np.median(sizes))}
                keep(stored("detectable"), [*others, mine | row])


if __name__ == "__main__":
    main()
