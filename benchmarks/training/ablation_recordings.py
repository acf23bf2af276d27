"""The parts of the method on recordings without a known truth: held-out figures, and stability between two halves.

    python -m benchmarks.training.ablation_recordings MOVIE.tif:64 [MOVIE.tif:32 ...]

The number after each movie is that of latents. Trained on the first four fifths of the frames, judged on the last.
Each variant ({no skip, static skip} x {two_stage, stop_gradient, end_to_end}) and seed adds a line to the results;
what is there is not computed again. Stability: a VAR is estimated from the latents of each half of the training
frames; `same links`: correlation of its couplings (own past left out) between the halves; `same map`: that of the
driver maps of the halves, each with its own VAR.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import napari_varae as nv
from benchmarks.stored import read, stored
from benchmarks.training.ablation import CLAIMS, EPOCHS, VARIANTS
from benchmarks.training.recording import pca_baselines

SHOWN = ("rec", "pred", "latent R2", "nonzeros", "same links", "same map", "epochs", "seconds")


def figures(stack: nv.Stack, config: nv.FitConfig) -> dict[str, float]:
    """Fit, judge on the frames after those trained on, and hold the halves against each other."""
    edge = config.frames[1]
    began = time.perf_counter()
    fit = nv.fit(stack, config)
    found: dict[str, float] = {
        "seconds": time.perf_counter() - began,
        "epochs": len(fit.history),
        "latents": fit.latents,
    }
    held = nv.evaluate(fit, stack, (edge, stack.n_frames))
    found |= {"rec": held["reconstruction_fve"], "pred": held["prediction_fve"], "latent R2": held["latent_r2"]}
    found["nonzeros"] = held["nonzeros_per_target"]
    halves, off, couplings, maps = ((0, edge // 2), (edge // 2, edge)), ~np.eye(fit.latents, dtype=bool), [], []
    for half in halves:
        var = nv.estimate_var(fit.encode(stack, half), fit.var.order, "bic", weights="links")
        couplings.append(var.coefficients[:, off].ravel())
        maps.append(nv.contribution_map(replace(fit, var=var), stack, "driver", frames=half).ravel())
    found["same links"] = float(np.corrcoef(*couplings)[0, 1])
    found["same map"] = float(np.corrcoef(*maps)[0, 1])
    return found


def print_tables(rows: list[dict[str, Any]]) -> None:
    """Print mean and deviation per variant, and paired differences of the claims."""
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        table = {v: {r["seed"]: r for r in rows if (r["scenario"], r["variant"]) == (scenario, v)} for v in VARIANTS}
        print(f"\n{scenario}\n{'':<24}" + "".join(f"{name:>16}" for name in SHOWN))
        for variant, mine in table.items():
            cells = [[row[name] for row in mine.values()] for name in SHOWN]
            shown = [f"{np.mean(c):.3f} ± {np.std(c, ddof=1) if len(c) > 1 else 0:.3f}" if c else "" for c in cells]
            print(f"{variant:<24}" + "".join(f"{cell:>16}" for cell in shown))
        for better, worse in (claim for claim in CLAIMS if table.keys() >= set(claim)):
            seeds = sorted(table[better].keys() & table[worse].keys())
            apart = {n: np.array([table[better][s][n] - table[worse][s][n] for s in seeds]) for n in SHOWN[:6]}
            print(f"{better} less {worse}: " + "; ".join(f"{n} {d.mean():+.4f}" for n, d in apart.items() if len(d)))
        for row in rows:
            if (row["scenario"], row["variant"]) == (scenario, "PCA"):
                print("; ".join(f"{k} {v:.4f}" for k, v in row.items() if isinstance(v, float)))


def main() -> None:
    """Add what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=stored("recordings"))
    parser.add_argument("movies", nargs="*", metavar="MOVIE:LATENTS")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    known = {(row["scenario"], row["seed"], row["variant"]) for row in read(options.results)}
    with options.results.open("a") as file:
        for movie in options.movies:
            path, _, latents = movie.rpartition(":")
            stack, scenario = nv.open_stack(path), f"{Path(path).stem}, {latents} latents"
            train, test = (0, stack.n_frames * 4 // 5), (stack.n_frames * 4 // 5, stack.n_frames)
            for seed in range(options.seeds):
                for variant in VARIANTS if seed else ("PCA", *VARIANTS):
                    if (scenario, seed, variant) in known:
                        continue
                    if variant == "PCA":
                        found = pca_baselines(stack, train, test, int(latents))
                    else:
                        skip, mode = variant.split(", ")
                        found = figures(
                            stack,
                            nv.FitConfig(
                                latents=int(latents), epochs=EPOCHS, mode=mode, static_skip=skip == "skip", seed=seed,
                                frames=train,
                            ),
                        )  # fmt: skip
                    file.write(json.dumps({"scenario": scenario, "seed": seed, "variant": variant} | found) + "\n")
                    file.flush()
    print_tables(read(options.results))


if __name__ == "__main__":
    main()
