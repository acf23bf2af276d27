"""How long a comparison takes, and how much memory.

    python -m benchmarks.comparison.timing [--resamples 999] [--length 3000] [--latents 64 128 300] [--draws 999]

Ranges from one sparse VAR as in calibration, with and without measurement noise (14 % of the variance), which is
accounted for. Each comparison runs in a process of its own, on all of torch's threads. Kept are its seconds, the CPU
seconds of all threads, and the peak memory of the process. On a machine that is not idle only CPU time means something:
half of it is what two idle cores take at least. With fewer `--draws` than `--resamples`, what draws take is scaled up.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time

import numpy as np
import torch

import napari_varae as nv
from benchmarks.comparison.calibration import Setting, coefficients, two_ranges
from benchmarks.stored import keep, read, stored

NOISE = 0.4
"""SD of the measurement noise, in SD of the latents."""


def main() -> None:
    """Run what is not stored, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument("--draws", type=int, help="draws that are made; all when not given")
    parser.add_argument("--length", type=int, default=3000)
    parser.add_argument("--latents", type=int, nargs="+", default=[64, 128, 300])
    parser.add_argument("--one", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    draws = options.draws or options.resamples
    if options.one:
        print(json.dumps(timed(*options.one[:2], bool(options.one[2]), options.resamples, draws)))
        return
    rows = read(stored("timing"))
    for latents, noisy in itertools.product(options.latents, (False, True)):
        row = {"latents": latents, "length": options.length, "noise": noisy, "resamples": options.resamples,
               "draws": draws}  # fmt: skip
        if not any(row.items() <= other.items() for other in rows):
            job = ["--one", str(latents), str(options.length), str(int(noisy)), "--draws", str(draws)]
            command = [sys.executable, "-m", "benchmarks.comparison.timing", "--resamples", str(options.resamples)]
            done = subprocess.run([*command, *job], stdout=subprocess.PIPE, text=True, check=True)
            rows.append(row | json.loads(done.stdout.splitlines()[-1]))
            keep(stored("timing"), rows)
    for row in rows:
        print(row)


def timed(latents: int, length: int, noisy: bool, resamples: int, draws: int) -> dict[str, float]:
    """Compare two ranges in which nothing differs."""
    setting, rng = Setting(latents, length, 1, True, True), np.random.default_rng(latents)
    a = coefficients(setting, rng)
    pair = two_ranges(setting, a, a, rng)
    noise = None
    if noisy:
        noise = [np.square(NOISE * z.std(0)) for z in pair]
        pair = tuple(z + np.sqrt(part) * rng.standard_normal(z.shape) for z, part in zip(pair, noise, strict=True))
    compare(pair, noise, 19, length // 10)  # compiles
    began, cpu = time.perf_counter(), time.process_time()
    compare(pair, noise, draws, length)
    seconds, of_cpu = time.perf_counter() - began, time.process_time() - cpu
    if draws < resamples:  # what does not depend on their number is taken from a second comparison
        began, cpu = time.perf_counter(), time.process_time()
        compare(pair, noise, 2 * draws, length)
        again, cpu_again = time.perf_counter() - began, time.process_time() - cpu
        more = resamples / draws - 1
        seconds, of_cpu = seconds + more * (again - seconds), of_cpu + more * (cpu_again - of_cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"threads": torch.get_num_threads(), "seconds": round(seconds, 1), "cpu": round(of_cpu, 1),
            "gigabytes": round(peak, 2)}  # fmt: skip


def compare(pair: tuple[np.ndarray, ...], noise: list[np.ndarray] | None, resamples: int, length: int) -> None:
    """Compare the first frames of two ranges."""
    nv.compare_latents(*(z[:length] for z in pair), resamples=resamples, noise=noise)


if __name__ == "__main__":
    main()
