"""How much each default of a fit matters: one setting at a time is moved away from it.

    python -m benchmarks.training.flatness [--scenario realistic] [--seeds 3] [--processes 2]

Each setting and seed adds a line to the results, and what is there is not computed again. Trained on the first four
fifths of the frames, judged on the last one, as in ablation, which explains the figures. Printed: mean over seeds,
and in brackets the difference from the defaults in standard errors of the paired differences.
"""

from __future__ import annotations

import argparse
import json
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import napari_varae as nv
from benchmarks.stored import read, stored
from benchmarks.training.ablation import EPOCHS, LATENTS, figures
from napari_varae.core.simulation.settings import SCENARIOS

MOVES: dict[str, list[Any]] = {
    "latents": [24, 48, 64],
    "order": [2],
    "sparsity": ["ebic", "cv"],
    "prediction_weight": [0.5, 1.0, 4.0, 8.0],
    "window": [120, 480],
    "learning_rate": [0.002, 0.01],
    "smoothing": [0.0, 1.5],
    "epochs": [0, 60],
    "static": ["median"],
}
SHOWN = ("rec", "pred", "latent R2", "cells", "links", "nonzeros", "driver", "drive r")


def once(job: tuple[str, int, str, Any]) -> dict[str, Any]:
    """Compute one line."""
    scenario, seed, name, value = job
    sim = nv.simulate(SCENARIOS[scenario].model_copy(update={"seed": seed}))
    edge = sim.config.frames * 4 // 5
    settings = {"latents": LATENTS, "epochs": EPOCHS, "seed": seed, "frames": (0, edge)}
    if name:
        settings[name] = value
    return {"scenario": scenario, "seed": seed, "variant": f"{name} {value}".strip()} | figures(
        sim, nv.FitConfig(**settings), (edge, sim.config.frames), thorough=False
    )


def main() -> None:
    """Add what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=stored("flatness"))
    parser.add_argument("--scenario", choices=list(SCENARIOS), default="realistic")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    moves = [("", "")] + [(name, value) for name, values in MOVES.items() for value in values]
    known = {(row["scenario"], row["seed"], row["variant"]) for row in read(options.results)}
    jobs = [
        (options.scenario, seed, name, value)
        for name, value in moves
        for seed in range(options.seeds)
        if (options.scenario, seed, f"{name} {value}".strip()) not in known
    ]
    with options.results.open("a") as file, get_context("spawn").Pool(options.processes) as pool:
        for row in pool.imap_unordered(once, jobs):
            file.write(json.dumps(row) + "\n")
            file.flush()
    rows = [row for row in read(options.results) if row["scenario"] == options.scenario]
    standard = {row["seed"]: row for row in rows if not row["variant"]}
    print(f"{options.scenario}, {len(standard)} seeds\n{'':<24}" + "".join(f"{name:>16}" for name in SHOWN))
    for name, value in moves:
        variant = f"{name} {value}".strip()
        mine = {row["seed"]: row for row in rows if row["variant"] == variant}
        cells = []
        for figure in SHOWN:
            apart = np.array([mine[seed][figure] - standard[seed][figure] for seed in mine])
            error = apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 1 else np.nan
            away = f" ({apart.mean() / error:+.1f})" if variant and error > 0 else ""
            cells.append(f"{np.mean([row[figure] for row in mine.values()]):.3f}{away}")
        print(f"{variant or 'defaults':<24}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main()
