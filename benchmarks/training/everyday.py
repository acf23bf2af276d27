"""A recording of everyday size with known truth: what a fit takes, and what it finds.

    python -m benchmarks.training.everyday MOVIE_WRITER.py [--latents auto] [--frames 6000] [--folder FOLDER]

MOVIE_WRITER is a script with a function ``write(path, frames)`` that writes a memory-mapped .npy movie (T, Y, X) and
returns its truth: coefficients `A` (N, N), traces `z` (T, N). The movie is kept in the folder for the next run.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import runpy
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

import napari_varae as nv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("writer")
    parser.add_argument("--latents", default="auto")
    parser.add_argument("--frames", type=int, default=6000)
    parser.add_argument("--folder", type=Path, default=Path("everyday"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    path, known = (options.folder / f"{options.frames}.{suffix}" for suffix in ("npy", "truth"))
    if not known.is_file():
        known.write_bytes(pickle.dumps(runpy.run_path(options.writer)["write"](str(path), options.frames)))
    truth = pickle.loads(known.read_bytes())  # written by this script
    stack = nv.open_stack(path)
    config = nv.FitConfig(latents=options.latents if options.latents == "auto" else int(options.latents))
    print(nv.estimate(stack, config))
    began, cpu, last = time.monotonic(), time.process_time(), ""

    def progress(phase: str, _share: float) -> None:
        nonlocal last
        if phase != last:
            print(f"{time.monotonic() - began:7.1f} s  {phase}", flush=True)
            last = phase

    steps = nv.train(stack, config, progress=progress)
    while True:
        try:
            report = next(steps)
        except StopIteration as end:
            fit = end.value
            break
        print(f"{time.monotonic() - began:7.1f} s  epoch {report.epoch}: {report.reconstruction_fve:.4f} reconstructed")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{time.monotonic() - began:.1f} s, {time.process_time() - cpu:.1f} s of CPU time, {peak:.2f} GB")
    latents, traces = fit.encode(stack), truth["z"]
    cells = traces.shape[1]
    related = np.abs(np.corrcoef(latents, traces, rowvar=False)[:-cells, -cells:])
    match, off = related.argmax(0), ~np.eye(cells, dtype=bool)
    found = np.abs(fit.var.coefficients[0])[np.ix_(match, match)] * (match[:, None] != match)
    precision = average_precision_score((truth["A"] != 0)[off], found[off])
    print(f"{fit.latents} latents; cells with correlation above 0.8: {(related.max(0) > 0.8).mean():.1%}")
    print(f"links, average precision: {precision:.3f}")
    for kind in ("driver", "effect"):
        began = time.monotonic()
        nv.contribution_map(fit, stack, kind)
        print(f"{kind} map: {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
