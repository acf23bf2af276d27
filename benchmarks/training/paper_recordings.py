"""The convolutional network on recordings, beside footprints and PCA with a VAR: held-out frames and seconds.

    python -m benchmarks.training.paper_recordings MOVIE.tif:64 [MOVIE.tif:32 ...] [--seeds 1] [--epochs 40]

The number after each movie is that of latents. Trained on the first four fifths of the frames, judged on the last,
with all the cores there are. Each start (random, or an imitation of footprints), mode and seed adds a line to the
results, and what is there is not computed again. The figures are those of `ablation_recordings.py`.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import napari_varae as nv
from benchmarks.stored import read, stored
from benchmarks.training.ablation_recordings import figures
from benchmarks.training.paper_setting import MODES
from benchmarks.training.recording import pca_baselines

VARIANTS: dict[str, dict[str, Any]] = {"footprints": {}} | {
    f"convolutional, {start} start, {mode}": {"network": "convolutional", "initial": initial, "mode": mode}
    for (start, initial), mode in itertools.product((("random", "random"), ("warm", "footprints")), MODES)
}
EVERYTHING = [*VARIANTS, "PCA + VAR"]


def pca(stack: nv.Stack, train: tuple[int, int], test: tuple[int, int], latents: int) -> dict[str, float]:
    """PCA with a VAR of order 1 by least squares."""
    found = pca_baselines(stack, train, test, latents)
    return {"rec": found[f"PCA-{latents} reconstruction"], "pred": found[f"PCA-{latents} + VAR(1) prediction"]}


def main() -> None:
    """Add what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=stored("paper_recordings"))
    parser.add_argument("movies", nargs="+", metavar="MOVIE:LATENTS")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--variants", nargs="+", choices=EVERYTHING, default=EVERYTHING)
    options = parser.parse_args()
    known = {(row["movie"], row["latents"], row["seed"], row["variant"]) for row in read(options.results)}
    with options.results.open("a") as file:
        for seed, movie, variant in itertools.product(range(options.seeds), options.movies, options.variants):
            path, _, latents = movie.rpartition(":")
            name, stack = Path(path).stem, nv.open_stack(path)
            edge = stack.n_frames * 4 // 5
            if (name, int(latents), seed, variant) in known or (variant == "PCA + VAR" and seed):
                continue
            if variant == "PCA + VAR":
                row: dict[str, Any] = pca(stack, (0, edge), (edge, stack.n_frames), int(latents))
            else:
                config = nv.FitConfig(
                    latents=int(latents), epochs=options.epochs, seed=seed, frames=(0, edge), **VARIANTS[variant]
                )
                row = figures(stack, config)
            row = {"movie": name, "latents": int(latents), "seed": seed, "variant": variant} | row
            file.write(json.dumps(row) + "\n")
            file.flush()
            print(row, flush=True)


if __name__ == "__main__":
    main()
