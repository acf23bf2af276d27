"""What the tests of the docks share: a small movie, a fit of it, a window with all docks, ears for notifications."""

import gc

import pytest
from napari.utils.notifications import notification_manager

from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import simulate

SMALL = SimulationConfig(frames=200, height=32, width=32, cells=4, soma_radius=3)
QUICK = FitConfig(latents=4, epochs=2)
PATIENCE = 30_000
"""Milliseconds that a test waits for a worker at most."""


@pytest.fixture(scope="session", autouse=True)
def _set_aside():
    """Set what is imported anyway aside from garbage collection, which every window asks for several times."""
    import torch  # noqa: F401

    import napari_varae.widgets.workspace  # noqa: F401

    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def stack():
    return simulate(SMALL).stack


@pytest.fixture(scope="session")
def fit(stack):
    from napari_varae.core.training.train import fit

    return fit(stack, QUICK)


@pytest.fixture
def notices():
    """Texts of the notifications of this test."""
    texts = []

    def hear(notification):
        texts.append(f"{notification.severity}: {notification.message}")

    notification_manager.notification_ready.connect(hear)
    yield texts
    notification_manager.notification_ready.disconnect(hear)


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def docks(viewer):
    """All docks by name, without a movie."""
    from napari_varae.widgets.workspace import open_workspace

    panels = open_workspace(viewer)
    yield panels
    panels.clear()  # pytest keeps the dictionary longer than the window


@pytest.fixture
def session(viewer, docks):
    from napari_varae.session.session import session_of

    return session_of(viewer)


@pytest.fixture
def movie(viewer, session, stack):
    """The small movie, open in the window."""
    from napari_varae.viewer.movie import open_movie

    open_movie(viewer, stack)
    return stack


@pytest.fixture
def trained(session, movie, fit):
    """The small movie and its fit, in use."""
    session.use_fit(fit, fit.encode(movie))
    return fit


@pytest.fixture
def idle(qtbot, session):
    """Wait for the end of the job, its thread included: until then it keeps the window."""
    from napari_varae.widgets.jobs.background import _running

    def wait():
        qtbot.waitUntil(lambda: session.job == "idle" and not _running, timeout=PATIENCE)

    return wait
