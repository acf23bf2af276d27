"""Time of one frame in napari, and of a block of frames in training, for each reader beside a plain memory map.

    python -m benchmarks.io.frame_time [--frames 300] [--size 512] [--repeats 5] [--folder FOLDER]

Writes a movie of 16 bits in each format. *Frame*: the time slider is set to frames in random order, and napari slices
the layer (its viewer model, without drawing). *Block*: `Stack.read` of 64 frames, as float32. Files are in the cache
of the system: what is compared is the readers, not the disk. The fastest of several counts. Needs h5py, pynwb and zarr
besides the package.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import napari_varae as nv
from benchmarks.stored import keep, stored

BLOCK = 64
"""Frames of a block."""


def main() -> None:
    """Print the table, and store it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to write the files (1 GB); a temporary folder otherwise")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    movie = rng.poisson(40, (options.frames, options.size, options.size)).astype(np.int16)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        np.save(Path(folder) / "plain.npy", movie)
        plain = np.load(Path(folder) / "plain.npy", mmap_mode="r")
        baseline = measure(plain, options.repeats)
        print("| reader | frame in napari (ms) | beside a memory map | block of 64 (ms) | beside a memory map |")
        print("| --- | --- | --- | --- | --- |")
        rows = [_row("memory map of numpy", baseline, (1.0, 1.0))]
        for name, write in WRITERS.items():
            path = Path(folder) / name.replace(" ", "_").replace(",", "")
            stack = nv.open_stack(write(path, movie))
            again = measure(plain, options.repeats)  # beside it in time: other programs may disturb
            frame, block = measure(stack, options.repeats)
            ratios = frame / again[0], block / again[1]
            rows.append(_row(name, (frame, block), ratios))
            del stack
            gc.collect()
    keep(stored("frame_time"), rows)


def _row(name: str, times: tuple[float, float], ratios: tuple[float, float]) -> dict[str, Any]:
    """Print a line of the table, and return it as it is stored."""
    print(f"| {name} | {times[0]:.1f} | {ratios[0]:.1f} | {times[1]:.0f} | {ratios[1]:.1f} |", flush=True)
    return {
        "reader": name, "frame (ms)": round(times[0], 1), "frame ratio": round(ratios[0], 1),
        "block (ms)": round(times[1]), "block ratio": round(ratios[1], 1),
    }  # fmt: skip


def measure(movie: nv.Stack | np.ndarray, repeats: int) -> tuple[float, float]:
    """Time of a frame in napari's viewer model and of a block, in ms."""
    from napari.components import ViewerModel

    array, first = (movie.array if isinstance(movie, nv.Stack) else movie), 1
    viewer = ViewerModel()
    viewer.add_image(array, contrast_limits=(0, 100))
    frames = np.random.default_rng(1).integers(1, len(array), 20 * repeats)
    frame = fastest([lambda t=t: viewer.dims.set_point(0, int(t)) for t in frames])

    def block() -> np.ndarray:
        if isinstance(movie, nv.Stack):
            return movie.read(first, first + BLOCK)
        return movie[first : first + BLOCK].astype(np.float32)

    return frame, fastest([block] * (2 * repeats))


def fastest(calls: list[Callable[[], Any]]) -> float:
    """Time of the fastest of some calls in ms, after the first one."""
    times = []
    for call in calls:
        began = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - began))
    return min(times[1:])


def npy(path: Path, movie: np.ndarray) -> Path:
    """Write `.npy`."""
    np.save(path.with_suffix(".npy"), movie)
    return path.with_suffix(".npy")


def tiff(**options: Any) -> Callable[[Path, np.ndarray], Path]:
    """Return a writer of TIFF files."""

    def write(path: Path, movie: np.ndarray) -> Path:
        tifffile.imwrite(path.with_suffix(".tif"), movie, photometric="minisblack", **options)
        return path.with_suffix(".tif")

    return write


def pages(path: Path, movie: np.ndarray) -> Path:
    """Write a TIFF page by page, as ScanImage and other programs of microscopes do."""
    with tifffile.TiffWriter(path.with_suffix(".tif"), bigtiff=True) as file:
        for frame in movie:
            file.write(frame, contiguous=False, metadata=None)
    return path.with_suffix(".tif")


def suite2p(path: Path, movie: np.ndarray) -> Path:
    """Write the folder of a plane of suite2p."""
    path.mkdir()
    movie.tofile(path / "data.bin")
    n_frames, height, width = movie.shape
    settings = {"Ly": height, "Lx": width, "nframes": n_frames, "fs": 30.0, "nplanes": 1, "nchannels": 1}
    np.save(path / "ops.npy", settings, allow_pickle=True)  # type: ignore[arg-type]
    return path


def hdf5(chunks: Callable[[tuple[int, ...]], Any]) -> Callable[[Path, np.ndarray], Path]:
    """Return a writer of HDF5 files with chunks of this shape."""

    def write(path: Path, movie: np.ndarray) -> Path:
        import h5py

        with h5py.File(path.with_suffix(".h5"), "w") as file:
            file.create_dataset("movie", data=movie, chunks=chunks(movie.shape))
        return path.with_suffix(".h5")

    return write


def nwb(path: Path, movie: np.ndarray) -> Path:
    """Write NWB, in which an image is stored (x, y)."""
    from pynwb import NWBHDF5IO, NWBFile
    from pynwb.ophys import OpticalChannel, TwoPhotonSeries

    file = NWBFile("benchmark", "benchmark", datetime.now(UTC))
    device = file.create_device("microscope")
    channel = OpticalChannel(name="channel", description="green", emission_lambda=510.0)
    plane = file.create_imaging_plane(
        name="plane", optical_channel=channel, description="", device=device, excitation_lambda=920.0,
        indicator="GCaMP", location="V1", imaging_rate=30.0,
    )  # fmt: skip
    series = TwoPhotonSeries(name="movie", data=movie.transpose(0, 2, 1), imaging_plane=plane, rate=30.0, unit="n.a.")
    file.add_acquisition(series)
    with NWBHDF5IO(path.with_suffix(".nwb"), "w") as io:
        io.write(file)
    return path.with_suffix(".nwb")


def zarr_store(path: Path, movie: np.ndarray) -> Path:
    """Write Zarr 3 with a chunk for each frame, compressed as zarr does by default."""
    import zarr

    array = zarr.create_array(
        str(path.with_suffix(".zarr")), shape=movie.shape, chunks=(1, *movie.shape[1:]), dtype=movie.dtype
    )
    array[:] = movie
    return path.with_suffix(".zarr")


WRITERS: dict[str, Callable[[Path, np.ndarray], Path]] = {
    ".npy": npy,
    "TIFF, in one piece": tiff(metadata={"axes": "TYX"}),
    "TIFF, a page for each frame": pages,
    "TIFF, deflate": tiff(compression="zlib", metadata={"axes": "TYX"}),
    "suite2p folder": suite2p,
    "HDF5, in one piece": hdf5(lambda _shape: None),
    "HDF5, a chunk for each frame": hdf5(lambda shape: (1, *shape[1:])),
    "NWB": nwb,
    "Zarr, a chunk for each frame": zarr_store,
}

if __name__ == "__main__":
    main()
