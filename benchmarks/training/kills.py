"""Trainings killed at random moments (SIGKILL): each must be able to go on from its checkpoint, to as good a fit.

    python -m benchmarks.training.kills [--kills 200] [--seed 0]

A process trains a small simulated movie with a checkpoint and is killed after a random time, from before its first
block to after its last epoch; then `napari_varae.resume` must end with a fit whose held-out figures are those of a
training that was left alone, to two decimals. Killed before the checkpoint begins, there is nothing to go on from,
which is reported in words. Whatever lies under its final name must be whole: files that cannot be read are counted as
half written. Kept is a line for each kill: when it came, how far the training was, how many files were half written,
and whether it went on.
"""

from __future__ import annotations

import argparse
import collections
import json
import math
import multiprocessing
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

import napari_varae as nv
from benchmarks.stored import keep, read, stored

MOVIE = nv.SimulationConfig(frames=500, height=48, width=48, cells=8, seed=3)
SETTINGS = nv.FitConfig(latents=8, epochs=4, patience=9, device="cpu", threads=1)
TOLERANCE = 0.02


def train(folder: str, ready: object) -> None:
    """Train in a process that will be killed."""
    stack = nv.simulate(MOVIE).stack
    ready.set()  # type: ignore[attr-defined]
    for _ in nv.train(stack, SETTINGS, checkpoint=folder):
        pass


def state_of(folder: Path) -> str:
    """What a training that was killed had."""
    if not (folder / "settings.json").exists():
        return "nothing"
    if not (folder / "movie.safetensors").exists():
        return "settings"
    if not (folder / "state.safetensors").exists():
        return "compressed movie"
    from napari_varae.core.training.checkpoint import Checkpoint

    reports = Checkpoint(folder).reports()
    return f"epoch {reports[-1].epoch}" if reports else "start"


def result(steps: object) -> nv.Fit:
    """Run a training to its end."""
    while True:
        try:
            next(steps)  # type: ignore[call-overload]
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def quality(fit: nv.Fit) -> float:
    """Held-out reconstruction of the best epoch."""
    return max(report.reconstruction_fve for report in fit.history if report.best)


def half_written(folder: Path) -> int:
    """Count files under their final name that cannot be read."""
    half = 0
    for path in folder.glob("*.*"):
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".safetensors":
                with safe_open(path, framework="pt") as file:
                    for name in file.keys():  # noqa: SIM118  # not a mapping
                        file.get_tensor(name)
        except (OSError, ValueError, SafetensorError):
            half += 1
    return half


def killed(context: Any, folder: Path, after: float) -> None:
    """Kill a training so many seconds after its movie was made, if it has not ended by then."""
    ready = context.Event()
    process = context.Process(target=train, args=(str(folder), ready))
    process.start()
    ready.wait(300)
    process.join(None if math.isinf(after) else after)
    process.kill()
    process.join()


def gone_on(folder: Path, stack: nv.Stack, undisturbed: float) -> str:
    """Resume, and return what went wrong."""
    before = state_of(folder)
    try:
        found = quality(result(nv.resume(folder, stack)))
    except nv.TrainingError as error:
        return "" if before == "nothing" and "holds no checkpoint" in str(error) else str(error)
    return "" if abs(found - undisturbed) <= TOLERANCE else f"{found:.3f} instead of {undisturbed:.3f}"


def main() -> None:
    """Kill, resume, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["napari_varae.core.training.train", "napari_varae.core.simulation.simulate"])
    rows, stack = read(stored("kills")), nv.simulate(MOVIE).stack
    for _ in range(2):  # the first one compiles
        with tempfile.TemporaryDirectory() as name:
            folder, began = Path(name) / "whole", time.monotonic()
            killed(context, folder, math.inf)
            whole = time.monotonic() - began
            undisturbed = quality(result(nv.resume(folder, stack)))
    for seed in range(options.seed, options.seed + options.kills):
        if any(row["seed"] == seed for row in rows):
            continue
        with tempfile.TemporaryDirectory() as name:
            folder, after = Path(name) / "checkpoint", random.Random(seed).uniform(0, 1.1 * whole)
            killed(context, folder, after)
            row = {"seed": seed, "after": round(after, 2), "of": round(whole, 2), "had": state_of(folder),
                   "half": half_written(folder)}  # fmt: skip
            rows.append(row | {"wrong": gone_on(folder, stack, undisturbed)})
        keep(stored("kills"), rows)
    for state, count in sorted(collections.Counter(row["had"] for row in rows).items()):
        print(f"{count:4d} had: {state}")
    wrong = [f"kill {row['seed']}, {row['had']}: {row['wrong']}" for row in rows if row["wrong"]]
    print(
        "\n".join(
            [*wrong, f"{len(rows)} kills, {len(wrong)} could not go on, {sum(r['half'] for r in rows)} half files"]
        )
    )


if __name__ == "__main__":
    main()
