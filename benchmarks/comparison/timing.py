"""How long a comparison takes.

    python -m benchmarks.comparison.timing [--resamples 999] [--length 400] [--processes 2] [--rounds 3]

Ranges from one sparse VAR as in calibration. Printed: the median and the extremes of the seconds on one thread, on
all of torch's threads, and on processes of one thread, whose start counts separately.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import torch

import napari_varae as nv
from benchmarks.comparison.calibration import Setting, coefficients, two_ranges
from benchmarks.stored import keep, stored


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument("--length", type=int, default=400)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = []
    most, context = torch.get_num_threads(), multiprocessing.get_context("spawn")
    began = time.perf_counter()
    with ProcessPoolExecutor(options.processes, context) as pool:
        some = [np.random.default_rng(i).normal(size=(100, 2)) for i in range(4 * options.processes)]
        list(pool.map(nv.compare_latents, some, some[::-1]))
        print(f"{options.processes} processes started in {time.perf_counter() - began:.1f} s", flush=True)
        ways = {"1 thread": (1, None), f"{most} threads": (most, None), f"{options.processes} processes": (1, pool)}
        for latents, order in ((16, 1), (64, 1), (64, 2), (128, 1), (300, 1)):
            setting, rng = Setting(latents, options.length, order, True, True), np.random.default_rng(latents)
            a = coefficients(setting, rng)
            compare = partial(nv.compare_latents, *two_ranges(setting, a, a, rng), order)
            seconds: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(options.rounds):
                for way, (threads, workers) in ways.items():
                    torch.set_num_threads(threads)
                    began = time.perf_counter()
                    compare(resamples=options.resamples, workers=workers)
                    seconds[way].append(time.perf_counter() - began)
            rows.append({"latents": latents, "order": order, "length": options.length, "resamples": options.resamples,
                         **seconds})  # fmt: skip
            keep(stored("timing"), rows)
            shown = (f"{w} {np.median(s):.1f} ({min(s):.1f} to {max(s):.1f})" for w, s in seconds.items())
            print(f"K={latents} n={options.length} + {options.length} p={order}: {', '.join(shown)} s", flush=True)


if __name__ == "__main__":
    main()
