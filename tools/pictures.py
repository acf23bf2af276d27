"""Take the pictures of the docs: those of the demo, and of recordings, cells, trials and behaviour being opened.

    tools/with-display python tools/pictures.py [FOLDER]

Everything is simulated, so that anybody can take them again. They go to docs/images unless another folder is given.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
import tifffile
from qtpy.QtWidgets import QApplication
from scipy import ndimage

import napari_varae as nv
from napari_varae.core.simulation.settings import SAMPLE
from napari_varae.session.session import session_of
from napari_varae.widgets.workspace import open_workspace

OF_THE_DEMO = {
    "1-movie": "1-movie", "2-training": "2-training", "4-driver-map": "4-driver-map", "5-comparison": "window",
}  # fmt: skip
"""Pictures that the demo takes, and what they are called in the docs."""
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (1280, 860)


def of_the_demo(output: Path) -> None:
    """Run the demo, and take over its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "napari_varae", "demo"], cwd=folder, check=True)
        for taken, name in OF_THE_DEMO.items():
            shutil.copy(Path(folder) / "demo-output" / f"{taken}.png", output / f"{name}.png")


def main() -> None:
    """Take all pictures."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    output.mkdir(parents=True, exist_ok=True)
    of_the_demo(output)
    viewer = napari.Viewer()
    panels, session = open_workspace(viewer), session_of(viewer)
    viewer.window.resize(*SIZE)

    def wait(done: Callable[[], bool] = lambda: session.job == "idle", seconds: float = 0.3) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end or not done():
            QApplication.processEvents()
            time.sleep(0.01)

    def picture(dock: str, name: str) -> None:
        panels[dock].parentWidget().raise_()
        wait(seconds=0.5)
        viewer.screenshot(str(output / f"{name}.png"), canvas_only=False, flash=False)

    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder))
        panels["Movie"].open(str(paths["two channels"]))
        wait()
        picture("Movie", "open-choice")
        panels["Movie"].open(str(paths["two channels"]), channel=0)
        wait()
        panels["Train"].form.set_value(nv.FitConfig(latents=24, epochs=6))
        panels["Train"].start_button.click()
        wait()
        panels["Cells"].open(str(paths["cells"]))
        wait()
        table = session.cell_table()
        session.set_latent(int(table.loc[table["overlap"].idxmax(), "latent"]))
        picture("Cells", "cells")
        panels["Behaviour"].open_trials(str(paths["trials"]))
        wait()
        panels["Behaviour"].open_traces(str(paths["behaviour"]))
        wait()
        panels["Behaviour"].compare_button.click()
        picture("Behaviour", "behaviour")
        panels["Time"].sort_raster("similarity")
        panels["Trajectory"].colour.setCurrentText("frame set")
        picture("Trajectory", "time")
        viewer.close()


def write(folder: Path) -> dict[str, Path]:
    """Write a recording of two channels, its cells, trials and behaviour; return where."""
    sim = nv.simulate(SAMPLE)
    movie = sim.stack.array
    paths = {name: folder / file for name, file in FILES.items()}
    still = np.random.default_rng(0).poisson(np.broadcast_to(sim.static, movie.shape)).astype(np.uint16)
    tifffile.imwrite(
        paths["two channels"],
        np.stack([movie, still], axis=1),
        imagej=True,
        resolution=(1 / sim.stack.pixel_size, 1 / sim.stack.pixel_size),
        metadata={"axes": "TCYX", "finterval": 1 / sim.stack.frame_rate, "unit": "um"},
    )
    labels = np.zeros(movie.shape[1:], np.uint16)
    for number, image in enumerate(sim.footprints, 1):
        parts, _ = ndimage.label(ndimage.binary_fill_holes(image > 0.4 * image.max()))
        labels[(parts == np.bincount(parts.ravel())[1:].argmax() + 1) & (labels == 0)] = number
    tifffile.imwrite(paths["cells"], labels)
    length = len(movie) / sim.stack.frame_rate
    starts = np.arange(2.0, length - 4, 6.0)
    rows = [f"{start},{start + 3},{('left', 'right')[i % 2]}" for i, start in enumerate(starts)]
    paths["trials"].write_text("\n".join(["start_s,stop_s,condition", *rows]))
    times = np.arange(0, length, 0.02)
    licks = np.isin(np.floor(times / 0.5) % 12, (6, 7)).astype(float)
    slow = np.interp(times, np.arange(len(movie)) / sim.stack.frame_rate, sim.traces[:, 0])
    speed = np.maximum(0, 8 + 6 * np.sin(times / 5) + 2 * slow)
    rows = [f"{t:.2f},{s:.3f},{lick:g}" for t, s, lick in zip(times, speed, licks, strict=True)]
    paths["behaviour"].write_text("\n".join(["time_s,speed,lick", *rows]))
    return paths


FILES = {
    "two channels": "two_channels.tif", "cells": "cells.tif", "trials": "trials.csv", "behaviour": "behaviour.csv",
}  # fmt: skip

if __name__ == "__main__":
    main()
