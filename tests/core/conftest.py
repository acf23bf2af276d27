"""A small simulated recording and its fit, made once for all tests of the core."""

import pytest

from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import Simulation, simulate
from napari_varae.core.training.train import fit

BAD = (40, 41, 137, 250)


@pytest.fixture(scope="session")
def small_sim() -> Simulation:
    """Six cells in an image that is no multiple of the grid."""
    return simulate(SimulationConfig(frames=320, height=30, width=35, cells=6, density=0.2, seed=1))


@pytest.fixture(scope="session")
def small_stack(small_sim) -> Stack:
    """The same with some bad frames."""
    return Stack(small_sim.stack.array, bad_frames=BAD, name="small movie")


@pytest.fixture(scope="session")
def small_config() -> FitConfig:
    return FitConfig(
        latents=6,
        order=2,
        epochs=3,
        window=60,
        device="cpu",
        frames=(10, 310),
        min_gain=0,
        patience=100,
        learning_rate=2e-3,
    )


@pytest.fixture(scope="session")
def small_fit(small_stack, small_config) -> Fit:
    return fit(small_stack, small_config)
