"""How often the comparison of two ranges finds a change, beside an oracle and beside what people would do otherwise.

    python -m benchmarks.comparison.power [--sets 100] [--latents 16] [--lengths 150 300 600] [--processes 2] [--plain]

Latents come from sparse VARs as in `calibration`, skewed and with unequal means and variances, or Gaussian with
equal ones (--plain), which is kinder to the rivals; a few couplings change by a given size, or none (size 0: the share
is then the size of the test). Each column is the share of data sets in which a test says p <= 0.05.

- ours: `compare_latents`; and the share of changed couplings it names, and of sets in which it names another one.
- oracle: knows which coefficients are not zero in either range; least squares on these, a robust Wald test of all.
- Chow: principal component scores (8 components), a VAR of each range (statsmodels) against one of both, with free
  intercepts; likelihood ratio.
- shift: least squares VAR of A, its squared one-step error in A (held-out halves) and in B, difference of means,
  against circular shifts of the labels.
"""

from __future__ import annotations

import argparse
import itertools
from multiprocessing import Pool

import numpy as np
import torch
from scipy.stats import chi2

import napari_varae as nv
from benchmarks.comparison.calibration import Setting, coefficients, radius, two_ranges
from benchmarks.stored import keep, read, stored

COMPONENTS = 8
COLUMNS = ("ours", "oracle", "chow", "shift", "named", "other named")


def changed(a: np.ndarray, size: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Change `count` couplings between latents by +- size, and keep the VAR stable."""
    k = a.shape[1]
    while True:
        b = a.copy()
        for target, step in zip(*rng.integers(1, k, size=(2, count)), strict=True):
            b[0, target, (target + step) % k] += size * rng.choice([-1, 1])
        if radius(b) < 0.98:
            return b


def pairs(z: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictors (n, p K) and targets (n, K), centred."""
    x = np.hstack([z[order - lag : len(z) - lag] for lag in range(1, order + 1)])
    return x - x.mean(0), z[order:] - z[order:].mean(0)


def oracle(za: np.ndarray, zb: np.ndarray, support: np.ndarray) -> float:
    """P of a robust Wald test that all coefficients of the support are equal."""
    statistic, freedom = 0.0, 0
    order, k = support.shape[:2]
    for target in range(k):
        columns = np.concatenate([lag * k + np.flatnonzero(support[lag, target]) for lag in range(order)])
        estimates, covariance = [], np.zeros((len(columns), len(columns)))
        for z in (za, zb):
            x, y = pairs(z, order)
            x = x[:, columns]
            inverse = np.linalg.inv(x.T @ x)
            beta = inverse @ x.T @ y[:, target]
            leverage = np.einsum("ni,ij,nj->n", x, inverse, x)
            residual = (y[:, target] - x @ beta) / (1 - leverage)
            covariance += inverse @ (x.T * residual**2) @ x @ inverse
            estimates.append(beta)
        difference = estimates[0] - estimates[1]
        statistic += difference @ np.linalg.solve(covariance, difference)
        freedom += len(columns)
    return float(chi2.sf(statistic, freedom))


def chow(za: np.ndarray, zb: np.ndarray, order: int) -> float:
    """P of the likelihood ratio test of one VAR of principal component scores against two, with one covariance."""
    from statsmodels.tsa.api import VAR

    both = np.vstack([za - za.mean(0), zb - zb.mean(0)])
    scores = both @ np.linalg.svd(both, full_matrices=False)[2][:COMPONENTS].T
    parts = scores[: len(za)], scores[len(za) :]
    x, y = (np.vstack(part) for part in zip(*(pairs(part, order) for part in parts), strict=True))
    one = y - x @ np.linalg.lstsq(x, y)[0]
    two = np.vstack([VAR(part).fit(order).resid for part in parts])
    ratio = len(y) * (np.linalg.slogdet(one.T @ one)[1] - np.linalg.slogdet(two.T @ two)[1])
    return float(chi2.sf(ratio, order * COMPONENTS**2))


def shift(za: np.ndarray, zb: np.ndarray, order: int) -> float:
    """P of the difference of prediction errors against circular shifts of the labels."""
    scale = np.sqrt((za.var(0) + zb.var(0)) / 2)
    (xa, ya), (xb, yb) = (pairs(z / scale, order) for z in (za, zb))
    half = len(xa) // 2
    folds = (slice(0, half), slice(half, None))
    in_a = np.concatenate(
        [np.square(ya[test] - xa[test] @ np.linalg.lstsq(xa[fit], ya[fit])[0]).mean(1)
         for fit, test in (folds[::-1], folds)]
    )  # fmt: skip
    in_b = np.square(yb - xb @ np.linalg.lstsq(xa, ya)[0]).mean(1)
    errors = np.concatenate([in_a, in_b])
    label = np.arange(len(errors)) < len(in_a)
    statistics = np.array(
        [errors[np.roll(~label, s)].mean() - errors[np.roll(label, s)].mean() for s in range(len(errors))]
    )
    return float((statistics >= statistics[0]).mean())


def once(job: tuple[Setting, float, int, int, int]) -> tuple[float, ...]:
    """P-values of all tests on one data set, share of the changed couplings named, and whether another one was."""
    setting, size, count, seed, resamples = job
    torch.set_num_threads(1)
    rng = np.random.default_rng((seed, *map(int, setting)))
    before = coefficients(setting, rng)
    after = changed(before, size, count, rng) if size else before
    za, zb = two_ranges(setting, before, after, rng)
    found = nv.compare_latents(za, zb, setting.order, resamples=resamples, seed=seed, power_draws=0)
    edges = found.edges[found.edges["p_adjusted"] <= 0.05]
    differ = before != after
    right = differ[edges["lag"] - 1, edges["target"], edges["source"]]
    named = right.sum() / max(1, differ.sum())
    others = (chow(za, zb, setting.order), shift(za, zb, setting.order))
    return found.p_value, oracle(za, zb, (before != 0) | (after != 0)), *others, named, bool((~right).any())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--resamples", type=int, default=99)
    parser.add_argument("--latents", type=int, default=16)
    parser.add_argument("--lengths", type=int, nargs="+", default=[150, 300, 600])
    parser.add_argument("--sizes", type=float, nargs="+", default=[0, 0.1, 0.2, 0.3])
    parser.add_argument("--changes", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    path = stored("power_plain" if options.plain else "power")
    print(f"K = {options.latents}, {options.changes} couplings change; {options.sets} data sets a row; rejected at 5 %")
    print(f"{'n':>5}{'size':>6}{'ours':>7}{'oracle':>8}{'Chow':>7}{'shift':>7} | {'named':>6}{'other named':>13}")
    with Pool(options.processes) as pool:
        for n, size in itertools.product(options.lengths, options.sizes):
            setting = Setting(options.latents, n, 1, not options.plain, not options.plain)
            jobs = [(setting, size, options.changes, seed, options.resamples) for seed in range(options.sets)]
            found = np.array(pool.map(once, jobs, chunksize=1))
            row = {"latents": options.latents, "length": n, "size": size, "changes": options.changes,
                   **dict(zip(COLUMNS, found.T.tolist(), strict=True))}  # fmt: skip
            keep(path, [other for other in read(path) if (other["length"], other["size"]) != (n, size)] + [row])
            ours, oracle_, chow_, shift_ = (found[:, :4] <= 0.05).mean(0)
            print(
                f"{n:>5}{size:>6.2f}{ours:>7.0%}{oracle_:>8.0%}{chow_:>7.0%}{shift_:>7.0%} | {found[:, 4].mean():>6.0%}"
                f"{found[:, 5].mean():>13.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
