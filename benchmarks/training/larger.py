"""A movie larger than memory: how fast each pass through it is, and how much memory compressing it takes.

    python -m benchmarks.training.larger MOVIE_WRITER.py [--gigabytes 20] [--folder FOLDER]

MOVIE_WRITER is as in `benchmarks/training/everyday.py`. The movie has 512 x 512 pixels; a short file is written, and
the movie shows its frames over and over, each read from the file every time: from the cache of the operating system, so
that no disk limits the speed. Kept are the CPU seconds and the seconds for each GB of plain reading, of reading and
conversion to float32, and of both passes of compression, and the peak memory of the process before and after.
"""

from __future__ import annotations

import argparse
import json
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import napari_varae as nv
from benchmarks.stored import keep, read, stored
from napari_varae.core.movie.raw_frames import RawFrames
from napari_varae.core.training.compress import compress
from napari_varae.core.training.split import Split

WRITTEN, EDGE = 500, 512
HEADER = 128
"""Bytes before the pixels of a .npy file."""
ALSO_READ = 4000
"""Frames with which plain reading is measured."""


def main() -> None:
    """Write the file, and compress the movie in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("writer")
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    frames = round(options.gigabytes * 1e9 / (2 * EDGE**2))
    if options.one:
        print(json.dumps(compressed(options.one, frames)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "movie.npy"
        runpy.run_path(options.writer)["write"](str(path), WRITTEN, EDGE)
        command = [sys.executable, "-m", "benchmarks.training.larger", options.writer, "--one", str(path)]
        done = subprocess.run([*command, "--gigabytes", str(options.gigabytes)], stdout=subprocess.PIPE, check=True)
    row = {"gigabytes": options.gigabytes} | json.loads(done.stdout.splitlines()[-1])
    keep(stored("larger"), [*read(stored("larger")), row])
    print(row)


def compressed(path: Path, frames: int) -> dict[str, float]:
    """Read and compress a movie, in GB of its pixels as stored."""
    nbytes = 2 * EDGE**2
    source = RawFrames(path, HEADER + nbytes * (np.arange(frames) % WRITTEN), (EDGE, EDGE), np.dtype("<u2"))
    stack, config = nv.Stack(source), nv.FitConfig()
    found: dict[str, float] = {"before": memory()}
    block = stack.block_length
    for name, take in (("plain reading", source.read), ("reading and converting", stack.read)):
        began = time.monotonic(), time.process_time()
        for first in range(0, ALSO_READ, block):
            take(first, min(first + block, ALSO_READ))
        note(found, name, began, ALSO_READ * nbytes)
    phases: dict[str, tuple[float, float]] = {}

    def progress(phase: str, _share: float) -> None:
        phases.setdefault(phase, (time.monotonic(), time.process_time()))

    split = Split(stack, config)
    movie = compress(stack, split, config, progress)
    end = time.monotonic(), time.process_time()
    found["components"] = round(movie.traces.nbytes / 1e9, 2)
    note(found, "first pass", phases["compressing"], frames * nbytes, phases["projecting"])
    note(found, "second pass", phases["projecting"], frames * nbytes, end)
    return found | {"memory": memory()}


def note(
    found: dict[str, float], name: str, began: tuple[float, float], nbytes: int, end: tuple[float, float] | None = None
) -> None:
    """Keep the seconds and the CPU seconds for each GB."""
    end = end or (time.monotonic(), time.process_time())
    found[name], found[f"{name}, cpu"] = (round((b - a) / nbytes * 1e9, 2) for a, b in zip(began, end, strict=True))


def memory() -> float:
    """Peak memory of this process, in GB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


if __name__ == "__main__":
    main()
