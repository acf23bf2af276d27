"""The automatic number of latents: what fits with it find, compared with fits with a number.

    python -m benchmarks.training.automatic [--seeds 5] [--movies MOVIE.tif MOVIE.tif]

Simulated recordings of known truth, as in `ablation.py`, and recordings, as in `ablation_recordings.py`, with PCA and
a VAR on as many scores; both say what the figures are. Each scenario or movie and seed adds a line to the results, and
what is there is not computed again.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import napari_varae as nv
from benchmarks.stored import read, stored
from benchmarks.training.ablation import EPOCHS
from benchmarks.training.ablation import figures as figures_of_simulation
from benchmarks.training.ablation_recordings import figures as figures_of_recording
from benchmarks.training.paper_recordings import pca
from napari_varae.core.simulation.settings import SCENARIOS


def main() -> None:
    """Add what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=stored("automatic"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--movies", nargs="*", default=[])
    options = parser.parse_args()
    known = {(row["scenario"], row["seed"]) for row in read(options.results) if row["variant"] == "automatic"}
    with options.results.open("a") as file:
        for seed, name in itertools.product(range(options.seeds), [*SCENARIOS, *options.movies]):
            scenario = Path(name).stem
            if (scenario, seed) in known:
                continue
            sim = nv.simulate(SCENARIOS[name].model_copy(update={"seed": seed})) if name in SCENARIOS else None
            stack = sim.stack if sim else nv.open_stack(name)
            edge = stack.n_frames * 4 // 5
            config = nv.FitConfig(latents="auto", epochs=EPOCHS, seed=seed, frames=(0, edge))
            test = (edge, stack.n_frames)
            found = figures_of_simulation(sim, config, test, False) if sim else figures_of_recording(stack, config)
            row = {"scenario": scenario, "seed": seed, "variant": "automatic"} | found
            lines = [row]
            if not sim and not seed:
                rival = {"scenario": scenario, "seed": seed, "variant": "PCA + VAR", "latents": row["latents"]}
                lines.insert(0, rival | pca(stack, (0, edge), test, int(row["latents"])))
            file.writelines(json.dumps(line) + "\n" for line in lines)
            file.flush()
            print({name: row[name] for name in ("scenario", "seed", "latents", "rec", "pred")}, flush=True)


if __name__ == "__main__":
    main()
