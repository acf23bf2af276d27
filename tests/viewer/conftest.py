"""A small movie and its fit, shown in a viewer without a window."""

import pytest
from napari.components import ViewerModel

from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import simulate
from napari_varae.core.training.train import fit as train_fit
from napari_varae.session.session import session_of
from napari_varae.viewer.movie import open_movie
from napari_varae.viewer.synchronise import follow

SMALL = SimulationConfig(frames=80, height=32, width=24, cells=3, frame_rate=20, pixel_size=1.5)
IN_SPACE = ((1.5, 1.5), (0, 0), ("micrometer", "micrometer"), ("y", "x"))
IN_TIME = ((0.05, 1.5, 1.5), (0, 0, 0), ("second", "micrometer", "micrometer"), ("t", "y", "x"))


def geometry(layer):
    return (
        tuple(layer.scale), tuple(layer.translate), tuple(str(unit) for unit in layer.units), tuple(layer.axis_labels)
    )  # fmt: skip


@pytest.fixture(scope="package")
def stack():
    return simulate(SMALL).stack


@pytest.fixture(scope="package")
def fit(stack):
    return train_fit(stack, FitConfig(latents=3, epochs=0))


@pytest.fixture(scope="package")
def other_fit(stack):
    return train_fit(stack, FitConfig(latents=2, epochs=0))


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def session(viewer, stack):
    session = session_of(viewer)
    follow(viewer, session)
    open_movie(viewer, stack)
    return session


@pytest.fixture
def trained(session, stack, fit):
    """The session, with the fit in use."""
    session.use_fit(fit, fit.encode(stack))
    return session
