"""Held-out prediction of recordings by number of latents and order, and what is suggested.

    python -m benchmarks.training.choice MOVIE.tif [MOVIE.tif ...]

Each movie adds a line to the results, in place of an earlier one.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import napari_varae as nv
from benchmarks.stored import keep, read, stored


def main() -> None:
    """Add the lines, and print the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movies", nargs="+", type=Path)
    options = parser.parse_args()
    for path in options.movies:
        began, cpu = time.perf_counter(), time.process_time()
        found = nv.choose(nv.open_stack(path))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        row = {"movie": path.stem, "seconds": round(seconds, 1), "cpu": round(cpu, 1), "pieces": found.n_pieces}
        rows = [other for other in read(stored("choice")) if other["movie"] != path.stem]
        keep(stored("choice"), [*rows, row | found.as_dict()])
        table = found.table.pivot_table("prediction_fve", ["latents", "reconstruction_fve"], "order")
        print(f"{path.stem}, {seconds:.0f} s, {cpu:.0f} s CPU\n{table.round(4)}\n{found.methods_text()}\n", flush=True)


if __name__ == "__main__":
    main()
