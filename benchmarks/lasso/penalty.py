"""What choosing the penalty of a VAR by BIC takes, beside whole paths, and how close to its minimum BIC ends.

    python -m benchmarks.lasso.penalty [MOVIE.tif ...] [--latents 64 300 866] [--of-movies 32 64]

Latents that decay (0.85 a frame) and are observed with noise: CPU seconds and memory of the choice, of the path that is
kept for the sparsity slider, and of whole paths down to a hundredth of the largest useful penalty, each in a process of
its own. Latents of fits to each movie: BIC at the chosen penalty above its minimum over up to 1500 knots of the whole
path, evenly by rank. What is stored is not computed again.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

import napari_varae as nv
from benchmarks.stored import Rows, keep, read, stored
from napari_varae.core.lasso.estimate import entry_penalty
from napari_varae.core.lasso.path import lasso_path
from napari_varae.core.var.estimate import link_weights
from napari_varae.core.var.lags import flat, lag_moments, standardise
from napari_varae.core.var.selection import (
    PATH_FLOOR,
    candidates,
    information_criterion,
    residual_variance,
    useful_path,
)

FRAMES = 2400
KNOTS = 1500
WHAT = ("choice", "path kept", "whole path")


def problem(z, order):
    """Moments, number of lag pairs and weights of links, of latents (T, K)."""
    standardised, _, _ = standardise(torch.from_numpy(z), torch.ones(len(z), dtype=torch.bool))
    moments = lag_moments(standardised, order)
    arrays = (part.numpy() for part in (moments.gram, moments.cross, moments.variance))
    return *arrays, moments.count, flat(link_weights(moments, order))


def decaying(k):
    """Latents (T, K) without links, observed with noise."""
    rng = np.random.default_rng(0)
    z = np.zeros((FRAMES, k))
    for t in range(1, FRAMES):
        z[t] = 0.85 * z[t - 1] + rng.standard_normal(k)
    return z + 0.8 * rng.standard_normal(z.shape)


def timed(what, k):
    """CPU seconds, and GB of memory beyond what was in use before."""
    gram, cross, variance, count, weights = problem(decaying(k), 1)
    small = problem(decaying(8), 1)
    information_criterion(*small[:4], 0.0, small[4])  # compiles
    useful_path(*small[:2], small[4])
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    if what == "choice":
        information_criterion(gram, cross, variance, count, 0.0, weights)
    elif what == "path kept":
        useful_path(gram, cross, weights)
    else:
        lasso_path(gram, cross, PATH_FLOOR * float(entry_penalty(gram, cross, 1, weights).max()), weights)
    seconds = time.process_time() - began
    return {"cpu": seconds, "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e6}


def above(z, order):
    """BIC at the chosen penalty above its minimum, and links of each latent there."""
    gram, cross, variance, count, weights = problem(z, order)
    chosen = information_criterion(gram, cross, variance, count, 0.0, weights)
    floor = PATH_FLOOR * float(entry_penalty(gram, cross, 1, weights).max())
    path = lasso_path(gram, cross, min(floor, chosen), weights)

    def bic(penalty):
        beta = path.at(penalty)
        if (np.count_nonzero(beta, axis=1) > count / 2).any():
            return np.inf
        rss = residual_variance(beta, cross, variance, penalty, weights)
        return count * np.log(rss).sum() + np.log(count) * np.count_nonzero(beta)

    least = min(bic(penalty) for penalty in candidates(path, most=KNOTS))
    return {"above": bic(chosen) - least, "links": np.count_nonzero(path.at(chosen)) / len(cross) - order}


def main() -> None:
    """Measure what is not stored, and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movies", nargs="*", type=Path)
    parser.add_argument("--latents", type=int, nargs="+", default=[64, 300, 866])
    parser.add_argument("--of-movies", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(timed(options.one[0], int(options.one[1]))))
        return
    rows: Rows = read(stored("penalty"))

    def add(about, measure):
        if not any(about.items() <= row.items() for row in rows):
            rows.append(about | measure())
            keep(stored("penalty"), rows)
            print(rows[-1], flush=True)

    def apart(what, k):
        command = [sys.executable, "-m", "benchmarks.lasso.penalty", "--one", what, str(k)]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)

    for k in options.latents:
        for what in WHAT:
            add({"what": what, "latents": k}, lambda what=what, k=k: apart(what, k))
    for movie in options.movies:
        stack = nv.open_stack(movie)
        for k in options.of_movies:
            fit = nv.fit(stack, nv.FitConfig(latents=k, epochs=0))
            z = fit.encode(stack).astype(float)
            for order in (1, 2):
                about = {"movie": movie.stem, "latents": k, "order": order}
                add(about, lambda z=z, order=order: above(z, order))


if __name__ == "__main__":
    main()
