"""Seconds of the first l1 path and of the first comparison in a process: compiled, read from disk, and a second time.

    python -m benchmarks.lasso.compiling [--rounds 5]

Each process of its own, torch and numba loaded before the clock starts, and an empty cache folder for what
is compiled.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

from benchmarks.stored import keep, stored

FIRST_CALLS = """
import time
import numpy as np
import torch, numba
import napari_varae as nv
from napari_varae.core.lasso.path import lasso_path
z = np.random.default_rng(0).standard_normal((2, 120, 8))
gram = np.cov(z[0], rowvar=False)
calls = (
    lambda: lasso_path(gram, gram, 0.1 * np.abs(gram).max(1)),
    lambda: nv.compare_latents(*z, 1, resamples=19),
)
for call in calls:
    for _ in range(2):
        began = time.perf_counter()
        call()
        print(time.perf_counter() - began)
"""


def seconds(cache: str) -> list[float]:
    """Seconds of the first and second path and comparison of a process that keeps what is compiled in this folder."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_CALLS], env=os.environ | {"NUMBA_CACHE_DIR": cache}, check=True, stdout=-1
    )
    return [float(line) for line in done.stdout.split()]


def main() -> None:
    """Print and keep medians and ranges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    runs: dict[str, list[list[float]]] = {"compiled": [], "from disk": []}
    for _ in range(parser.parse_args().rounds):
        with tempfile.TemporaryDirectory() as cache:
            for timed in runs.values():
                timed.append(seconds(cache))
    rows = []
    for name, timed in runs.items():
        for what, first, again in (("l1 path", 0, 1), ("comparison", 2, 3)):
            low, middle, high = np.quantile([run[first] for run in timed], (0, 0.5, 1))
            later = np.median([run[again] for run in timed])
            rows.append({"call": what, "from": name, "first": [middle, low, high], "again": later})
            print(rows[-1])
    keep(stored("compiling"), rows)


if __name__ == "__main__":
    main()
