"""Reconstruction and one-step prediction of held-out frames of a recording, beside PCA and PCA + VAR.

    python -m benchmarks.training.recording MOVIE.tif --train 0 1600 --test 1600 2000 [--seeds 3]

All figures are fractions of the variance around the training mean, in the movie's units, on the test frames. Nothing
of the method, settings included, sees those. The lines of the movie replace those that are stored; its memory, in
megabytes, includes the baselines.
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import napari_varae as nv
from benchmarks.stored import Rows, keep, read, stored
from napari_varae.core.lasso.estimate import lasso
from napari_varae.core.training.objective import window_penalty
from napari_varae.core.training.trainer import Trainer
from napari_varae.core.var.lags import lag_moments, standardise


def pca_baselines(stack: nv.Stack, train: tuple[int, int], test: tuple[int, int], latents: int) -> dict[str, float]:
    """PCA fitted on the training frames, and a VAR by least squares on its scores, orders 1 to 4."""
    movie = stack.read().reshape(stack.n_frames, -1)
    d = torch.from_numpy(movie - movie[slice(*train)].mean(0))
    torch.manual_seed(0)
    basis = torch.svd_lowrank(d[slice(*train)], q=latents + 20, niter=8)[2][:, :latents]
    scores = (d @ basis).double()
    known, ahead = d[slice(*test)], {}
    total = known.square().sum()
    for order in range(1, 5):
        x = torch.cat([scores[order - k : train[1] - k] for k in range(1, order + 1)], 1)
        weights = torch.linalg.lstsq(x, scores[order : train[1]]).solution
        past = torch.cat([scores[test[0] - k : test[1] - k] for k in range(1, order + 1)], 1)
        ahead[order] = 1 - float((known - (past @ weights).float() @ basis.T).square().sum() / total)
    rebuilt = scores[slice(*test)].float() @ basis.T
    result = {f"PCA-{latents} reconstruction": 1 - float((known - rebuilt).square().sum() / total)}
    return result | {f"PCA-{latents} + VAR({order}) prediction": value for order, value in ahead.items()}


def seconds_per_step(stack: nv.Stack, config: nv.FitConfig, repeats: int = 15) -> tuple[float, float]:
    """Median seconds of a training step, and of the l1 estimates and their gradient in it."""
    trainer = Trainer(stack, config)
    trainer.assess()
    steps, estimates = [], []
    for _ in range(repeats):
        window = next(trainer.windows())
        began = time.perf_counter()
        trainer.step(window, 1)
        steps.append(time.perf_counter() - began)
        z = torch.from_numpy(trainer.encode()[window[0] - trainer.split.start : window[1] - trainer.split.start])
        z.requires_grad_()
        began = time.perf_counter()
        scaled, _, _ = standardise(z)
        for half in (scaled[: len(z) // 2], scaled[len(z) // 2 :]):
            moments = lag_moments(half, config.order)
            lasso(moments.gram, moments.cross, window_penalty(trainer.var, moments.count)).square().sum().backward(
                retain_graph=True
            )
        estimates.append(time.perf_counter() - began)
    return float(np.median(steps)), float(np.median(estimates))


def main() -> None:
    """Print and keep the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie")
    parser.add_argument("--train", type=int, nargs=2, required=True)
    parser.add_argument("--test", type=int, nargs=2, required=True)
    parser.add_argument("--latents", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--orders", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    stack, train, test = nv.open_stack(options.movie), tuple(options.train), tuple(options.test)
    name = Path(options.movie).stem
    rows: Rows = [row for row in read(stored("recording")) if row["movie"] != name]

    def add(**row: Any) -> None:
        rows.append({"movie": name, "train": train, "test": test, "latents": options.latents} | row)
        print(rows[-1], flush=True)

    add(variant="PCA", **pca_baselines(stack, train, test, options.latents))
    for order in options.orders:
        for seed in range(options.seeds):
            for epochs in (0, options.epochs):
                config = nv.FitConfig(latents=options.latents, order=order, epochs=epochs, seed=seed, frames=train)
                began = time.perf_counter()
                fit = nv.fit(stack, config)
                took = time.perf_counter() - began
                variant = "start only" if not epochs else "trained"
                found = nv.evaluate(fit, stack, test)
                add(variant=variant, order=order, seed=seed, epochs=len(fit.history), seconds=took, **found)
    step, estimate = seconds_per_step(stack, nv.FitConfig(latents=options.latents, frames=train))
    unit = 1024**2 if platform.system() == "Darwin" else 1024
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    add(variant="step", step=step, estimate=estimate, memory=memory)
    keep(stored("recording"), rows)


if __name__ == "__main__":
    main()
