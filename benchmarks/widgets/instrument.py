"""What the docks cost while a movie plays, while the sparsity slider is dragged, and from a click on a link to its map.

    python -m benchmarks.widgets.instrument MOVIE.tif [--results FILE]

Playback: processor time of the window's thread for each frame, with all docks, for few and many frames and segments,
with and without the raster, and of bare napari with a canvas of the same size. Slider: time of one step, until the
links are drawn again, and until the canvas is, with and without arrows. Click: from choosing a link to its map in the
canvas, on MOVIE. The least of three runs for playback, else medians, and the 99th percentile; for slider and click
also how often window and canvas were drawn for each (`draws`, `canvas`). Needs a display; the numbers are those of
its OpenGL, too.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEvent, QEventLoop, QObject, QTimer
from qtpy.QtWidgets import QApplication

import napari_varae as nv
from benchmarks.stored import keep, stored
from napari_varae.session.results import Edge
from napari_varae.session.session import session_of
from napari_varae.viewer.movie import open_movie
from napari_varae.widgets.workspace import open_workspace

PLAYED = ((2_000, 2, False), (100_000, 2, False), (100_000, 100, False), (100_000, 100, True))
"""Frames, segments of A and of B, and whether the raster is shown."""
STEPS = 60
RUNS, SECONDS = 3, 4
"""Of playback, for each figure."""
QUIET = 0.05
"""Seconds without a draw after which nothing more is to come."""


class Draws(QObject):
    """Counts how often a window and its canvas are drawn."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.window, self.canvas = 0, 0
        self._window = viewer.window._qt_window
        self._window.installEventFilter(self)
        viewer.window._qt_viewer.canvas.events.draw.connect(self._count)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Count the window."""
        self.window += event is not None and event.type() == QEvent.Type.Paint
        return bool(super().eventFilter(watched, event))

    def _count(self, _event: Any) -> None:
        self.canvas += 1

    def end(self) -> float:
        """Let the window live until it has not been drawn for a while, and return when the last draw had ended."""
        last = time.perf_counter()
        while time.perf_counter() - last < QUIET:
            before = self.window
            QApplication.processEvents()
            if self.window != before:
                last = time.perf_counter()
        return last

    def of_each(self, times: int) -> dict[str, float]:
        """Return the draws of each of some actions, and begin to count again."""
        found = {"draws": round(self.window / times, 2), "canvas": round(self.canvas / times, 2)}
        self.window = self.canvas = 0
        return found


def window() -> Any:
    """Open a viewer of a usual size."""
    viewer = napari.Viewer()
    viewer.window.resize(1500, 950)
    return viewer


def settle(turns: int = 20) -> None:
    """Let the window finish what it has to do."""
    for _ in range(turns):
        QApplication.processEvents()


def played(viewer: Any, n_frames: int) -> float:
    """Processor time of a frame at 20 frames a second, in ms, with all that is drawn: the least of some runs."""
    loop, player, cost = QEventLoop(), QTimer(), []
    for _ in range(RUNS):
        frames = itertools.count()
        player.timeout.connect(partial(_show_next, viewer, frames, n_frames))
        player.start(50)
        QTimer.singleShot(1000 * SECONDS, loop.quit)
        began = time.thread_time()
        loop.exec()
        cost.append(1000 * (time.thread_time() - began) / next(frames))
        player.timeout.disconnect()
    return min(cost)


def _show_next(viewer: Any, frames: Iterator[int], n_frames: int) -> None:
    viewer.dims.set_current_step(0, 37 * next(frames) % n_frames)


def playback() -> list[dict[str, Any]]:
    """Measure playback of simulated frames, which are repeated."""
    sim = nv.simulate(nv.SimulationConfig(frames=400, height=64, width=64, cells=12))
    fit, rng = nv.fit(sim.stack, nv.FitConfig(latents=12, epochs=0)), np.random.default_rng(0)
    spread, rows = fit.encode(sim.stack).std(0), []
    for n_frames, segments, raster in PLAYED:
        viewer = window()
        stack = nv.Stack(np.broadcast_to(sim.stack.read(0, 1), (n_frames, *sim.stack.shape[1:])), frame_rate=10)
        open_movie(viewer, stack)
        panels, session = open_workspace(viewer), session_of(viewer)
        session.use_fit(fit, (rng.standard_normal((n_frames, fit.latents)) * spread).astype(np.float32))
        step = n_frames // segments
        parts = [(i * step, i * step + step // 3) for i in range(segments)]
        session.set_frame_sets({"A": parts, "B": [(stop, stop + step // 3) for _, stop in parts]})
        panels["Time"].show_rows("error", True)
        panels["Time"].show_rows("raster", raster)
        settle()
        what = f"playback, all docks, {n_frames} frames, {segments} segments a side{', raster' * raster}"
        rows.append({"what": what, "ms": played(viewer, n_frames)})
        size = viewer.window._qt_viewer.canvas.native.size()
        viewer.close()
    viewer = window()
    viewer.window._qt_viewer.canvas.native.setFixedSize(size)
    open_movie(viewer, sim.stack)
    settle()
    rows.append({"what": "playback, bare napari", "ms": played(viewer, sim.stack.n_frames)})
    viewer.close()
    return rows


def links(movie: str) -> list[dict[str, Any]]:
    """Measure the slider, and clicks on links, on a recording."""
    stack, rows = nv.open_stack(movie, frame_rate=10), []
    fit = nv.fit(stack, nv.FitConfig(epochs=1))
    viewer = window()
    open_movie(viewer, stack)
    panels, session = open_workspace(viewer), session_of(viewer)
    session.use_fit(fit, fit.encode(stack))
    panel = panels["Links"]
    panel.parentWidget().raise_()
    while session.along_path is None or session.job != "idle":
        settle(1)
    draws = Draws(viewer)
    for arrows in (False, True):
        session.set_graph(replace(session.graph, shown=arrows, strongest=300))
        draws.end()
        own, whole = [], []
        draws.of_each(1)
        for step in np.linspace(100, 900, STEPS).round().astype(int).tolist():
            began = time.perf_counter()
            session.set_penalty(panel.sparsity.penalty_at(step))
            own.append(1000 * (time.perf_counter() - began))
            whole.append(1000 * (draws.end() - began))
        name = f"slider step{', 300 arrows' * arrows}"
        rows += [{"what": f"{name}{end}", "ms": float(np.median(cost)), "p99": float(np.percentile(cost, 99))}
                 for end, cost in (("", own), (", until all is drawn", whole))]  # fmt: skip
        rows[-1] |= draws.of_each(STEPS)
    session.set_penalty(None)
    session.set_graph(replace(session.graph, shown=False))
    draws.end()
    cost = []
    draws.of_each(1)
    for lag, target, source in np.argwhere(fit.var.coefficients)[:20].tolist():
        began = time.perf_counter()
        session.pick_edge(Edge(lag + 1, target, source))
        while session.job != "idle":
            QApplication.processEvents()
        cost.append(1000 * (draws.end() - began))
    rows.append({"what": "click on a link to its map", "ms": float(np.median(cost[1:])), "p99": max(cost[1:])})
    rows[-1] |= draws.of_each(len(cost))
    viewer.close()
    return rows


def main() -> None:
    """Print the table, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie")
    parser.add_argument("--results", type=Path, default=stored("instrument"))
    options = parser.parse_args()
    rows = [*playback(), *links(options.movie)]
    for row in rows:
        p99 = f"   99th percentile {row['p99']:7.1f} ms" if "p99" in row else ""
        count = f"   {row['draws']} draws, {row['canvas']} of the canvas" if "draws" in row else ""
        print(f"{row['what']:<62} {row['ms']:7.1f} ms{p99}{count}")
    keep(options.results, rows)


if __name__ == "__main__":
    main()
