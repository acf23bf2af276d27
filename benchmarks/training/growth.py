"""How the time and the memory of a fit grow with frames and area.

    python -m benchmarks.training.growth MOVIE_WRITER.py [--sizes 256 512] [--frames 3000 6000] [--folder FOLDER]

MOVIE_WRITER is as in `benchmarks/training/everyday.py`, with ``write(path, frames, size, cells)``. There is one cell
for each 874 pixels (300 in 512 x 512), and settings are the defaults. Each movie is written, and fitted, in a process
of its own, and deleted afterwards; nothing is cached. Kept are the seconds of the fit, its CPU seconds, the peak memory
of the process, of which `before` was in use before the fit, and what `nv.estimate` said beforehand. What is stored is
not computed again. On a machine that is not idle only CPU time means something.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import napari_varae as nv
from benchmarks.stored import keep, read, stored

PIXELS = 512 * 512 / 300
"""Pixels for each cell."""


def main() -> None:
    """Fit what is not stored, the smallest movie first, and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("writer")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--frames", type=int, nargs="+", default=[3000, 6000, 12_000, 30_000])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--fit", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        frames, size = options.frames[0], options.sizes[0]
        runpy.run_path(options.writer)["write"](str(options.write), frames, size, round(size**2 / PIXELS))
    elif options.fit:
        print(json.dumps(fitted(options.fit)))
    else:
        rows = read(stored("growth"))
        asked = sorted(itertools.product(options.frames, options.sizes), key=lambda pair: pair[0] * pair[1] ** 2)
        for frames, size in asked:
            row = {"frames": frames, "size": size}
            if not any(row.items() <= other.items() for other in rows):
                with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                    rows.append(row | measured(options.writer, frames, size, Path(folder)))
                keep(stored("growth"), rows)
        for row in rows:
            print(row)


def measured(writer: str, frames: int, size: int, folder: Path) -> dict[str, float]:
    """Write a movie and fit it, each in a process of its own."""
    path = folder / "movie.npy"
    here = [sys.executable, "-m", "benchmarks.training.growth", writer]
    subprocess.run([*here, "--write", str(path), "--frames", str(frames), "--sizes", str(size)], check=True)
    clean = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run([*here, "--fit", str(path)], env=clean, stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


def fitted(path: Path) -> dict[str, float]:
    """Fit a movie with default settings."""
    small = nv.simulate(nv.SimulationConfig(frames=300, height=48, width=48, cells=6)).stack
    nv.fit(small, nv.FitConfig(latents=6))  # compiles
    stack = nv.open_stack(path)
    needs = nv.estimate(stack)
    before, began, cpu = memory(), time.monotonic(), time.process_time()
    fit = nv.fit(stack)
    return {"latents": fit.latents, "epochs": len(fit.history), "seconds": round(time.monotonic() - began, 1),
            "cpu": round(time.process_time() - cpu, 1), "before": before, "memory": memory(),
            "estimated seconds": round(60 * needs.minutes, 1), "estimated memory": round(needs.memory / 1e9, 2),
            }  # fmt: skip


def memory() -> float:
    """Peak memory of this process, in GB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


if __name__ == "__main__":
    main()
