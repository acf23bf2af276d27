"""Trainings killed at random moments (SIGKILL): each must be able to go on from its checkpoint, to as good a fit.

    python -m benchmarks.training.kills [--kills 200] [--seed 0]

A process trains a small simulated movie with a checkpoint and is killed after a random time, from before its first
block to after its last epoch; then `napari_varae.resume` must end with a fit whose held-out figures are those of a
training that was left alone, to two decimals. Killed before the checkpoint begins, there is nothing to go on from,
which is reported in words. Prints how far the trainings were, and how many could not go on.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import random
import tempfile
import time
from pathlib import Path

import napari_varae as nv

MOVIE = nv.SimulationConfig(frames=600, height=64, width=64, cells=12, seed=3)
SETTINGS = nv.FitConfig(latents=12, epochs=6, patience=9, device="cpu", threads=1)
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


def main() -> None:
    """Kill, resume, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["napari_varae.core.training.train", "napari_varae.core.simulation.simulate"])
    rng, stack = random.Random(options.seed), nv.simulate(MOVIE).stack
    for _ in range(2):  # the first one compiles
        with tempfile.TemporaryDirectory() as name:
            began = time.monotonic()
            undisturbed = quality(result(nv.train(stack, SETTINGS, checkpoint=Path(name) / "whole")))
            whole = time.monotonic() - began
    had: collections.Counter[str] = collections.Counter()
    failures = []
    for i in range(options.kills):
        with tempfile.TemporaryDirectory() as name:
            folder, ready = Path(name) / "checkpoint", context.Event()
            process = context.Process(target=train, args=(str(folder), ready))
            process.start()
            ready.wait(60)
            time.sleep(rng.uniform(0, 1.1 * whole))
            process.kill()
            process.join()
            before = state_of(folder)
            had[before] += 1
            if i % 20 == 19:
                print(f"{i + 1} kills, {len(failures)} could not go on so far", flush=True)
            try:
                found = quality(result(nv.resume(folder, stack)))
                if abs(found - undisturbed) > TOLERANCE:
                    failures.append(f"kill {i}, {before}: {found:.3f} instead of {undisturbed:.3f}")
            except nv.TrainingError as error:
                if before != "nothing" or "holds no checkpoint" not in str(error):
                    failures.append(f"kill {i}, {before}: {error}")
    for state, count in sorted(had.items()):
        print(f"{count:4d} had: {state}")
    print("\n".join(failures))
    print(f"{options.kills} kills over {whole:.1f} s, {len(failures)} could not go on; seed {options.seed}")


if __name__ == "__main__":
    main()
