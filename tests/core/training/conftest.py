"""A recording on which the convolutional network trains in a second."""

import pytest

import napari_varae as nv


@pytest.fixture(scope="module")
def recording() -> nv.Simulation:
    """Four cells in 24 x 32 pixels."""
    return nv.simulate(
        nv.SimulationConfig(frames=320, height=24, width=32, cells=4, soma_radius=3.5, photons=40, seed=3)
    )
