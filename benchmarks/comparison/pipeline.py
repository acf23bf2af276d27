"""The comparison through the whole pipeline: from a movie, with or without a change, to a verdict and a map.

    python -m benchmarks.comparison.pipeline [--movies 200] [--processes 2]

Realistic recordings of small size, half of them with other links from the middle on. Each is fitted as a whole, with
an automatic number of latents, then its halves are compared. Each movie adds a line to the results, and what is there
is not computed again. Printed: how often p <= 0.05 without and with a change, for coupling and for persistence, by
each null and with the noise left in, and the verdicts; where the dynamics change, how well the differences rank the
links that do (average precision), and how well the difference map finds the cells whose links to others change (area
under the ROC curve); and the same with all true traces known.
"""

from __future__ import annotations

import argparse
import json
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score

import napari_varae as nv
from benchmarks.stored import read, stored
from benchmarks.training.ablation import matched, places
from napari_varae.core.comparison.verdict import CANNOT, DIFFER, NO_DIFFERENCE
from napari_varae.core.simulation.settings import SCENARIOS

SMALL = SCENARIOS["realistic"].model_copy(
    update={"frames": 1200, "height": 64, "width": 64, "cells": 12, "silent": 6, "density": 0.12}
)
SHARES = (
    "coupling", "coupling, VAR", "coupling, blocks", "coupling, noise left in", "persistence", "true traces"
)  # fmt: skip
"""P-values of which the share at most 0.05 is shown."""


def once(job: tuple[int, bool]) -> dict[str, Any]:
    """Simulate, fit and compare one movie."""
    seed, changes = job
    torch.set_num_threads(1)
    half = SMALL.frames // 2
    sim = nv.simulate(SMALL.model_copy(update={"seed": seed, "change_at": half if changes else None}))
    began = time.perf_counter()
    fit = nv.fit(sim.stack, nv.FitConfig(epochs=5, seed=seed))
    ranges = (0, half - 1), (half, SMALL.frames)
    found = nv.compare(fit, sim.stack, *ranges, resamples=199, seed=seed, power_draws=0)
    row = {
        "variant": "change" if changes else "none", "scenario": "pipeline", "seed": seed,
        "coupling": found.coupling.p_value, "persistence": found.persistence.p_value,
        **{f"coupling, {null}": p for null, p in found.coupling.p_of_null.items()},
        "coupling, noise left in": found.uncorrected.coupling.p_value,
        "verdict": found.verdict, "reason": found.judgement.reason, "halves": found.halves.get("any", 1.0),
        "noise share": float(np.median(found.test.noise_share)), "autocorrelation": found.test.autocorrelation,
        "latents": fit.latents, "seconds": time.perf_counter() - began,
    }  # fmt: skip
    traces = nv.compare_latents(sim.traces[: half - 1], sim.traces[half:], resamples=199, seed=seed, power_draws=0)
    row["true traces"] = traces.coupling.p_value
    if changes:
        off = ~np.eye(SMALL.cells, dtype=bool)
        changed = ((sim.coefficients != sim.coefficients_after).any(0)) & off
        match, _ = matched(fit.encode(sim.stack), sim.traces)
        row["links"] = ranked(found, match, changed)
        row["links of true traces"] = ranked(traces, np.arange(SMALL.cells), changed)
        image = np.abs(nv.difference_map(fit, sim.stack, found)).ravel()
        place = places(sim, np.flatnonzero(changed.any(0)))
        row["difference map"] = float(roc_auc_score(place, image)) if image.any() else None
        row["variance image"] = float(roc_auc_score(place, sim.stack.read().std(0).ravel()))
    return row


def ranked(found: nv.Comparison, match: np.ndarray, changed: np.ndarray) -> float:
    """Average precision of the size of the studentised differences for the links that change."""
    size = np.zeros(2 * [len(found.test.mean_shift)])
    size[found.edges["target"], found.edges["source"]] = np.abs(found.edges["student"])
    off = ~np.eye(len(match), dtype=bool)
    known = np.outer(match >= 0, match >= 0)
    return float(average_precision_score(changed[off], (size[np.ix_(match, match)] * known)[off]))


def main() -> None:
    """Add what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=stored("pipeline"))
    parser.add_argument("--movies", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    known = {(row["seed"], row["variant"]) for row in read(options.results)}
    kinds = {"none": False, "change": True}
    jobs = [(seed, kinds[k]) for seed in range(options.movies) for k in kinds if (seed, k) not in known]
    with options.results.open("a") as file, get_context("spawn").Pool(options.processes) as pool:
        for row in pool.imap_unordered(once, jobs):
            file.write(json.dumps(row) + "\n")
            file.flush()
    rows = read(options.results)
    for kind in kinds:
        mine = [row for row in rows if row["variant"] == kind]
        print(f"\n{kind}: {len(mine)} movies, {np.median([row['seconds'] for row in mine]):.1f} s each")
        for name in SHARES:
            count = sum(row[name] <= 0.05 for row in mine)
            low, high = binomtest(count, len(mine)).proportion_ci()
            print(f"  {name + ' <= 0.05':<32}{count / len(mine):>7.1%}  ({low:.1%} to {high:.1%})")
        for verdict in (DIFFER, NO_DIFFERENCE, CANNOT):
            print(f"  {verdict:<32}{np.mean([row['verdict'] == verdict for row in mine]):>7.1%}")
        for name in ("links", "links of true traces", "difference map", "variance image"):
            values = [row[name] for row in mine if row.get(name) is not None]
            if values:
                print(f"  {name:<28}{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f} in {len(values)} movies")


if __name__ == "__main__":
    main()
