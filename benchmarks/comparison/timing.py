"""How long a comparison takes, and how much memory.

    python -m benchmarks.comparison.timing [--resamples 999] [--length 3000] [--latents 64 128 300]

Ranges from one sparse VAR as in calibration, with and without measurement noise (14 % of the variance), which is
accounted for. Each comparison runs in a process of its own, on as many threads as OMP_NUM_THREADS or the cores allow.
Kept are its seconds, the CPU seconds of all threads, those of one draw from both null distributions, and the peak
memory of the process. On a machine that is not idle, CPU time is longer as well, since programs share its caches.
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
    parser.add_argument("--length", type=int, default=3000)
    parser.add_argument("--latents", type=int, nargs="+", default=[64, 128, 300])
    parser.add_argument("--one", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(timed(*options.one[:2], bool(options.one[2]), options.resamples)))
        return
    rows = read(stored("timing"))
    for latents, noisy in itertools.product(options.latents, (False, True)):
        row = {"latents": latents, "length": options.length, "noise": noisy, "resamples": options.resamples}
        if not any(row.items() <= other.items() for other in rows):
            job = ["--one", str(latents), str(options.length), str(int(noisy)), "--resamples", str(options.resamples)]
            command = [sys.executable, "-m", "benchmarks.comparison.timing", *job]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            rows.append(row | json.loads(done.stdout.splitlines()[-1]))
            keep(stored("timing"), rows)
    for row in rows:
        print(row)


def timed(latents: int, length: int, noisy: bool, resamples: int) -> dict[str, float]:
    """Compare two ranges in which nothing differs."""
    setting, rng = Setting(latents, length, 1, True, True), np.random.default_rng(latents)
    a = coefficients(setting, rng)
    pair = two_ranges(setting, a, a, rng)
    noise = None
    if noisy:
        noise = [np.square(NOISE * z.std(0)) for z in pair]
        pair = tuple(z + np.sqrt(part) * rng.standard_normal(z.shape) for z, part in zip(pair, noise, strict=True))
    nv.compare_latents(*(z[:200] for z in pair), resamples=19, noise=noise)  # compiles
    seen: list[tuple[int, float]] = []
    began, cpu = time.perf_counter(), time.process_time()
    nv.compare_latents(
        *pair, resamples=resamples, noise=noise, progress=lambda now: seen.append((now.made, time.process_time()))
    )
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    (first, at_first), (last, at_last) = seen[0], seen[-1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"threads": torch.get_num_threads(), "seconds": round(seconds, 1), "cpu": round(cpu, 1),
            "cpu of a draw": round((at_last - at_first) / (last - first), 4), "gigabytes": round(peak, 2)}  # fmt: skip


if __name__ == "__main__":
    main()
