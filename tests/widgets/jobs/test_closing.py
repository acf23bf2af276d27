"""Closing things while a training runs: it ends cleanly, in a test, in a script, and in napari's own event loop."""

import subprocess
import sys
import time
from textwrap import dedent

import numpy as np
import pytest
from qtpy.QtCore import QThreadPool

from napari_varae.core.comparison.compare import compare
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.viewer.movie import open_movie
from napari_varae.widgets.parts.state_strip import JobLine

from ..conftest import PATIENCE

ENDLESS = FitConfig(latents=4, epochs=100_000, patience=100_000)


@pytest.fixture
def training(docks, session, movie, qtbot):
    """A training that would take for ever, one epoch in."""
    docks["Train"].form.set_value(ENDLESS)
    docks["Train"].start()
    qtbot.waitUntil(lambda: len(session.history) >= 1, timeout=PATIENCE)


@pytest.mark.long
def test_closing_its_dock_changes_nothing_and_another_dock_reaches_the_training(
    viewer, docks, session, movie, fit, idle, qtbot, notices
):
    """The fit in use, the comparison and the training go on; the state strip pauses, stops and shows the training."""
    session.use_fit(fit, fit.encode(movie))
    session.set_comparison(found := compare(fit, movie, (0, 90), (100, 190), resamples=19, halves=False, power_draws=0))
    docks["Train"].form.set_value(ENDLESS)
    docks["Train"].start()
    qtbot.waitUntil(lambda: len(session.history) >= 1, timeout=PATIENCE)
    docks.pop("Train").parentWidget().destroyOnClose()
    reached = len(session.history)
    qtbot.waitUntil(lambda: len(session.history) > reached, timeout=PATIENCE)
    assert session.job == "training"
    assert session.fit is fit
    assert session.comparison is found
    strip = docks["Movie"].findChild(JobLine)
    assert strip.text.text().startswith("Training: epoch ")
    strip.pause.click()
    assert session.job == "paused"
    strip.pause.click()
    assert session.job == "training"
    strip.show_button.click()
    again = viewer.window.dock_widgets["Train (VARAE)"]
    assert again.form.value() == ENDLESS
    assert not again.form.isEnabled()
    assert again.pause_button.isEnabled()
    assert len(again.curves.loss._curves["training"].getData()[0]) >= reached
    del again
    strip.stop.click()
    idle()
    assert session.fit is not fit
    assert not notices


@pytest.mark.long
@pytest.mark.parametrize("name", ["Movie", "Train", "Look", "Links", "Compare", "Time"])
def test_the_job_is_shown_by_every_dock(docks, session, training, idle, name):
    strip = docks[name].findChild(JobLine)
    assert f"{session.history[-1].epoch}" in strip.text.text()
    assert strip.show_button.isHidden() == (name == "Train")
    strip.stop.click()
    assert strip.stop.text() == "Stop now"
    strip.stop.click()
    idle()
    assert strip.text.text() == "none running"
    assert session.fit is None


@pytest.mark.long
def test_removing_the_layer_keeps_what_was_learned(viewer, session, training, idle, notices):
    viewer.layers.clear()
    idle()
    assert session.stack is None
    assert len(session.fits) == 1
    assert "is kept" in notices[0]


def test_closing_the_window_waits_for_the_batch(viewer, session, training):
    viewer.close()
    assert QThreadPool.globalInstance().activeThreadCount() == 0
    assert session.job == "idle"


@pytest.mark.long
def test_hiding_the_dock_or_closing_another_does_not_disturb(docks, session, training, idle, qtbot):
    dock = docks["Train"].parentWidget()
    dock.setFloating(True)
    dock.hide()
    docks.pop("Look").parentWidget().destroyOnClose()
    reached = len(session.history)
    qtbot.waitUntil(lambda: len(session.history) > reached, timeout=PATIENCE)
    session.stop(keep=False)
    idle()


SCRIPT = """
    import sys
    import napari
    from qtpy.QtCore import QThreadPool, QTimer
    from qtpy.QtWidgets import QApplication, QMainWindow
    from napari_varae.viewer.movie import open_movie
    from napari_varae.core.settings import FitConfig
    from napari_varae.core.simulation.settings import SimulationConfig
    from napari_varae.core.simulation.simulate import simulate
    from napari_varae.core.movie.stack import Stack
    from napari_varae.session.session import session_of
    from napari_varae.widgets.workspace import open_workspace

    stack = simulate(SimulationConfig(frames=200, height=32, width=32, cells=4)).stack
    viewer = napari.Viewer()
    session = session_of(viewer)

    def start():
        panels = open_workspace(viewer)
        open_movie(viewer, Stack(stack.array))
        panels["Train"].form.set_value(FitConfig(latents=4, epochs=100_000, patience=100_000))
        panels["Train"].start()

    def running():
        while not session.history or session.job != "training":
            yield
        print("epochs", len(session.history), flush=True)

    def steps(plan):
        for what in plan:
            start()
            yield from running()
            if what == "layer":
                viewer.layers.clear()
            elif what == "dock":
                viewer.window.dock_widgets["Train (VARAE)"].parentWidget().destroyOnClose()
                session.stop(keep=True)
            elif what == "window":
                viewer.close()
            elif what == "quit":
                QApplication.instance().quit()
            while session.job != "idle":
                yield
            print("ended", what, flush=True)

    plan = steps(sys.argv[1].split(","))
    if sys.argv[2] == "run":
        timer = QTimer(interval=20)
        timer.timeout.connect(lambda: next(plan, None))
        timer.start()
        napari.run()
        print("workers", QThreadPool.globalInstance().activeThreadCount())
    else:
        for _ in plan:
            QApplication.processEvents()
        left = [type(w).__name__ for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow)]
        print("windows", len(left), flush=True)
"""


@pytest.mark.long
@pytest.mark.parametrize(("plan", "loop"), [("layer,dock,window", "run"), ("quit", "run"), ("window", "script")])
def test_the_program_ends_well(plan, loop, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(dedent(SCRIPT))
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(script), plan, loop],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("epochs") == len(plan.split(","))
    assert ("windows 0" if loop == "script" else "workers 0") in done.stdout
    for sign in ("Traceback", "QThread", "abort", "has been deleted"):
        assert sign not in done.stderr, done.stderr


class SlowArray:
    """A movie on a slow disk: every frame takes a while."""

    def __init__(self, array, seconds):
        self.array, self.seconds = array, seconds
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key):
        frames = self.array[key]
        time.sleep(self.seconds * (len(frames) if np.ndim(frames) == 3 else 1))
        return frames


@pytest.fixture
def slow(viewer, session, stack, fit, monkeypatch):
    """A movie of which a pass takes a minute, in use with its fit."""
    monkeypatch.setattr("napari_varae.core.movie.stack.PIECE", 1)  # as with frames of a megabyte
    slow = SlowArray(stack.array, 0.0)
    open_movie(viewer, Stack(slow, stack.frame_rate))
    session.use_fit(fit, fit.encode(stack))
    session.set_range("a", (0, 90))
    session.set_range("b", (100, 200))
    slow.seconds = 0.3


@pytest.mark.long
@pytest.mark.parametrize("work", ["comparison", "map", "loading", "training"])
def test_the_window_closes_at_once_while_frames_are_read_slowly(viewer, docks, session, slow, work, qtbot, tmp_path):
    if work == "comparison":
        docks["Compare"].run()
    elif work == "map":
        docks["Look"].own_past.setChecked(True)  # the fit may have no links
        docks["Look"].show_map()
    elif work == "training":
        docks["Train"].start()
    else:
        session.fit.save(tmp_path / "slow.varae")
        docks["Train"].fits.load(str(tmp_path / "slow.varae"))
    qtbot.wait(1000)
    assert session.job != "idle"
    began = time.monotonic()
    viewer.close()
    assert time.monotonic() - began < 2
    QThreadPool.globalInstance().waitForDone(10_000)
    assert time.monotonic() - began < 4
    assert session.job == "idle"


@pytest.mark.long
def test_removing_the_layer_ends_a_comparison_without_a_word_on_repeats(
    viewer, docks, session, movie, fit, idle, notices, qtbot
):
    session.use_fit(fit, fit.encode(movie))
    session.set_range("a", (0, 90))
    session.set_range("b", (100, 200))
    docks["Compare"].form.fields["resamples"].set_value(99_999)
    docks["Compare"].run()
    qtbot.wait(50)
    viewer.layers.remove(viewer.layers[0])
    idle()
    assert session.comparison is None
    dropped = [text for text in notices if "kept: Recover" not in text]
    assert len(dropped) == 1
    assert "Comparing A with B: dropped" in dropped[0]
