"""Gaps between ticks of the window's event loop while a movie plays, without and with training beside it.

    python -m benchmarks.widgets.responsiveness MOVIE.tif [--seconds 30] [--fps 10]

A 5 ms timer notes when it is served. What a user feels as stutter are the long gaps. In the first second after Train
is pressed, napari opens its activity dialog and torch is loaded. Needs a display.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

import napari_varae as nv
from napari_varae.session.session import session_of
from napari_varae.widgets.workspace import open_workspace


def gaps(viewer: napari.Viewer, seconds: float, fps: float) -> np.ndarray:
    """Play the movie for some seconds and return the gaps between ticks in milliseconds."""
    ticks: list[float] = []
    loop, timer, player = QEventLoop(), QTimer(), QTimer()
    n_frames = viewer.layers[0].data.shape[0]
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    player.timeout.connect(lambda: viewer.dims.set_current_step(0, (viewer.dims.current_step[0] + 1) % n_frames))
    timer.start(5)
    player.start(round(1000 / fps))
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()
    timer.stop()
    player.stop()
    return 1000 * np.diff(ticks)


def wait(over: Callable[[], bool]) -> None:
    """Let the window live until something is over."""
    while not over():
        QApplication.processEvents()
        time.sleep(0.01)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--fps", type=float, default=10)
    options = parser.parse_args()

    viewer = napari.Viewer()
    viewer.window.resize(1600, 1000)
    viewer.add_image(nv.open_stack(options.movie).array)
    rows = {"bare napari": gaps(viewer, options.seconds, options.fps)}
    viewer.layers.clear()
    panels, session = open_workspace(viewer), session_of(viewer)
    panels["Movie"].open(options.movie)
    rows["docks open"] = gaps(viewer, options.seconds, options.fps)
    panels["Train"].form.set_value(nv.FitConfig(epochs=100_000, patience=100_000))
    panels["Train"].start_button.click()
    rows["training: first second"] = gaps(viewer, 1, options.fps)
    before = []
    while not session.history:
        before.append(gaps(viewer, 1, options.fps))
    rows["training: before epoch 1"] = np.concatenate(before)
    rows["training: epochs"] = gaps(viewer, options.seconds, options.fps)
    per_epoch = (session.history[-1].seconds - session.history[0].seconds) / (len(session.history) - 1)
    panels["Train"].drop_button.click()
    wait(lambda: session.job == "idle")
    for name, found in rows.items():
        p50, p99 = np.percentile(found, [50, 99])
        print(f"{name:<26} median {p50:6.1f} ms   99th percentile {p99:6.1f} ms   longest {found.max():6.1f} ms")
    print(f"{per_epoch:.1f} s per epoch meanwhile")
    viewer.close()


if __name__ == "__main__":
    main()
