"""A recording of everyday size with known truth: what a fit takes, and what it finds.

    python -m benchmarks.training.everyday MOVIE_WRITER.py [--latents auto] [--frames 6000] [--folder FOLDER]
        [--results FILE]

MOVIE_WRITER is a script with a function ``write(path, frames)`` that writes a memory-mapped .npy movie (T, Y, X) and
returns its truth: coefficients `A` (N, N), traces `z` (T, N), and `foot`, images of the cells whose first pixels are at
`corners`. The movie is kept in the folder for the next run. `benchmarks/training/suite2p_reference.py` takes the same
movie.
"""

from __future__ import annotations

import argparse
import json
import pickle
import resource
import runpy
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.metrics import average_precision_score

import napari_varae as nv
from benchmarks.stored import stored
from napari_varae.core.components.cache import find
from napari_varae.core.training.compress import compression_key
from napari_varae.core.training.split import Split
from napari_varae.core.var.estimate import estimate_var
from napari_varae.session.time_left import seconds_left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("writer")
    parser.add_argument("--latents", default="auto")
    parser.add_argument("--frames", type=int, default=6000)
    parser.add_argument("--folder", type=Path, default=Path("everyday"))
    parser.add_argument("--results", type=Path, default=stored("everyday"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    path, known = (options.folder / f"{options.frames}.{suffix}" for suffix in ("npy", "truth"))
    if not known.is_file():
        known.write_bytes(pickle.dumps(runpy.run_path(options.writer)["write"](str(path), options.frames)))
    truth = pickle.loads(known.read_bytes())  # written by this script
    stack = nv.open_stack(path)
    began = time.monotonic()
    for first in range(0, stack.n_frames, 64):
        stack.read(first, min(first + 64, stack.n_frames)).sum(0)
    one_pass = time.monotonic() - began
    plain = plain_pass(path)
    print(f"one pass of reading, converting and summing: {one_pass:.1f} s; by numpy, binning too: {plain:.1f} s")
    config = nv.FitConfig(latents=options.latents if options.latents == "auto" else int(options.latents))
    needs = nv.estimate(stack, config)
    print(needs)
    began, cpu, spent, left = (
        time.monotonic(),
        time.process_time(),
        dict[str, float](),
        dict[str, tuple[float, float]](),
    )

    def progress(phase: str, _share: float) -> None:
        if phase not in spent:
            at = time.monotonic() - began
            spent.update({last: spent[last] + at - sum(spent.values()) for last in list(spent)[-1:]})
            spent[phase] = 0.0
            left[phase] = at, seconds_left(needs.phases, spent)
            print(f"{at:7.1f} s  {phase}, {left[phase][1]:.1f} s left", flush=True)

    steps = nv.train(stack, config, progress=progress)
    while True:
        try:
            report = next(steps)
        except StopIteration as end:
            fit = end.value
            break
        print(f"{time.monotonic() - began:7.1f} s  epoch {report.epoch}: {report.reconstruction_fve:.4f} reconstructed")
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{seconds:.1f} s, {cpu:.1f} s of CPU time, {peak:.2f} GB")
    latents, traces = fit.encode(stack), truth["z"]
    cells = traces.shape[1]
    related = np.abs(np.corrcoef(latents, traces, rowvar=False)[:-cells, -cells:])
    match, off = related.argmax(0), ~np.eye(cells, dtype=bool)
    found = np.abs(fit.var.coefficients[0])[np.ix_(match, match)] * (match[:, None] != match)
    precision = average_precision_score((truth["A"] != 0)[off], found[off])
    print(f"{fit.latents} latents; cells with correlation above 0.8: {(related.max(0) > 0.8).mean():.1%}")
    oracle = average_precision_score((truth["A"] != 0)[off], np.abs(with_true_footprints(stack, truth, fit))[off])
    print(f"links, average precision: {precision:.3f}; with true footprints {oracle:.3f}")
    held_out = (stack.n_frames - round(config.held_out * stack.n_frames), stack.n_frames)
    own, explained = by_components(stack, config), nv.evaluate(fit, stack, held_out)["reconstruction_fve"]
    print(f"held-out reconstruction: {explained:.4f}; by the compressed movie itself {own:.4f}")
    row = {"variant": f"{options.latents} latents" if options.latents != "auto" else "automatic",
           "frames": options.frames, "latents": fit.latents, "seconds": seconds, "cpu": cpu, "pass": one_pass,
           "plain pass": plain,
           "memory": peak, "cells": float((related.max(0) > 0.8).mean()), "links": precision, "links of truth": oracle,
           "rec": explained, "rec of components": own,
           "left": {phase: [estimated, seconds - at] for phase, (at, estimated) in left.items()},
           }  # fmt: skip
    for kind in ("driver", "effect"):
        began = time.monotonic()
        nv.contribution_map(fit, stack, kind)
        row[kind] = time.monotonic() - began
        print(f"{kind} map: {row[kind]:.1f} s")
    with options.results.open("a") as file:
        file.write(json.dumps(row) + "\n")


def plain_pass(path: Path) -> float:
    """Seconds of a pass by numpy alone: reading, converting to float32, summing, and binning by four in time."""
    began, movie = time.monotonic(), np.load(path, mmap_mode="r")
    total = np.zeros(movie.shape[1:])
    with path.open("rb") as file:
        file.seek(movie.offset)
        while len(pixels := np.fromfile(file, movie.dtype, 64 * total.size)):
            block = pixels.reshape(-1, *total.shape).astype(np.float32)
            total += block.sum(0)
            block[: len(block) // 4 * 4].reshape(-1, 4, *total.shape).mean(1)
    return time.monotonic() - began


def with_true_footprints(stack: nv.Stack, truth: dict[str, Any], fit: nv.Fit) -> np.ndarray:
    """Coefficients (N, N) of the VAR that is estimated on traces by regression on the true footprints."""
    footprints = np.zeros((len(truth["foot"]), *stack.shape[1:]), dtype=np.float32)
    for image, foot, (y, x) in zip(footprints, truth["foot"], truth["corners"], strict=True):
        rows, columns = slice(max(y, 0), y + len(foot)), slice(max(x, 0), x + len(foot))
        part = image[rows, columns]
        part += foot[rows.start - y :, columns.start - x :][: part.shape[0], : part.shape[1]]
    sparse = csr_matrix(footprints.reshape(len(footprints), -1))
    matched = []
    for first in range(0, stack.n_frames, 64):
        frames = stack.read(first, min(first + 64, stack.n_frames)) - fit.static
        matched.append(sparse @ frames.reshape(len(frames), -1).T)
    traces = np.linalg.solve((sparse @ sparse.T).toarray(), np.concatenate(matched, 1)).T
    found: np.ndarray = estimate_var(traces.astype(np.float64), 1, "bic", weights="links").coefficients[0]
    return found


def by_components(stack: nv.Stack, config: nv.FitConfig) -> float:
    """Share of the variance of held-out frames that lies in the local components; part of it is noise."""
    split = Split(stack, config)
    movie = find(compression_key(stack.fingerprint(), split, config))
    if movie is None:
        return float("nan")
    held_out = np.flatnonzero(split.held_out) + split.start
    inside = total = 0.0
    for t in held_out.tolist():
        total += float(np.square(movie.normalisation.apply(stack.read(t, t + 1)[0])).sum(dtype=np.float64))
        inside += float(movie.traces[t].square().sum())
    return inside / total


if __name__ == "__main__":
    main()
