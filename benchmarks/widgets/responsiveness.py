"""Gaps between ticks of the window's event loop: opening, playback, training, and the slider being dragged.

    python -m benchmarks.widgets.responsiveness MOVIE.tif [--seconds 30] [--fps 10] [--results FILE]

A 5 ms timer notes when it is served. What a user feels as stutter are the long gaps. Torch is loaded while the first
movie is opened. Bare napari has a canvas of the size that it has beside the docks. The sparsity slider is dragged
with the mouse from end to end and back, 30 movements a second, first without arrows on the image, then with 300.
Needs a display; the gaps are those of its OpenGL, too.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QSlider

import napari_varae as nv
from benchmarks.stored import Rows, keep, read, stored
from napari_varae.session.session import session_of
from napari_varae.widgets.workspace import open_workspace

MOVEMENTS = 30
"""Movements of the mouse in a second."""


def gaps(action: Callable[[], object], times: float, seconds: float) -> np.ndarray:
    """Do something so many times a second, for some seconds, and return the gaps between ticks in milliseconds."""
    ticks: list[float] = []
    loop, timer, actor = QEventLoop(), QTimer(), QTimer()
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    actor.timeout.connect(action)
    timer.start(5)
    actor.start(round(1000 / times))
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()
    timer.stop()
    actor.stop()
    return 1000 * np.diff(ticks)


def wait(over: Callable[[], bool]) -> None:
    """Let the window live until something is over."""
    while not over():
        QApplication.processEvents()
        time.sleep(0.01)


def positions(slider: QSlider) -> Iterator[QPoint]:
    """Places of the mouse that drags a slider from end to end and back, without end."""
    width, y = slider.width(), slider.height() // 2
    there = np.linspace(0.05 * width, 0.95 * width, 2 * MOVEMENTS).round().astype(int).tolist()
    return itertools.cycle([QPoint(x, y) for x in there + there[::-1]])


def dragged(panel: Any, seconds: float) -> np.ndarray:
    """Gaps while the mouse drags the sparsity slider."""
    slider = panel.sparsity.slider
    places = positions(slider)
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=next(places))
    found = gaps(lambda: QTest.mouseMove(slider, next(places)), MOVEMENTS, seconds)
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=next(places))
    wait(lambda: panel.session.job == "idle")
    return found


def window() -> napari.Viewer:
    """Open a viewer."""
    viewer = napari.Viewer()
    viewer.window.resize(1600, 1000)
    return viewer


def playing(viewer: napari.Viewer, fps: float, seconds: float) -> np.ndarray:
    """Gaps while a movie plays."""

    def next_frame() -> None:
        viewer.dims.set_current_step(0, (viewer.dims.current_step[0] + 1) % viewer.dims.nsteps[0])

    return gaps(next_frame, fps, seconds)


def measured(options: argparse.Namespace) -> Iterator[tuple[str, np.ndarray]]:
    """Gaps of each situation, in the order of a user's day, then those of bare napari."""
    viewer = window()
    panels, session = open_workspace(viewer), session_of(viewer)
    play = partial(playing, viewer, options.fps)
    panels["Movie"].open(options.movie)
    opening = []
    while session.stack is None or session.job != "idle":
        opening.append(gaps(lambda: None, 1, 0.5))
    yield "opening the first movie", np.concatenate(opening)
    yield "playback, all docks", play(options.seconds)
    panels["Train"].parentWidget().raise_()
    panels["Train"].form.set_value(nv.FitConfig(epochs=100_000, patience=100_000))
    panels["Train"].start_button.click()
    yield "playback, first second after Train is pressed", play(1)
    before = []
    while not session.history:
        before.append(play(1))
    yield "playback, before the first epoch", np.concatenate(before)
    yield "playback, epochs", play(options.seconds)
    per_epoch = (session.history[-1].seconds - session.history[0].seconds) / (len(session.history) - 1)
    print(f"{per_epoch:.1f} s per epoch meanwhile")
    panels["Train"].keep_button.click()
    panels["Links"].parentWidget().raise_()
    wait(lambda: session.fit is not None and session.job == "idle" and session.along_path is not None)
    for arrows in (False, True):
        session.set_graph(replace(session.graph, shown=arrows, strongest=300))
        yield f"sparsity slider dragged{', 300 arrows' * arrows}", dragged(panels["Links"], options.seconds)
    size = viewer.window._qt_viewer.canvas.native.size()
    viewer.close()
    bare = window()
    bare.window._qt_viewer.canvas.native.setFixedSize(size)
    bare.add_image(nv.open_stack(options.movie).array)
    yield "playback, bare napari", playing(bare, options.fps, options.seconds)
    bare.close()


def main() -> None:
    """Print the table, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--results", type=Path, default=stored("responsiveness"))
    options = parser.parse_args()
    movie = Path(options.movie).stem
    rows: Rows = [row for row in read(options.results) if row["movie"] != movie]
    for what, found in measured(options):
        median, p99 = np.percentile(found, [50, 99])
        rows.append(
            {"movie": movie, "what": what, "median": float(median), "p99": float(p99), "longest": float(found.max())}
        )
        print(f"{what:<46} median {median:6.1f} ms   99th percentile {p99:6.1f} ms   longest {found.max():6.1f} ms")
    keep(options.results, rows)


if __name__ == "__main__":
    main()
