"""What a fit finds of the known truth of simulated recordings: cells, links, driving regions, a change of the dynamics.

    python -m benchmarks.training.simulation [--seeds 5] [--epochs 20] [--latents auto 24]

Prints one row per seed, then mean and deviation, for each number of latents. Links and regions are judged by average
precision (chance is the share of true links) and by the area under the ROC curve (chance is 0.5); the oracle knows
the true traces.
"""

from __future__ import annotations

import argparse
import time
from typing import Literal

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

import napari_varae as nv
from benchmarks.stored import Rows, keep, stored
from napari_varae.core.simulation.settings import SAMPLE
from napari_varae.core.var.estimate import estimate_var


def figures(seed: int, latents: int | Literal["auto"], epochs: int) -> dict[str, float]:
    """Fit one simulated recording whose dynamics change half-way, and compare it with the truth."""
    sim = nv.simulate(SAMPLE.model_copy(update={"seed": seed}))
    change = sim.config.change_at or sim.config.frames
    began = time.perf_counter()
    fit = nv.fit(sim.stack, nv.FitConfig(latents=latents, epochs=epochs, frames=(0, change)))
    took = time.perf_counter() - began
    z = fit.encode(sim.stack)
    cells = sim.traces.shape[1]
    related = np.abs(np.corrcoef(z[:change], sim.traces[:change], rowvar=False)[:-cells, -cells:])
    match, off = related.argmax(0), ~np.eye(cells, dtype=bool)
    true = (sim.coefficients[0] != 0)[off]
    oracle = estimate_var(sim.traces[:change], 1, "bic")
    driving = sim.footprints[sim.drivers]
    place = (driving > 0.1 * driving.max((1, 2), keepdims=True)).any(0).ravel()
    movie = sim.stack.read(0, change)
    middle = change // 2
    held = nv.evaluate(fit, sim.stack, (change, sim.config.frames))
    return {
        "latents": fit.latents,
        "cell corr": float(related.max(0).mean()),
        "links AP": average_precision_score(true, np.abs(fit.var.coefficients[0])[np.ix_(match, match)][off]),
        "oracle AP": average_precision_score(true, np.abs(oracle.coefficients[0])[off]),
        "chance": float(true.mean()),
        "driver AUC": roc_auc_score(place, nv.contribution_map(fit, sim.stack, "driver", frames=(0, change)).ravel()),
        "variance AUC": roc_auc_score(place, movie.var(0).ravel()),
        "nonzeros": held["nonzeros_per_target"],
        "rec FVE": held["reconstruction_fve"],
        "pred FVE": held["prediction_fve"],
        "latent R2": held["latent_r2"],
        "p change": nv.compare(fit, sim.stack, (0, change - 1), (change, sim.config.frames)).p_value,
        "p none": nv.compare(fit, sim.stack, (0, middle), (middle + 1, change)).p_value,
        "seconds": took,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--latents", nargs="+", default=["auto", "24"])
    options = parser.parse_args()
    rows: Rows = []
    for asked in options.latents:
        print(f"\n{asked} latents")
        latents: int | Literal["auto"] = "auto" if asked == "auto" else int(asked)
        for seed in range(options.seeds):
            found = figures(seed, latents, options.epochs)
            rows.append({"asked": asked, "seed": seed} | found)
            keep(stored("simulation"), rows)
            if seed == 0:
                print("seed  " + "  ".join(f"{name:>12}" for name in found))
            print(f"{seed:>4}  " + "  ".join(f"{value:>12.3f}" for value in found.values()), flush=True)
        table = np.array([list(row.values())[2:] for row in rows if row["asked"] == asked])
        print("mean  " + "  ".join(f"{value:>12.3f}" for value in table.mean(0)))
        print("  sd  " + "  ".join(f"{value:>12.3f}" for value in table.std(0, ddof=1)))


if __name__ == "__main__":
    main()
