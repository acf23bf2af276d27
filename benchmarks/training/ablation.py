"""What the parts of the method are good for, on simulated recordings with a known truth.

    python -m benchmarks.training.ablation [--seeds 5] [--scenarios clean realistic ...]

Each scenario, seed and variant ({no skip, static skip} x {two_stage, stop_gradient, end_to_end}, all with the same
settings otherwise) adds a line to the results, and what is there is not computed again. Trained on the first four
fifths of the frames, judged on the last one. Where links change in the middle, those of before and after are the true
ones. Printed: mean and deviation over seeds of each figure of merit, beside PCA with a VAR by least squares, and an
oracle that reads the movie with the true footprints; and for each claim the paired differences over seeds.

Figures: `rec`, `pred`: fractions of the variance explained, of held-out frames and one step ahead; `clean`:
correlation of the reconstruction with the noise-free movie; `latent R2`: of standardised latents, one step ahead;
`cells`: mean correlation of the true traces with the latents matched to them one to one; `links`: average precision of
|a| against the true links (chance is their share); `driver`, `effect`: area under the ROC curve of the map against the
pixels of driving, and driven, cells; `drive r`: correlation of the driver map with the true one; `deletion`: loss of
`pred` when the tenth of the pixels highest in a map is scrambled in time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import ttest_rel
from sklearn.metrics import average_precision_score, roc_auc_score

import napari_varae as nv
from benchmarks.stored import read, stored
from napari_varae.core.simulation.settings import SCENARIOS
from napari_varae.core.var.estimate import estimate_var

LATENTS = 32
"""Fewer than what moves in the scenarios with distractors: 24 cells, 12 distractors, neuropil, brightness, motion."""
EPOCHS = 20
VARIANTS = [f"{skip}, {mode}" for skip in ("no skip", "skip") for mode in ("two_stage", "stop_gradient", "end_to_end")]
CLAIMS = [("skip, end_to_end", "skip, two_stage"), ("skip, end_to_end", "skip, stop_gradient"),
          ("skip, end_to_end", "no skip, end_to_end"), ("skip, two_stage", "no skip, two_stage")]  # fmt: skip


def matched(z: np.ndarray, traces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each cell the latent matched to it, one to one, or -1, and the correlation of the two, or 0."""
    cells = traces.shape[1]
    related = np.nan_to_num(np.abs(np.corrcoef(z, traces, rowvar=False)[:-cells, -cells:]))
    rows, columns = linear_sum_assignment(-related)
    latent, value = np.full(cells, -1), np.zeros(cells)
    latent[columns], value[columns] = rows, related[rows, columns]
    return latent, value


def links(sim: nv.Simulation, coefficients: np.ndarray, match: np.ndarray) -> float:
    """Average precision of the links among matched latents; a cell without a latent has no links."""
    size = np.abs(coefficients).max(0)[np.ix_(match, match)] * np.outer(match >= 0, match >= 0)
    off = ~np.eye(len(match), dtype=bool)
    return float(average_precision_score(true_links(sim)[off] > 0, size[off]))


def true_links(sim: nv.Simulation) -> np.ndarray:
    """Size of the links between cells, shape (target, source): |a| summed over lags, the mean of before and after."""
    after = sim.coefficients if sim.coefficients_after is None else sim.coefficients_after
    return (np.abs(sim.coefficients) + np.abs(after)).sum(0) / 2 * ~np.eye(len(sim.footprints), dtype=bool)


def places(sim: nv.Simulation, cells: Iterable[int]) -> np.ndarray:
    """Pixels of some cells."""
    images = sim.footprints[list(cells)]
    return (images > 0.1 * images.max((1, 2), keepdims=True)).any(0).ravel()


def true_drive(sim: nv.Simulation) -> np.ndarray:
    """What a driver map would be if the latents were the cells: |a| summed over targets, in the place of the source."""
    shapes = sim.footprints**2 / (sim.footprints**2).sum((1, 2), keepdims=True)
    return np.tensordot((true_links(sim) * sim.traces.std(0)).sum(0), shapes, 1).ravel()


def deletion(fit: nv.Fit, stack: nv.Stack, frames: tuple[int, int], chosen: np.ndarray, seed: int = 0) -> float:
    """Fraction of variance predicted when the past is scrambled in time at some pixels."""
    movie = stack.read(*frames)
    shuffled = movie.reshape(len(movie), -1).copy()
    shuffled[:, chosen] = shuffled[np.random.default_rng(seed).permutation(len(movie))][:, chosen]
    latents = fit.encode(nv.Stack(shuffled.reshape(movie.shape)))
    order = fit.var.order
    ahead = fit.decode(fit.var.predict(latents)[order:].astype(np.float32))
    return float(1 - np.square(movie[order:] - ahead).sum() / np.square(movie[order:] - fit.static).sum())


def figures(sim: nv.Simulation, config: nv.FitConfig, test: tuple[int, int], thorough: bool = True) -> dict[str, float]:
    """Fit one simulated recording and hold it against the truth; maps against their rivals too when `thorough`."""
    train = config.frames or (0, sim.config.frames)
    began = time.perf_counter()
    fit = nv.fit(sim.stack, config)
    found: dict[str, float] = {
        "seconds": time.perf_counter() - began,
        "epochs": len(fit.history),
        "latents": fit.latents,
    }
    held = nv.evaluate(fit, sim.stack, test)
    found |= {"rec": held["reconstruction_fve"], "pred": held["prediction_fve"], "latent R2": held["latent_r2"]}
    found["nonzeros"] = held["nonzeros_per_target"]
    rebuilt = fit.reconstruct(sim.stack, test) - fit.static
    found["clean"] = float(np.corrcoef(rebuilt.ravel(), sim.clean[slice(*test)].ravel())[0, 1])
    match, value = matched(fit.encode(sim.stack, train), sim.traces[slice(*train)])
    found["cells"] = float(value.mean())
    found["links"] = links(sim, fit.var.coefficients, match)
    coupled = true_links(sim) > 0
    driving = places(sim, np.flatnonzero(coupled.any(0)))
    drive = nv.contribution_map(fit, sim.stack, "driver", frames=train).ravel()
    effect = nv.contribution_map(fit, sim.stack, "effect", frames=train).ravel()
    found["driver"] = float(roc_auc_score(driving, drive))
    found["effect"] = float(roc_auc_score(places(sim, np.flatnonzero(coupled.any(1))), effect))
    found["drive r"] = float(np.corrcoef(drive, true_drive(sim))[0, 1])
    if not thorough:
        return found
    rivals = rival_maps(fit, sim.stack, train)
    found |= {f"driver by {name}": float(roc_auc_score(driving, image)) for name, image in rivals.items()}
    found |= {f"drive r by {name}": float(np.corrcoef(image, true_drive(sim))[0, 1]) for name, image in rivals.items()}
    rng, tenth = np.random.default_rng(0), len(drive) // 10
    kept = held["prediction_fve"]
    whole = nv.contribution_map(fit, sim.stack, "driver", frames=train, own_past=True).ravel()
    for name, image in {"driver": whole, **rivals}.items():
        found[f"deletion by {name}"] = kept - deletion(fit, sim.stack, test, np.argsort(image)[-tenth:])
    found["deletion at random"] = kept - float(
        np.mean([deletion(fit, sim.stack, test, rng.permutation(len(drive))[:tenth], seed) for seed in range(5)])
    )
    return found


def rival_maps(fit: nv.Fit, stack: nv.Stack, frames: tuple[int, int]) -> dict[str, np.ndarray]:
    """Simple maps of where something happens, flat."""
    d = stack.read(*frames) - fit.static
    deviation = d.std(0).clip(1e-6)
    neighbours = [np.roll(d, shift, axis) for axis in (1, 2) for shift in (-1, 1)]
    around = sum(n / n.std(0).clip(1e-6) for n in neighbours)
    return {
        "variance": deviation.ravel(),
        "correlation": ((d / deviation) * around).mean(0).ravel(),
        "footprints": np.square(fit.footprints).sum(0).ravel(),
    }


def baselines(sim: nv.Simulation, latents: int, train: tuple[int, int], test: tuple[int, int]) -> dict[str, Any]:
    """PCA with a VAR by least squares; and the VAR of traces read with the true footprints."""
    d = torch.from_numpy(sim.stack.read().reshape(sim.config.frames, -1))
    d -= d[slice(*train)].mean(0)
    torch.manual_seed(0)
    basis = torch.svd_lowrank(d[slice(*train)], q=latents + 20, niter=8)[2][:, :latents]
    z = (d @ basis).double()
    weights = torch.linalg.lstsq(z[train[0] : train[1] - 1], z[train[0] + 1 : train[1]]).solution
    known = d[slice(*test)]
    rebuilt, ahead = z[slice(*test)].float() @ basis.T, (z[test[0] - 1 : test[1] - 1] @ weights).float() @ basis.T
    total = known.square().sum()
    match, value = matched(z[slice(*train)].numpy(), sim.traces[slice(*train)])
    pca = {
        "rec": 1 - float((known - rebuilt).square().sum() / total),
        "pred": 1 - float((known - ahead).square().sum() / total),
        "clean": float(np.corrcoef(rebuilt.flatten().numpy(), sim.clean[slice(*test)].ravel())[0, 1]),
        "cells": float(value.mean()),
        "links": links(sim, estimate_var(z[slice(*train)].numpy(), 1, "bic", weights="links").coefficients, match),
    }
    maps = torch.from_numpy(sim.footprints.reshape(len(sim.footprints), -1))
    traces = torch.linalg.lstsq(maps.T, d.T).solution.T.numpy()
    everyone = np.arange(len(maps))
    oracle = {
        "links": links(sim, estimate_var(traces[slice(*train)], 1, "bic", weights="links").coefficients, everyone),
        "cells": float(matched(traces[slice(*train)], sim.traces[slice(*train)])[1].mean()),
        "chance": float((true_links(sim) > 0)[~np.eye(len(maps), dtype=bool)].mean()),
    }
    return {"PCA + VAR": pca, "true footprints": oracle}


def once(job: tuple[str, int, str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Compute the lines of one scenario, seed and variant."""
    scenario, seed, variant, changes = job
    sim = nv.simulate(SCENARIOS[scenario].model_copy(update={"seed": seed}))
    train, test = (0, sim.config.frames * 4 // 5), (sim.config.frames * 4 // 5, sim.config.frames)
    if variant == "baselines":
        rows = baselines(sim, LATENTS, train, test)
    else:
        skip, mode = variant.split(", ")
        config = nv.FitConfig(
            latents=LATENTS, epochs=EPOCHS, mode=mode, static_skip=skip == "skip", seed=seed, frames=train, **changes
        )
        rows = {variant: figures(sim, config, test)}
    return [{"scenario": scenario, "seed": seed, "variant": name} | row for name, row in rows.items()]


def print_tables(rows: list[dict[str, Any]]) -> None:
    """Print mean and deviation per variant, then the paired differences of the claims."""
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        mine = [row for row in rows if row["scenario"] == scenario]
        variants = [v for v in (*VARIANTS, "PCA + VAR", "true footprints") if any(r["variant"] == v for r in mine)]
        table = {v: {row["seed"]: row for row in mine if row["variant"] == v} for v in variants}
        names = [n for n in dict.fromkeys(k for row in mine for k in row) if n not in ("scenario", "seed", "variant")]
        print(f"\n{scenario}, {max(map(len, table.values()))} seeds")
        print(
            f"{'':<24}"
            + "".join(f"{v.replace('stop_gradient', 'stop').replace('end_to_end', 'e2e'):>18}" for v in variants)
        )
        for name in names:
            cells = [[row[name] for row in table[v].values() if name in row] for v in variants]
            print(f"{name:<24}" + "".join(
                f"{f'{np.mean(c):.3f} ± {np.std(c, ddof=1) if len(c) > 1 else 0:.3f}' if c else '':>18}" for c in cells
            ))  # fmt: skip
        for better, worse in CLAIMS:
            if better not in table or worse not in table:
                continue
            seeds = sorted(table[better].keys() & table[worse].keys())
            print(f"{better} against {worse}: ", end="")
            for name in ("rec", "clean", "pred", "latent R2", "cells", "links", "driver", "drive r"):
                a, b = (np.array([table[v][s][name] for s in seeds]) for v in (better, worse))
                p = ttest_rel(a, b).pvalue if len(seeds) > 1 and (a != b).any() else np.nan
                print(f"{name} {np.mean(a - b):+.4f} ({(a > b).sum()}/{len(a)}, p {p:.2g})", end="; ")
            print()


def main() -> None:
    """Add what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=stored("ablation"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--scenarios", nargs="+", choices=list(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--variants", nargs="+", default=[*VARIANTS, "baselines"])
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="other settings of the fits")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    changes = {name: json.loads(value) for name, value in (item.split("=") for item in options.set)}
    known = {(row["scenario"], row["seed"], row["variant"]) for row in read(options.results)}
    jobs = [
        (scenario, seed, variant, changes)
        for scenario, seed, variant in itertools.product(options.scenarios, range(options.seeds), options.variants)
        if (scenario, seed, variant.replace("baselines", "PCA + VAR")) not in known
    ]
    with options.results.open("a") as file, get_context("spawn").Pool(options.processes) as pool:
        for rows in pool.imap_unordered(once, jobs):
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
    print_tables(read(options.results))


if __name__ == "__main__":
    main()
