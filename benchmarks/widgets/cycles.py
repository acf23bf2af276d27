"""Docks, trainings, comparisons, layers and windows begun and ended over and over: nothing accumulates.

    python -m benchmarks.widgets.cycles [--cycles 100] [--seed 0]

One process opens a movie and all docks, begins a training, a comparison or a map, and ends it in one of several ways,
in an order that the seed decides: Stop, Stop now, another movie, the layer removed, docks closed, the window closed.
After each cycle it counts threads, timers, layers, slots of session and viewer, and windows. Counts
after the last cycle must be those after the tenth, for a window of the same age. Exits with status 1 otherwise.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import napari
import psutil
from psygnal import SignalInstance
from qtpy.QtCore import QThreadPool, QTimer
from qtpy.QtWidgets import QApplication, QMainWindow

import napari_varae as nv
from napari_varae.session.session import session_of
from napari_varae.viewer.movie import open_movie
from napari_varae.viewer.provenance import ours
from napari_varae.widgets.workspace import open_workspace

ENDLESS = nv.FitConfig(latents=4, epochs=100_000, patience=100_000)
WORK = ("training", "comparison", "map")
ENDS = ("stop", "drop", "movie", "layer", "docks", "window")
SETTLED = 10
"""Cycles after which nothing may be added any more: libraries have made by then what they keep."""


class Cycles:
    """A window that is used over and over, and replaced when it is closed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.stack = nv.simulate(nv.SimulationConfig(frames=240, height=32, width=32, cells=4, soma_radius=3)).stack
        self.fit = nv.fit(self.stack, nv.FitConfig(latents=4, epochs=0))
        self.viewer: Any = None

    def run(self) -> str:
        """Go through one cycle, and say what was begun and how it ended."""
        if self.viewer is None:
            self.viewer = napari.Viewer()
        work, end = self.rng.choice(WORK), self.rng.choice(ENDS)
        session = session_of(self.viewer)
        panels = open_workspace(self.viewer)
        if session.stack is None:
            open_movie(self.viewer, nv.Stack(self.stack.array, frame_rate=10))
        self._begin(work, panels, session)
        settle(self.rng.uniform(0, 0.5))
        if end in ("stop", "drop"):
            session.stop(keep=end == "stop")
        elif end == "movie":
            session.stop(keep=False)
            self._wait(session)
            open_movie(self.viewer, nv.Stack(self.stack.array[: self.rng.randrange(200, 240)], frame_rate=10))
        elif end == "layer":
            self.viewer.layers.clear()
        elif end == "docks":
            for name in list(self.viewer.window.dock_widgets):
                if "VARAE" in name:
                    self.viewer.window.dock_widgets[name].parentWidget().destroyOnClose()
            session.stop(keep=False)
        else:
            self.viewer.close()
        self._wait(session)
        if end == "window":
            self.viewer = None
        else:
            self.viewer.layers.clear()
            session.fits.clear()
        del panels, session
        settle(0.1)
        gc.collect()
        settle(0.1)
        return f"{work}, {end}"

    def counts(self) -> dict[str, int]:
        """Count what could accumulate."""
        known = [thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)]
        found = {
            "threads of Python": len(known),
            "threads of Qt": QThreadPool.globalInstance().activeThreadCount(),
            "windows": sum(isinstance(w, QMainWindow) for w in QApplication.topLevelWidgets()),
            "timers of ours": sum(map(is_our_timer, gc.get_objects())),
        }
        if self.viewer is not None:
            session = session_of(self.viewer)
            signals = [getattr(session, name) for name in dir(type(session)) if is_signal(session, name)]
            found |= {
                "layers of ours": len(list(ours(self.viewer))),
                "slots of the session": sum(len(signal) for signal in signals),
                "slots of the viewer": sum(len(e.callbacks) for e in self.viewer.layers.events.emitters.values()),
            }
        return found

    def _begin(self, work: str, panels: Any, session: Any) -> None:
        if work == "training":
            panels["Train"].form.set_value(ENDLESS)
            panels["Train"].start()
            return
        session.use_fit(self.fit, self.fit.encode(session.stack))
        if work == "map":
            panels["Look"].own_past.setChecked(True)
            panels["Look"].show_map()
            return
        session.set_range("a", (0, 90))
        session.set_range("b", (100, 190))
        panels["Compare"].form.fields["resamples"].set_value(99_999)
        panels["Compare"].run()

    def _wait(self, session: Any) -> None:
        end = time.monotonic() + 60
        while session.job != "idle" or QThreadPool.globalInstance().activeThreadCount():
            settle(0.02)
            if time.monotonic() > end:
                raise TimeoutError(f"The job is still {session.job} a minute after it was ended.")


def is_our_timer(item: Any) -> bool:
    """Whether something is a timer of our docks; napari 0.9 keeps that of each notification."""
    if type(item) is not QTimer:
        return False
    try:
        return type(item.parent()).__module__.startswith("napari_varae")
    except RuntimeError:  # only what Python had of it is left
        return False


def is_signal(session: Any, name: str) -> bool:
    """Whether an attribute of a session is a signal."""
    return name.islower() and isinstance(getattr(session, name, None), SignalInstance)


def settle(seconds: float) -> None:
    """Let the window do what it has to for a while."""
    end = time.monotonic() + seconds
    while True:
        QApplication.processEvents()
        if time.monotonic() >= end:
            return


def rows(cycles: int, seed: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Run cycles; after each, count in a window without docks and layers that has been through one cycle."""
    work = Cycles(seed)
    for _ in range(cycles):
        what = work.run()
        if work.viewer is not None:
            yield what, work.counts()
        else:
            yield what, {}


def main() -> int:
    """Print the counts; return 1 when something accumulated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    most: dict[str, int] = {}
    grown: dict[str, int] = {}
    process = psutil.Process()
    for i, (what, counts) in enumerate(rows(options.cycles, options.seed)):
        memory = process.memory_info().rss >> 20
        print(f"{i + 1:4d} {what:<22} {memory} MB  " + ", ".join(f"{k} {v}" for k, v in counts.items()), flush=True)
        for name, count in counts.items():
            if i < SETTLED:
                most[name] = max(most.get(name, 0), count)
            elif count > most.get(name, count):
                grown[name] = max(grown.get(name, 0), count)
    for name, count in grown.items():
        print(f"{name} grew from {most[name]} to {count}")
    return bool(grown)


if __name__ == "__main__":
    sys.exit(main())
