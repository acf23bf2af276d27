"""Small recordings on disk, a sheet of them, and a cluster in this process."""

from pathlib import Path

import pytest
import tifffile
from distributed import Client, LocalCluster

import napari_varae as nv
from napari_varae.core.settings_file import read_settings

QUICK = "latents=6", "epochs=0", "threads=1", "resamples=39", "power_draws=0", "halves=false", "blocks=4"


@pytest.fixture(scope="session")
def settings():
    return read_settings(changes=QUICK)


@pytest.fixture(scope="session")
def movies(tmp_path_factory) -> Path:
    """Twenty simulated recordings."""
    folder = tmp_path_factory.mktemp("movies")
    for seed in range(20):
        config = nv.SimulationConfig(frames=240, height=24, width=24, cells=4, soma_radius=3, seed=seed)
        tifffile.imwrite(folder / f"m{seed}.tif", nv.simulate(config).stack.read(), metadata={"axes": "TYX"})
    return folder


@pytest.fixture(scope="session")
def client():
    """Workers as threads of this process, which start at once."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def sheet(movies, tmp_path):
    """Write a sheet: a header and rows, with {movies} for the folder of the recordings."""

    def write(*lines: str) -> Path:
        path = tmp_path / "sheet.csv"
        path.write_text("\n".join(lines).replace("{movies}", str(movies)) + "\n", encoding="utf-8")
        return path

    return write
