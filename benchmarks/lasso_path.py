"""How fast the batched solution path is, beside a loop of scikit-learn's `lars_path_gram` over the targets.

    python benchmarks/lasso_path.py [--rounds 7]

Each row is a sparse VAR of K latents with p lags and n frames, or white noise (decay 0), whose paths are far longer.
Both follow every target from its largest useful penalty to a tenth of it. Rounds of the two alternate, so that whatever
else the computer does meets both: the table holds medians, and the median and range of the ratios. `at` is one estimate
from the path; the last columns are one estimate at penalty 0.2 and its gradient, what a training step needs.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time

import numpy as np
import torch
from sklearn.linear_model import lars_path_gram

from napari_varae.core.lasso import lasso, lasso_path

SETTINGS = [  # decay of the latents, K, p, n
    (0.7, 64, 1, 256),
    (0.7, 64, 2, 256),
    (0.7, 128, 1, 256),
    (0.7, 256, 1, 512),
    (0.9, 64, 1, 512),
    (0.9, 64, 2, 512),
    (0.9, 128, 1, 512),
    (0.9, 256, 1, 512),
    (0.0, 64, 1, 256),
    (0.0, 64, 2, 256),
    (0.0, 128, 1, 512),
]


def moments(decay, k, p, n, seed=0):
    """Gram matrix and cross-moments of standardised latents, and the number of lag pairs."""
    rng = np.random.default_rng(seed)
    edges = (rng.random((k, k)) < 0.06) * rng.choice([-0.15, 0.15], (k, k)) if decay else np.zeros((k, k))
    a = decay * np.eye(k) + edges
    a *= min(1.0, 0.97 / np.abs(np.linalg.eigvals(a)).max()) if decay else 1.0
    z = np.zeros((n + 200, k))
    for t in range(1, len(z)):
        z[t] = a @ z[t - 1] + rng.standard_normal(k)
    z = (z[200:] - z[200:].mean(0)) / z[200:].std(0)
    x, y = np.hstack([z[p - lag : n - lag] for lag in range(1, p + 1)]), z[p:]
    return x.T @ x / len(x), y.T @ x / len(x), len(x)


def seconds(function, *arguments):
    """Time of one call, and its result."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def loop(gram, cross, n, stop):
    """The same paths by scikit-learn, one target after the other."""
    return [
        lars_path_gram(n * c, n * gram, n_samples=n, method="lasso", alpha_min=s)
        for c, s in zip(cross, stop, strict=True)
    ]


def largest_difference(path, reference, stop):
    """Largest difference of coefficients between the two, halfway down each path on a logarithmic scale."""
    penalty = np.sqrt(stop * path.max_penalty)
    beta = path.at(penalty)
    theirs = np.array(
        [[np.interp(p, knots[::-1], row[::-1]) for row in coefficients]
         for p, (knots, _, coefficients) in zip(penalty, reference, strict=True)]
    )  # fmt: skip
    return np.abs(beta - theirs).max()


def training_step(gram, cross):
    """Times of one estimate and of its gradient."""
    gram, cross = (torch.tensor(a, requires_grad=True) for a in (gram, cross))
    forward, beta = seconds(lasso, gram, cross, 0.2)
    backward, _ = seconds(beta.backward, torch.ones_like(beta))
    return forward, backward


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}; ms")
    print("decay   K  p    n | knots |  path  scikit-learn  ratio (range)    | difference |   at | lasso gradient")
    for decay, k, p, n in SETTINGS:
        gram, cross, pairs = moments(decay, k, p, n)
        stop = 0.1 * np.abs(cross).max(1)
        time.sleep(0.3)  # the threads of the matrix products above spin on for a while
        lasso_path(gram, cross, stop)
        times = []
        for _ in range(rounds):
            ours, path = seconds(lasso_path, gram, cross, stop)
            theirs, reference = seconds(loop, gram, cross, pairs, stop)
            times.append((ours, theirs, theirs / ours, *training_step(gram, cross), seconds(path.at, stop * 3)[0]))
        ours, theirs, ratio, forward, backward, at = (statistics.median(column) for column in zip(*times, strict=True))
        ratios = [row[2] for row in times]
        print(
            f"{decay:5} {k:3} {p:2} {n:4} | {path.knots.shape[1]:5} | {1e3 * ours:5.1f} {1e3 * theirs:13.1f} "
            f"{ratio:6.1f} ({min(ratios):.1f} to {max(ratios):.1f}) | "
            f"{largest_difference(path, reference, stop):10.0e} | {1e3 * at:4.2f} | "
            f"{1e3 * forward:5.1f} {1e3 * backward:5.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
