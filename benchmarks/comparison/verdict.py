"""Do the verdicts of a comparison hold? Coupling and persistence apart, with measurement noise accounted for.

    python -m benchmarks.comparison.verdict [--sets 500] [--workers 16] [--minutes 8] [--parts noise pairs ...]
    python -m benchmarks.comparison.verdict --sets 0          # the tables of what is stored

Parts, each repeated `--sets` times, though power at most 200 and pairs at most 100 times:

- *noise*: latents that are not a VAR, as in not_a_var: observed with noise, which is known and accounted for or left
  in, of one SD or of more in B; events; trials with a response; and more activity in B, as noise stays.
- *power*: three links change, as in power; without noise, and with noise that is accounted for or left in.
- *pairs*: neighbouring ranges of a recording, of an eighth or a quarter of it.

Each job adds a line to the results, and what is there is not computed again; parts take turns, so that a run that
`--minutes` end has some of each. Printed for each row: the share with p <= 0.05 for coupling (with its 95 %
Clopper-Pearson interval), persistence, any coefficient and the oracle, and the shares of the three verdicts.
Recordings are those in the folder `--recordings`; without it there are no pairs. Size is in `calibration`, labels that
are assigned at random in `labels`, and whole movies in `pipeline`.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest

import napari_varae as nv
from benchmarks.comparison.calibration import Setting, coefficients, two_ranges
from benchmarks.comparison.labels import RECORDINGS
from benchmarks.comparison.not_a_var import KINDS, LATENTS, noise, sparse
from benchmarks.comparison.power import changed, oracle
from benchmarks.stored import read, stored

Row = dict[str, Any]
Ranges = list[tuple[int, int]]
Compare = Callable[[int], Row]
MOST = {"power": 200, "pairs": 100}
"""Repeats of a part at most."""
CHUNK = {"noise": 20, "power": 10, "pairs": 5}
"""Repeats in one job."""
RESAMPLES = 99
RECORDED = ("pairs",)
"""Parts that need the fits of recordings."""
LATER = 0.03
"""Share of all repeats that is done before these parts begin, while recordings are fitted."""
PATIENCE = 600
"""Seconds to wait for a fit."""
FITS = "VARAE_BENCHMARK_FITS"
"""Environment variable: the folder with the fits of the recordings, for the workers."""


def summary(found: nv.Comparison) -> Row:
    """What is stored of one comparison."""
    row: Row = {"any": found.p_value, "verdict": found.verdict, "reason": found.judgement.reason}
    for name in ("coupling", "persistence"):
        answer = getattr(found, name)
        row[name] = answer.p_value
        row |= {f"{name}, {null}": p for null, p in answer.p_of_null.items()}
    if found.uncorrected is not None:
        row |= {
            f"{name}, noise left in": getattr(found.uncorrected, name).p_value for name in ("coupling", "persistence")
        }
    return row


# The parts


def activity(rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Draw two ranges observed with noise of SD 1, of which B is twice as active."""
    a, b = (size * sparse(400, rng) + rng.standard_normal((400, LATENTS)) for size in (1, 2))
    return [a], [b]


NOISE: dict[str, tuple[Callable[[np.random.Generator], Any], tuple[float, float] | None]] = {
    "more noise in B": (partial(noise, 400, 1.5), (1, 2.25)),
    "more noise in B, left in": (partial(noise, 400, 1.5), None),
    "noise": (partial(noise, 400, 1), (1, 1)),
    "noise, left in": (partial(noise, 400, 1), None),
    "noise, 1600 frames": (partial(noise, 1600, 1), (1, 1)),
    "more activity in B, with noise": (activity, (1, 1)),
    "more activity in B, with noise, left in": (activity, None),
    **{name: (draw, None) for name, draw in KINDS.items() if "noise" not in name},
}
"""Ranges, and the variances of their noise if these are accounted for."""


def not_a_var(name: str, seed: int) -> Row:
    """Compare ranges whose latents are not a VAR."""
    draw, variances = NOISE[name]
    known = None if variances is None else [np.full(LATENTS, variance) for variance in variances]
    ranges = draw(np.random.default_rng(seed))
    return summary(nv.compare_latents(*ranges, resamples=RESAMPLES, seed=seed, power_draws=0, noise=known))


def power(length: int, size: float, kind: str, seed: int) -> Row:
    """Compare ranges of which three links differ, observed with noise of SD 1 unless they are plain."""
    setting = Setting(16, length, 1, True, True)
    rng = np.random.default_rng((seed, *map(int, setting)))
    before = coefficients(setting, rng)
    after = changed(before, size, 3, rng) if size else before
    za, zb = two_ranges(setting, before, after, rng)
    row = {"oracle": oracle(za, zb, (before != 0) | (after != 0))}
    if kind != "plain":
        za, zb = (z + rng.standard_normal(z.shape) for z in (za, zb))
    known = np.ones(16) if kind == "noise" else None
    return row | summary(nv.compare_latents(za, zb, resamples=RESAMPLES, seed=seed, power_draws=0, noise=known))


@cache
def fitted(movie: str, latents: int) -> tuple[nv.Fit, nv.Stack, np.ndarray]:
    """Load a fit of a recording, with the latents of all frames."""
    path = Path(os.environ[FITS]) / f"{Path(movie).stem}_{latents}.pickle"
    for _ in range(PATIENCE):
        if path.exists():
            break
        time.sleep(1)
    fit = pickle.loads(path.read_bytes())  # made by this script
    stack = nv.open_stack(movie)
    return fit, stack, fit.encode(stack)


def neighbours(n_frames: int, length: int, rng: np.random.Generator) -> tuple[Ranges, Ranges]:
    """Place two ranges side by side."""
    start = int(rng.integers(n_frames - 2 * length))
    return [(start, start + length)], [(start + length + 1, start + 2 * length + 1)]


def pairs(movie: str, latents: int, share: int, seed: int) -> Row:
    """Compare neighbouring ranges."""
    fit, stack, z = fitted(movie, latents)
    n = stack.n_frames
    a, b = neighbours(n, n // share, np.random.default_rng(seed))
    found = nv.compare(fit, stack, a, b, latents=z, resamples=RESAMPLES, seed=seed, power_draws=0)
    return summary(found) | {"halves": found.halves.get("any", 1.0)}


def rows(recordings: Path | None) -> dict[str, dict[str, Compare]]:
    """Return all rows of each part: what is computed for one seed."""
    movies = [(str(recordings / f"{m}.tif"), k) for m, sizes in RECORDINGS.items() for k in sizes] if recordings else []
    changes = [(n, size, "plain") for n in (150, 300, 600) for size in (0, 0.1, 0.2, 0.3)]
    changes += [(300, size, kind) for kind in ("noise", "noise, left in") for size in (0, 0.1, 0.2, 0.3)]
    return {
        "noise": {name: partial(not_a_var, name) for name in NOISE},
        "pairs": {
            f"{Path(movie).stem}, K={k}, 1/{share}": partial(pairs, movie, k, share)
            for movie, k in movies
            for share in (8, 4)
        },
        "power": {f"n={n} change={size} {kind}": partial(power, n, size, kind) for n, size, kind in changes},
    }


# Running them


def job(part: str, name: str, compare: Compare, first: int, count: int) -> Row:
    """Compute some repeats of a row."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    found = [compare(seed) for seed in range(first, first + count)]
    columns = {key: [row.get(key) for row in found] for key in {key: None for row in found for key in row}}
    seconds = round((time.perf_counter() - began) / count, 2)
    return {"part": part, "row": name, "first": first, "count": count, "seconds": seconds, **columns}


def jobs(options: argparse.Namespace, known: set[tuple[str, str, int]]) -> list[tuple[str, str, Compare, int, int]]:
    """List what is missing, so that parts take turns."""
    found = []
    for part, some in rows(options.recordings).items():
        most, size = min(options.sets, MOST.get(part, options.sets)), CHUNK[part]
        if part in options.parts:
            found += [
                (first / most + LATER * (part in RECORDED), (part, name, compare, first, min(size, most - first)))
                for name, compare in some.items()
                for first in range(0, most, size)
                if (part, name, first) not in known
            ]
    return [work for _, work in sorted(found, key=lambda item: item[0])]


def run(options: argparse.Namespace) -> None:
    """Compute until all is there, or time is up."""
    ends = time.monotonic() + 60 * options.minutes
    known = {(row["part"], row["row"], row["first"]) for row in read(options.results)}
    missing = jobs(options, known)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    with tempfile.TemporaryDirectory() as folder, options.results.open("a") as file:
        os.environ[FITS] = folder
        with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
            waiting: set[Any] = set()
            made = (
                [pool.submit(fit_recording, *part) for part in fits(options.recordings, folder)]
                if any(part in RECORDED for part, *_ in missing)
                else []
            )
            for work in missing:
                while len(waiting) >= 2 * options.workers:
                    waiting = collect(waiting, file)
                if time.monotonic() > ends:
                    break
                waiting.add(pool.submit(job, *work))
            while waiting and time.monotonic() < ends:
                waiting = collect(waiting, file, ends - time.monotonic())
            for future in made:
                future.result(0) if future.done() else future.cancel()  # an error of a fit is one of this script
            busy = list(pool._processes.values()) if waiting else []
            pool.shutdown(wait=not waiting, cancel_futures=True)
            for process in busy:
                process.terminate()  # what has not ended in time


def collect(waiting: set[Any], file: Any, timeout: float | None = None) -> set[Any]:
    """Store what is done."""
    done, left = wait(waiting, timeout, FIRST_COMPLETED)
    for future in done:
        file.write(json.dumps(future.result()) + "\n")
    file.flush()
    return left


def fits(recordings: Path, folder: str) -> Iterator[tuple[str, int, str]]:
    """Return what is to be fitted, and where to."""
    for name, sizes in RECORDINGS.items():
        for k in sizes:
            yield str(recordings / f"{name}.tif"), k, str(Path(folder) / f"{name}_{k}.pickle")


def fit_recording(movie: str, latents: int, path: str) -> None:
    """Fit all frames of a recording."""
    torch.set_num_threads(1)
    fit = nv.fit(nv.open_stack(movie), nv.FitConfig(latents=latents, epochs=10))
    fit.free()
    written = Path(path).with_suffix(".part")
    written.write_bytes(pickle.dumps(fit))
    written.replace(path)


# What was found


def print_tables(stored_rows: list[Row]) -> None:
    """Print a line for each row of each part."""
    for part in CHUNK:
        names = dict.fromkeys(row["row"] for row in stored_rows if row["part"] == part)
        if not names:
            continue
        print(f"\n{part:<46}{'sets':>5}  {'coupling':<20}{'own':>6}{'any':>6}{'oracle':>8}{'noise in':>10} | "
              f"{'differ':>7}{'none':>7}{'cannot':>8}{'s each':>8}")  # fmt: skip
        for name in names:
            mine = [row for row in stored_rows if (row["part"], row["row"]) == (part, name)]
            print(line(name, mine))


def line(name: str, mine: list[Row]) -> str:
    """Summarise a row."""
    n = sum(row["count"] for row in mine)

    def share(column: str) -> float:
        values = [p for row in mine for p in row.get(column, ()) if p is not None]
        return float(np.mean(np.array(values) <= 0.05)) if values else np.nan

    small = round(share("coupling") * n)
    low, high = binomtest(small, n).proportion_ci()
    verdicts = [verdict for row in mine for verdict in row["verdict"]]
    told = [verdicts.count(v) / n for v in ("differ", "no difference found", "cannot be decided")]
    coupling = f"{small / n:.1%} ({low:.1%}-{high:.1%})"
    return (
        f"{name:<46}{n:>5}  {coupling:<20}{share('persistence'):>6.1%}{share('any'):>6.1%}{share('oracle'):>8.1%}"
        f"{share('coupling, noise left in'):>10.1%} | {told[0]:>7.1%}{told[1]:>7.1%}{told[2]:>8.1%}"
        f"{np.median([row['seconds'] for row in mine]):>8.2f}"
    )


def main() -> None:
    """Add what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=stored("verdict"))
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--parts", nargs="+", choices=CHUNK, default=list(CHUNK))
    parser.add_argument("--recordings", type=Path)
    options = parser.parse_args()
    if options.sets:
        run(options)
    print_tables(read(options.results))


if __name__ == "__main__":
    main()
