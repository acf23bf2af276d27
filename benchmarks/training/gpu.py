"""The same fits on the CPU and on a GPU: seconds, and how far apart the results are.

    python -m benchmarks.training.gpu [--epochs 3]

Each network is trained on a simulated recording, from the same seed. Sums on a GPU are taken in another order, so that
results agree to rounding at the start and drift apart with the steps of training; encoding and reconstruction of one
and the same fit are compared as well.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import napari_varae as nv


def main() -> None:
    """Print a line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device.")
    print(torch.cuda.get_device_name())
    sim = nv.simulate(nv.SimulationConfig(frames=1000, height=128, width=128, seed=0))
    for network in ("footprints", "convolutional"):
        for epochs in (0, options.epochs):
            fits, seconds = {}, {}
            for device in ("cpu", "cuda"):
                began = time.perf_counter()
                fits[device] = nv.fit(
                    sim.stack, nv.FitConfig(network=network, latents=32, epochs=epochs, device=device, min_gain=0)
                )
                seconds[device] = time.perf_counter() - began
            with tempfile.TemporaryDirectory() as folder:
                path = fits["cuda"].save(Path(folder) / "cuda.varae")
                loaded = nv.load_fit(path, "cpu")
            print(
                f"{network}, {epochs} epochs: CPU {seconds['cpu']:.1f} s, GPU {seconds['cuda']:.1f} s;",
                *(f"{name} {found:.2e}" for name, found in gaps(sim.stack, fits["cuda"], loaded).items()),
                "between devices;",
                *(f"{name} {found:.2e}" for name, found in gaps(sim.stack, fits["cuda"], fits["cpu"]).items()),
                "between trainings",
                flush=True,
            )


def gaps(stack: nv.Stack, a: nv.Fit, b: nv.Fit) -> dict[str, float]:
    """Relative differences of latents, reconstructions and driver maps."""

    def gap(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.linalg.norm(x - y) / np.linalg.norm(y))

    frames = (800, 1000)
    return {
        "latents": gap(a.encode(stack, frames), b.encode(stack, frames)),
        "reconstruction": gap(a.reconstruct(stack, (800, 820)), b.reconstruct(stack, (800, 820))),
        "driver map": gap(*(nv.contribution_map(fit, stack, "driver", frames=frames) for fit in (a, b))),
    }


if __name__ == "__main__":
    main()
