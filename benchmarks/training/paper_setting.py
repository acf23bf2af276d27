"""The paper's setting: a convolutional autoencoder from a random start, with the l1 VAR inside, and what helps it.

    python -m benchmarks.training.paper_setting [--seeds 5] [--scenarios realistic distractors overlap]
        [--epochs 20] [--variants ...] [--processes 1]

Each scenario, seed, variant and number of epochs adds a line to the results, and what is there is not computed again;
seeds come one after the other, so that a run that is stopped leaves whole seeds. Variants: {skip, no skip} x
{two_stage, stop_gradient, end_to_end} of the convolutional network, all from the same start and on the same windows;
its outer objectives (a horizon of 4 frames, a price on links); the footprints network; PCA with a VAR by least
squares. Trained on the first four fifths of the frames, judged on the last one.

Figures: `rec`, `pred`: fractions of the variance explained, of held-out frames and one step ahead; `latent error`: mean
square of the one-step error of standardised latents; `cells`: mean correlation of the true traces with the latents
matched to them one to one; `R2`: of the true traces by linear regression on all latents; `links`: average precision of
|a| against the true links (chance is their share); `driver`: area under the ROC curve of the driver map against the
pixels of driving cells, `drive r`: its correlation with the true one; `compact`: share of the squares of footprints
within 2.5 soma radii of their centre; `SNR`: variance of the running mean over 3 frames against that of the rest,
median over latents; `gradient`: size of the gradient through the estimate against that of the rest, at the start and at
the end of training; the rest counts how often the estimate came near its numerical limits.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

import napari_varae as nv
from benchmarks.stored import read, stored
from benchmarks.training.ablation import matched
from napari_varae.core.simulation.settings import SCENARIOS
from napari_varae.core.training.end_to_end import EndToEnd
from napari_varae.core.training.imitation import make_trainer
from napari_varae.core.var.estimate import estimate_var

LATENTS, EPOCHS = 32, 20
MODES = ("end_to_end", "two_stage", "stop_gradient")
VARIANTS: dict[str, dict[str, Any]] = {
    f"convolutional, {name}, {mode}": {"static_skip": skip, "mode": mode}
    for name, skip in (("skip", True), ("no skip", False))
    for mode in MODES
}
VARIANTS |= {
    "convolutional, skip, horizon 4": {"horizon": 4},
    "convolutional, skip, link price": {"link_price": 0.05},
    **{f"convolutional, warm start, {mode}": {"initial": "footprints", "mode": mode} for mode in MODES},
}
EVERYTHING = [*VARIANTS, "footprints", "PCA + VAR"]


def against_truth(
    sim: nv.Simulation, z: np.ndarray, coefficients: np.ndarray, train: tuple[int, int]
) -> dict[str, float]:
    """Hold latents (T, K) and their VAR against the true cells."""
    n, off = len(sim.footprints), ~np.eye(len(sim.footprints), dtype=bool)
    match, value = matched(z[slice(*train)], sim.traces[slice(*train)])
    size = np.abs(coefficients).max(0)[np.ix_(match, match)]
    x, y = (np.concatenate([a, np.ones((len(a), 1))], 1) for a in (z, sim.traces))
    weights = np.linalg.lstsq(x[slice(*train)], y[slice(*train)], rcond=None)[0]
    known, found = y[train[1] :, :n], (x @ weights)[train[1] :, :n]
    slow = np.apply_along_axis(lambda trace: np.convolve(trace, np.ones(3) / 3, "same"), 0, z)
    return {
        "cells": float(value.mean()),
        "R2": float((1 - np.square(known - found).sum(0) / np.square(known - known.mean(0)).sum(0)).mean()),
        "links": float(average_precision_score((sim.coefficients[0] != 0)[off], size[off])),
        "chance": float((sim.coefficients[0] != 0)[off].mean()),
        "SNR": float(np.median(slow.var(0) / (z - slow).var(0).clip(1e-12))),
    }


def maps(sim: nv.Simulation, fit: nv.Fit, train: tuple[int, int]) -> dict[str, float]:
    """Localisation of the driver map and of footprints."""
    coupled = np.abs(sim.coefficients).sum(0) * ~np.eye(len(sim.footprints), dtype=bool)
    driving = sim.footprints[np.flatnonzero(coupled.any(0))]
    place = (driving > 0.1 * driving.max((1, 2), keepdims=True)).any(0).ravel()
    shapes = sim.footprints**2 / (sim.footprints**2).sum((1, 2), keepdims=True)
    truth = np.tensordot((coupled * sim.traces.std(0)).sum(0), shapes, 1).ravel()
    drive = nv.contribution_map(fit, sim.stack, "driver", frames=train).ravel()
    grid = np.stack(np.meshgrid(*map(np.arange, fit.shape), indexing="ij"))
    size = np.abs(fit.footprints)
    bright = np.where(size >= size.max((1, 2), keepdims=True) / 2, size, 1e-30)  # centroids of all parts together
    centres = np.einsum("kyx,ayx->ka", bright, grid) / bright.sum((1, 2))[:, None]
    near = np.square(grid[None] - centres[:, :, None, None]).sum(1) < (2.5 * sim.config.soma_radius) ** 2
    power = np.square(fit.footprints)
    return {
        "driver": float(roc_auc_score(place, drive)) if drive.any() else float("nan"),
        "drive r": float(np.corrcoef(drive, truth)[0, 1]) if drive.any() else float("nan"),
        "compact": float(((power * near).sum((1, 2)) / power.sum((1, 2)).clip(1e-30)).mean()),
    }


def gradient_share(trainer: EndToEnd, windows: int = 3) -> float:
    """Size of the gradient through the estimate, relative to the rest, mean over some windows."""
    shares, state = [], trainer.random.get_state()
    for window in itertools.islice(trainer.windows(), windows):
        found = []
        for through in (False, True):
            trainer.random.manual_seed(0)  # the same pixels are hidden
            trainer.optimiser.clear()
            trainer.loss(window, through_estimate=through).backward()
            found.append(torch.cat([p.grad.flatten() for p in trainer.network.parameters() if p.grad is not None]))
        shares.append(float((found[1] - found[0]).norm() / found[0].norm()))
    trainer.optimiser.clear()
    trainer.random.set_state(state)
    return float(np.mean(shares))


def convolutional(
    sim: nv.Simulation, config: nv.FitConfig, train: tuple[int, int], test: tuple[int, int]
) -> dict[str, Any]:
    """Train, as `nv.fit` does, and look inside."""
    began = time.perf_counter()
    trainer = make_trainer(sim.stack, config)
    best, bests = trainer.assess(), 0
    row: dict[str, Any] = {}
    if config.mode != "two_stage":
        row["gradient at start"] = gradient_share(trainer)
    for epoch in range(1, config.epochs + 1):
        for window in trainer.windows():
            trainer.step(window, epoch)
        state = trainer.assess()
        if state.loss < best.loss:
            best, bests = state, epoch
    if config.mode != "two_stage":
        row["gradient at end"] = gradient_share(trainer)
    row |= {"best epoch": bests, "seconds": time.perf_counter() - began} | vars(trainer.numerics)
    return row | judged(sim, trainer.finish(best, ()), train, test)


def judged(sim: nv.Simulation, fit: nv.Fit, train: tuple[int, int], test: tuple[int, int]) -> dict[str, float]:
    """All figures of a fit."""
    held = nv.evaluate(fit, sim.stack, test)
    row = {"rec": held["reconstruction_fve"], "pred": held["prediction_fve"], "latent error": 1 - held["latent_r2"],
           "nonzeros": held["nonzeros_per_target"]}  # fmt: skip
    return row | against_truth(sim, fit.encode(sim.stack), fit.var.coefficients, train) | maps(sim, fit, train)


def pca(sim: nv.Simulation, train: tuple[int, int], test: tuple[int, int]) -> dict[str, float]:
    """PCA with a VAR by least squares for prediction, and the l1 VAR for links."""
    d = torch.from_numpy(sim.stack.read().reshape(sim.config.frames, -1))
    d -= d[slice(*train)].mean(0)
    torch.manual_seed(0)
    basis = torch.svd_lowrank(d[slice(*train)], q=LATENTS + 20, niter=8)[2][:, :LATENTS]
    z = (d @ basis).double()
    weights = torch.linalg.lstsq(z[train[0] : train[1] - 1], z[train[0] + 1 : train[1]]).solution
    known, ahead = d[slice(*test)], z[test[0] - 1 : test[1] - 1] @ weights
    total, scale = known.square().sum(), z[slice(*train)].std(0)
    row = {
        "rec": 1 - float((known - z[slice(*test)].float() @ basis.T).square().sum() / total),
        "pred": 1 - float((known - ahead.float() @ basis.T).square().sum() / total),
        "latent error": float(
            ((z[slice(*test)] - ahead) / scale).square().sum() / (z[slice(*test)] / scale).square().sum()
        ),
    }
    var = estimate_var(z[slice(*train)].numpy(), 1, "bic", weights="links")
    return row | against_truth(sim, z.numpy(), var.coefficients, train)


def once(job: tuple[str, int, str, int, int | None]) -> dict[str, Any]:
    """Compute one line."""
    scenario, seed, variant, epochs, threads = job
    sim = nv.simulate(SCENARIOS[scenario].model_copy(update={"seed": seed}))
    train, test = (0, sim.config.frames * 4 // 5), (sim.config.frames * 4 // 5, sim.config.frames)
    if variant == "PCA + VAR":
        row: dict[str, Any] = pca(sim, train, test)
    elif variant == "footprints":
        began = time.perf_counter()
        fit = nv.fit(sim.stack, nv.FitConfig(latents=LATENTS, epochs=EPOCHS, seed=seed, frames=train, threads=threads))
        row = {"seconds": time.perf_counter() - began} | judged(sim, fit, train, test)
    else:
        config = nv.FitConfig(
            network="convolutional", latents=LATENTS, epochs=epochs, seed=seed, frames=train, threads=threads,
            **VARIANTS[variant],
        )  # fmt: skip
        row = convolutional(sim, config, train, test)
    device = "CUDA" if torch.cuda.is_available() else "CPU"
    return {"scenario": scenario, "seed": seed, "variant": variant, "epochs": epochs, "device": device} | row


def print_tables(rows: list[dict[str, Any]]) -> None:
    """Print mean and SD over seeds of each figure, variants in rows."""
    figures = ("rec", "pred", "latent error", "R2", "cells", "links", "driver", "drive r", "compact", "SNR",
               "gradient at start", "gradient at end", "seconds")  # fmt: skip
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        mine = [row for row in rows if row["scenario"] == scenario]
        print(
            f"\n{scenario}, links by chance {mine[0]['chance']:.3f}\n{'':<38}"
            + "".join(f"{n[:14]:>15}" for n in figures)
        )
        for variant in [v for v in EVERYTHING if any(row["variant"] == v for row in mine)]:
            table = [row for row in mine if row["variant"] == variant]
            cells = [[row[name] for row in table if name in row] for name in figures]
            spread = [
                f"{np.mean(c):.3f} ± {np.std(c):.3f}" if len(c) > 1 else f"{c[0]:.3f}" if c else "" for c in cells
            ]
            print(f"{variant:<38}" + "".join(f"{text:>15}" for text in spread))
    counts = ("steps", "estimates", "lost", "at_knot", "capped", "floored", "shortened")
    print("\n" + ", ".join(f"{name} {sum(row.get(name, 0) for row in rows)}" for name in counts))


def main() -> None:
    """Add what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=stored("paper_setting"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument(
        "--scenarios", nargs="+", choices=list(SCENARIOS), default=["realistic", "distractors", "overlap"]
    )
    parser.add_argument("--variants", nargs="+", choices=EVERYTHING, default=EVERYTHING)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    rows = read(options.results)
    known = {(row["scenario"], row["seed"], row["variant"], row["epochs"]) for row in rows}
    quick_first = sorted(options.variants, key=lambda v: v.startswith("convolutional"))
    threads = None if options.processes == 1 else 1
    jobs = [
        (scenario, seed, variant, options.epochs, threads)
        for seed, scenario, variant in itertools.product(range(options.seeds), options.scenarios, quick_first)
        if (scenario, seed, variant, options.epochs) not in known
    ]
    with options.results.open("a") as file, get_context("spawn").Pool(options.processes) as pool:
        for row in pool.imap_unordered(once, jobs):
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
    print_tables([row for row in rows if row["epochs"] == options.epochs])


if __name__ == "__main__":
    main()
