"""What all tests share: settings of their own, the real recordings, seeds, and a check that nothing is left behind."""

import atexit
import gc
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# Before napari is imported: neither read nor change the settings and caches of the person who runs the tests.
_home = tempfile.TemporaryDirectory(prefix="napari-varae-tests-", ignore_cleanup_errors=True)
os.environ["NAPARI_CONFIG"] = str(Path(_home.name) / "napari.yaml")
for _kind in ("CACHE", "CONFIG", "DATA", "STATE"):
    os.environ[f"XDG_{_kind}_HOME"] = str(Path(_home.name) / _kind.lower())


def _open_display() -> None:
    """Give this process an X server of its own: windows of parallel tests must not take each other's focus."""
    ready, written = os.pipe()
    command = ["Xvfb", "-displayfd", str(written), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[written], stderr=subprocess.DEVNULL)
    os.close(written)
    with os.fdopen(ready) as lines:
        os.environ["DISPLAY"] = f":{lines.readline().strip()}"
    os.environ.pop("XAUTHORITY", None)
    atexit.register(server.terminate)


if "PYTEST_XDIST_WORKER" in os.environ and "VIRTUAL_DISPLAY" in os.environ:
    _open_display()

settings.register_profile("seeded", derandomize=True, deadline=None)
settings.load_profile("seeded")


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real two-photon recordings, beside the project; tests that need it are skipped without it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"The real recordings are not beside the project ({folder.name}/ of shared/ is missing).")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts alike in every test."""
    return np.random.default_rng(20260301)


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test with windows that leaves a top-level widget or a thread behind.

    It is set up before the viewer fixtures and so looks after they have cleaned up.
    """
    if "qtbot" not in request.fixturenames:
        yield
        return
    app = request.getfixturevalue("qapp")
    threads = set(threading.enumerate())
    widgets = set(app.topLevelWidgets())
    yield
    if request.node.rep_call.failed:  # its traceback keeps the window alive; one failure is enough
        return
    left = _left_behind(app, threads, widgets)
    patience = time.monotonic() + 5
    while left and time.monotonic() < patience:  # deferred deletion and the last lines of a worker take a moment
        gc.collect()
        app.sendPostedEvents(None, _DEFERRED_DELETE)
        app.processEvents()
        time.sleep(0.01)
        left = _left_behind(app, threads, widgets)
    assert not left, f"left behind: {', '.join(left)}"


_DEFERRED_DELETE = 52  # QEvent.Type.DeferredDelete, without importing Qt here
_LASTING = {"napari-varae-keeper_0", "zarr_io"}
"""Threads that are kept for good once they were used: that of a library, and the one that keeps unsaved work."""


def _lasts(thread: threading.Thread) -> bool:
    """Whether a thread may stay. Python lists a thread of Qt's pool for good once it has logged; Qt counts those."""
    return thread.name in _LASTING or isinstance(thread, threading._DummyThread)


def _left_behind(app, threads, widgets) -> list[str]:
    from qtpy.QtCore import QThreadPool

    running = [f"thread {t.name}" for t in threading.enumerate() if t not in threads and not _lasts(t)]
    if working := QThreadPool.globalInstance().activeThreadCount():
        running.append(f"{working} running workers")
    return running + [
        f"{type(w).__name__} {w.objectName() or w.windowTitle()!r}" for w in app.topLevelWidgets() if w not in widgets
    ]
