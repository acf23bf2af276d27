"""A batch of many small recordings: throughput against one process, memory, and what starting it again costs.

    python -m benchmarks.headless.batch [--recordings 200] [--workers 2] [--alone 20] [--results FILE]

Recordings of 48 x 48 pixels and 600 frames are simulated, trained with the defaults, mapped, and their halves compared.
First some of them are analysed by one worker with one thread, then all by several such workers, then the batch is
started again, which skips what is done. Seconds include starting the workers; memory is the largest of any worker.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import tifffile

import napari_varae as nv

CONFIG = nv.SimulationConfig(frames=600, height=48, width=48, cells=8, soma_radius=3)
RANGES = {"a": "0:300", "b": "300:600"}
CHANGES = ("threads=1", "resamples=199")


class PeakMemory:
    """The largest resident memory of any process that this one has started, in MB."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            for child in psutil.Process().children(recursive=True):
                try:
                    self.megabytes = max(self.megabytes, child.memory_info().rss / 2**20)
                except psutil.NoSuchProcess:
                    continue


def write_movies(folder: Path, count: int) -> None:
    """Simulate recordings and write them as TIFF files."""
    for seed in range(count):
        movie = nv.simulate(CONFIG.model_copy(update={"seed": seed})).stack
        tifffile.imwrite(folder / f"m{seed:03}.tif", movie.read(), metadata={"axes": "TYX"})


def write_sheet(folder: Path, count: int) -> Path:
    """Write a sheet of the first recordings."""
    sheet = folder / f"sheet{count}.csv"
    sheet.write_text("path,frame_rate\n" + "".join(f"m{seed:03}.tif,10\n" for seed in range(count)), encoding="utf-8")
    return sheet


def analyse(sheet: Path, out: Path, workers: int) -> dict[str, Any]:
    """Run a batch and measure it."""
    began = time.perf_counter()
    with PeakMemory() as peak:
        rows = nv.run_batch(sheet, out, nv.read_settings(changes=CHANGES), workers=workers, **RANGES)
    seconds = time.perf_counter() - began
    return {
        "recordings": len(rows),
        "workers": workers,
        "failed": sum(row["status"] == "failed" for row in rows),
        "seconds": seconds,
        "seconds per recording": seconds / len(rows),
        "memory of a worker (MB)": peak.megabytes,
        "report (MB)": (out / "report.html").stat().st_size / 2**20,
    }


def main() -> None:
    """Print what was measured, and append it to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--alone", type=int, default=20, help="recordings that one worker analyses alone")
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_movies(folder, options.recordings)
        every = write_sheet(folder, options.recordings)
        runs = [("one worker", write_sheet(folder, options.alone), folder / "alone", 1),
                ("several workers", every, folder / "all", options.workers),
                ("started again", every, folder / "all", options.workers)]  # fmt: skip
        for what, sheet, out, workers in runs:
            row = {"what": what, **analyse(sheet, out, workers)}
            print(json.dumps(row), flush=True)
            if options.results is not None:
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
