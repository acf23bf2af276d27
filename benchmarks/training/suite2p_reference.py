"""Cell detection, extraction and deconvolution by suite2p on a movie, for comparison: seconds and memory.

    python benchmarks/training/suite2p_reference.py MOVIE.npy [--threads 2] [--results FILE]

To be run in an environment of its own, with suite2p 1.1.0, natsort, numba, scikit-learn and torch. cellpose and OpenCV,
which find cells by their look and are not called here, are replaced by stubs where missing. The movie, (T, Y, X)
of uint16, is converted to the int16 that suite2p takes before the clock starts; there is no registration.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import sys
import tempfile
import time
import types
from pathlib import Path

import numpy as np
import torch

RESULTS = Path(__file__).resolve().parents[1] / "results" / "everyday.jsonl"


class Stub(types.ModuleType):
    """A module that has every name and does nothing."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


def main() -> None:
    """Print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    parts = ("", ".core", ".dynamics", ".metrics", ".models", ".transforms", ".utils")
    for package, modules in (("cv2", ("",)), ("cellpose", parts)):
        if importlib.util.find_spec(package) is None:
            sys.modules |= {package + module: Stub(package + module) for module in modules}
    import suite2p
    from suite2p.pipeline_s2p import pipeline

    movie = np.load(options.movie, mmap_mode="r")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/data.bin"
        binary = np.memmap(path, np.int16, "w+", shape=movie.shape)
        for first in range(0, len(movie), 500):
            binary[first : first + 500] = np.minimum(movie[first : first + 500], 32767).astype(np.int16)
        binary.flush()
        del binary
        settings = suite2p.default_settings()
        settings["fs"], settings["tau"] = 10.0, 1.0
        began, cpu = time.monotonic(), time.process_time()
        with suite2p.io.BinaryFile(Ly=movie.shape[1], Lx=movie.shape[2], filename=path) as file:
            found = pipeline(folder, file, run_registration=False, settings=settings, device=torch.device("cpu"))
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"suite2p: {seconds:.1f} s, {cpu:.1f} s of CPU time, {peak:.2f} GB, {len(found[2])} ROIs")
    row = {"variant": "suite2p", "frames": len(movie), "seconds": seconds, "cpu": cpu, "memory": peak,
           "ROIs": len(found[2])}  # fmt: skip
    with options.results.open("a") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
