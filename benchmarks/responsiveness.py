"""Gaps between ticks of the window's event loop while a movie plays, without and with training beside it.

    python benchmarks/responsiveness.py MOVIE.tif [--seconds 30] [--fps 10]

A 5 ms timer notes when it is served. What a user feels as stutter are the long gaps. Needs a display.
"""

from __future__ import annotations

import argparse
import time

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

import napari_varae as nv
from napari_varae.session import session_of
from napari_varae.widgets.workspace import open_workspace


def gaps(viewer: napari.Viewer, seconds: float, fps: float) -> np.ndarray:
    """Play the movie for some seconds and return the gaps between ticks in milliseconds."""
    ticks: list[float] = []
    timer, player = QTimer(), QTimer()
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    frame = 0

    def step() -> None:
        nonlocal frame
        frame = (frame + 1) % viewer.layers[0].data.shape[0]
        viewer.dims.set_current_step(0, frame)

    player.timeout.connect(step)
    timer.start(5)
    player.start(round(1000 / fps))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.0005)
    timer.stop()
    player.stop()
    return 1000 * np.diff(ticks)


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
    rows["training: the start"] = gaps(viewer, options.seconds, options.fps)
    while not session.history:
        QApplication.processEvents()
        time.sleep(0.01)
    rows["training: epochs"] = gaps(viewer, options.seconds, options.fps)
    panels["Train"].drop_button.click()
    while session.job != "idle":
        QApplication.processEvents()
        time.sleep(0.01)
    for name, found in rows.items():
        p50, p99 = np.percentile(found, [50, 99])
        print(f"{name:<22} median {p50:6.1f} ms   99th percentile {p99:6.1f} ms   longest {found.max():6.1f} ms")
    viewer.close()


if __name__ == "__main__":
    main()
