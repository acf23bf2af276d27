"""A real window used at random by mouse and keyboard: nothing crashes, and nothing of the user's is changed.

    python -m benchmarks.widgets.random_use [--minutes 60] [--seed 0] [--log uses.log]

One process after the other, of a minute or two each, opens napari with all docks and does what a user could do, in an
order that the seed decides: open files of several sizes and kinds, type into every field, train, pause, stop, save and
load fits, show layers and maps, play, drag ranges, compare, close and open docks, duplicate and delete layers, undo,
and quit, now and then in the middle of a job. A process must end with status 0, without a traceback, without a thread
left behind; files and layers of the user must be what they were. What went wrong is printed with the seed of its
process and the last things that were done; `--once SEED` repeats that process alone. Needs a display.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

SHAPES = {"small.tif": (120, 40, 32), "other.tif": (90, 24, 56), "cells.npy": (200, 32, 32), "more.h5": (150, 48, 40)}
"""Recordings of the user, by file name."""
TEXTS = ("", "3", "0", "-1", "abc", "10 - 20", "0 - 3, 5 - 8", "0.5", "5", "12", "1e9", "auto", "7-", "40 - 90")
"""What may be typed into a field."""
SIGNS = ("Traceback", "QThread", "has been deleted", "Fatal", "core dumped", "QObject::", "Exception ignored", "abort")
"""What may not be printed."""
STUCK = 180
"""Seconds without a step, which is printed with all stacks and ends the process."""


def main() -> int:
    """Run processes until the time is over; return the number of those that went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--once", type=int, metavar="SEED", help="one process with this seed")
    parser.add_argument("--seconds", type=float, help="length of a process; 40 to 150 when not given")
    parser.add_argument("--log", type=Path, help="file to which every step is written")
    options = parser.parse_args()
    end, seeds, failures, steps = time.monotonic() + 60 * options.minutes, random.Random(options.seed), 0, 0
    runs = 0
    while options.once is None or not runs:
        seed = seeds.randrange(10**6) if options.once is None else options.once
        seconds = options.seconds or random.Random(seed).uniform(40, 150)
        if time.monotonic() + seconds > end and runs:
            break
        problems, lines = run_once(seed, seconds)
        runs, steps, failures = runs + 1, steps + len(lines), failures + bool(problems)
        if options.log:
            with options.log.open("a", encoding="utf-8") as log:
                log.writelines(f"{seed} {line}\n" for line in lines)
        print(f"seed {seed:6d}: {len(lines):4d} steps, {'; '.join(problems) or 'well'}", flush=True)
    print(f"{runs} processes, {steps} steps, {failures} with problems; seed {options.seed}")
    return failures


def run_once(seed: int, seconds: float) -> tuple[list[str], list[str]]:
    """Use a window for some seconds in a process of its own; return the problems, and what was done."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        recordings = make_recordings(folder / "recordings", seed)
        before = fingerprint(recordings)
        environment = os.environ | {f"XDG_{kind}_HOME": str(folder / kind) for kind in ("CACHE", "CONFIG", "DATA")}
        environment["NAPARI_CONFIG"] = str(folder / "napari.yaml")
        code = f"from benchmarks.widgets.random_use import use; use({name!r}, {seed}, {seconds})"
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", code], env=environment, capture_output=True, text=True,
            check=False, timeout=10 * seconds + 300,
        )  # fmt: skip
        lines = done.stdout.splitlines()
        problems = [f"status {done.returncode}"] * (done.returncode != 0)
        problems += [line.removeprefix("problem: ") for line in lines if line.startswith("problem: ")]
        problems += ["no end"] * ("end" not in lines)
        problems += [f"{sign!r} was printed" for sign in SIGNS if sign in done.stderr]
        problems += ["a recording was changed"] * (fingerprint(recordings) != before)
        if problems:
            print("\n".join(lines[-25:]), done.stderr[-6000:], sep="\n", flush=True)
        return problems, lines


def make_recordings(folder: Path, seed: int) -> Path:
    """Write the recordings of a user, and things that are none."""
    import h5py
    import tifffile

    from napari_varae.core.simulation.settings import SimulationConfig
    from napari_varae.core.simulation.simulate import simulate

    folder.mkdir()
    for i, (name, (t, y, x)) in enumerate(SHAPES.items()):
        settings = SimulationConfig(frames=t, height=y, width=x, cells=4, soma_radius=3, seed=seed + i)
        movie = np.asarray(simulate(settings).stack.array)
        if name.endswith(".tif"):
            tifffile.imwrite(folder / name, movie, metadata={"axes": "TYX"})
        elif name.endswith(".npy"):
            np.save(folder / name, movie)
        else:
            with h5py.File(folder / name, "w") as file:
                file["movie"] = movie
    (folder / "notes.txt").write_text("not a movie")
    (folder / "cut.tif").write_bytes((folder / "small.tif").read_bytes()[:5000])
    (folder / "broken.varae").write_bytes(b"not a fit")
    return folder


def fingerprint(folder: Path) -> dict[str, str]:
    """Digest of every file of a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def use(name: str, seed: int, seconds: float) -> None:
    """Open a window, use it at random, and quit."""
    faulthandler.dump_traceback_later(STUCK, exit=True)
    import napari
    from napari.utils.notifications import ErrorNotification, notification_manager
    from qtpy.QtCore import Qt, QTimer
    from qtpy.QtWidgets import QApplication

    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)

    def hear(notification: Any) -> None:
        print(f"  {notification.severity}: {str(notification.message)[:150]}", flush=True)
        if isinstance(notification, ErrorNotification):
            print(f"problem: {type(notification.exception).__name__}: {notification.exception}")
            print(notification.as_text() if hasattr(notification, "as_text") else "", flush=True)

    notification_manager.notification_ready.connect(hear)
    viewer = napari.Viewer()
    viewer.window.resize(1280, 720)
    plan = User(viewer, Path(name), random.Random(seed)).plan(seconds)

    def step() -> None:
        faulthandler.dump_traceback_later(STUCK, exit=True)
        pause = next(plan, None)
        if pause is not None:
            QTimer.singleShot(pause, step)

    QTimer.singleShot(0, step)
    napari.run()
    del viewer
    from qtpy.QtCore import QThreadPool

    QThreadPool.globalInstance().waitForDone()
    patience = time.monotonic() + 5
    while (left := left_behind()) and time.monotonic() < patience:
        time.sleep(0.05)
    for thread in left:
        print(f"problem: thread {thread} is left behind")
    print("end", flush=True)


def left_behind() -> list[str]:
    """Threads that still run, but for the main one and those that libraries keep."""
    lasting = {"zarr_io", "napari-varae-keeper_0", threading.main_thread().name}
    return [
        thread.name
        for thread in threading.enumerate()
        if thread.name not in lasting and not isinstance(thread, threading._DummyThread) and not thread.daemon
    ]


class User:
    """Someone who does anything that a window allows."""

    def __init__(self, viewer: Any, folder: Path, rng: random.Random) -> None:
        from qtpy.QtCore import QTimer

        from napari_varae.session.session import session_of
        from napari_varae.widgets.workspace import open_workspace

        self.viewer, self.folder, self.rng = viewer, folder, rng
        self.session, self.open_workspace = session_of(viewer), open_workspace
        (folder / "fits").mkdir()
        self.wish: str | None = None
        self.mine = self._own_layers()
        self.dialogs = QTimer(interval=100)  # answers dialogs, which hold up whoever opened them
        self.dialogs.timeout.connect(self.answer)
        self.dialogs.start()

    def plan(self, seconds: float) -> Iterator[int]:
        """Do one thing after the other; yields milliseconds to wait before the next."""
        end = time.monotonic() + seconds
        self.do(self.open_docks)
        yield 300
        while self.session.stack is None:
            self.do(self.open_file)
            yield 1000
        weights = {
            self.click_button: 20, self.type_text: 12, self.choose: 8, self.click_plot: 8, self.drag_plot: 4,
            self.press_key: 10, self.move_slider: 6, self.train: 5, self.set_ranges: 4, self.compare: 4,
            self.open_file: 2, self.use_fit: 3, self.toggle_views: 6, self.change_layers: 5, self.close_dock: 2,
            self.open_docks: 3, self.open_one_dock: 3, self.click_table: 3, self.stop: 2, self.raise_dock: 6,
            self.change_window: 2, self.drop_file: 1,
        }  # fmt: skip
        while time.monotonic() < end:
            self.do(self.rng.choices(list(weights), list(weights.values()))[0])
            self.check_layers()
            yield self.rng.choice((5, 20, 50, 150, 400, 1500))
        self.check_layers()
        self.dialogs.stop()
        print(f"quit while {self.session.job}", flush=True)
        self.viewer.close()

    def do(self, act: Callable[[], str | None]) -> None:
        """Do something, and note what it was."""
        began = time.monotonic()
        try:
            what = act()
        except Exception as error:  # noqa: BLE001 - as a slot of napari: the window goes on
            print(f"problem: {act.__name__}: {type(error).__name__}: {error}")
            print("".join(traceback.format_exception(error)), flush=True)
            return
        if what is not None:
            late = f" ({time.monotonic() - began:.1f} s)" if time.monotonic() - began > 1 else ""
            print(f"{act.__name__}: {what} [{self.session.job}]{late}", flush=True)

    # What belongs to the user

    def _own_layers(self) -> dict[str, tuple[Any, str]]:
        data = np.random.default_rng(0)
        layers = [
            self.viewer.add_image(data.random((60, 30, 30)).astype(np.float32), name="mine"),
            self.viewer.add_image(data.random((30, 30)).astype(np.float32), name="my <b>image</b>"),
            self.viewer.add_labels(data.integers(0, 5, (30, 30)), name="my labels"),
            self.viewer.add_points(data.random((5, 2)) * 30, name="my points"),
        ]
        return {layer.name: (layer, digest(layer)) for layer in layers}

    def check_layers(self) -> None:
        """The user's layers are what they were."""
        for name, (layer, was) in self.mine.items():
            if layer.name != name or digest(layer) != was:
                print(f"problem: layer {name!r} was changed (now {layer.name!r})", flush=True)
                self.mine = {}
                return
            if layer not in self.viewer.layers:
                print(f"problem: layer {name!r} was removed", flush=True)
                self.mine = {}
                return

    # What can be done

    def panels(self) -> list[Any]:
        """The docks that are in view."""
        return [w for w in self.viewer.window.dock_widgets.values() if hasattr(w, "session") and w.isVisible()]

    def find(self, kind: Any) -> Any:
        """Some widget of a kind in a dock in view, which can be used."""
        found = [
            widget
            for panel in self.panels()
            for widget in panel.findChildren(kind)
            if widget.isVisible() and widget.isEnabled() and not widget.visibleRegion().isEmpty()
        ]
        return self.rng.choice(found) if found else None

    def panel(self, name: str) -> Any:
        """One dock, brought to the front when it is open."""
        for widget in self.viewer.window.dock_widgets.values():
            if getattr(widget, "dock", None) == name:
                dock = widget.parentWidget()
                dock.show()
                dock.raise_()
                return widget
        return None

    def click(self, widget: Any) -> None:
        """Click a widget with the left button."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def type(self, widget: Any, text: str, *, end: bool = True) -> None:
        """Replace the text of a field."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClick(widget, Qt.Key.Key_Delete)
        QTest.keyClicks(widget, text)
        if end:
            QTest.keyClick(widget, Qt.Key.Key_Tab if self.rng.random() < 0.5 else Qt.Key.Key_Return)

    def click_button(self) -> str | None:
        from qtpy.QtWidgets import QAbstractButton

        button = self.find(QAbstractButton)
        if button is None:
            return None
        text = button.text()
        print(f"  clicking {text!r}", flush=True)
        self.click(button)
        return repr(text)

    def type_text(self) -> str | None:
        from qtpy.QtWidgets import QLineEdit

        field, text = self.find(QLineEdit), self.rng.choice(TEXTS)
        if field is None or field.isReadOnly():
            return None
        name = field.parentWidget().accessibleName()
        if name in ("Threads", "Workers", "Processes") or "pixel" in name.lower():
            text = self.rng.choice(("", "1", "2"))
        self.type(field, text, end=self.rng.random() < 0.8)
        return f"{text!r} into {name or field.placeholderText()!r}"

    def choose(self) -> str | None:
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest
        from qtpy.QtWidgets import QComboBox

        box = self.find(QComboBox)
        if box is None:
            return None
        key = self.rng.choice((Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_End, Qt.Key.Key_Home))
        QTest.keyClick(box, key)
        return repr(box.currentText()) if box.isVisible() else "a choice"

    def click_plot(self) -> str | None:
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest

        from napari_varae.widgets.parts.plots import Plot

        plot = self.find(Plot)
        if plot is None:
            return None
        at = QPoint(self.rng.randrange(max(plot.width(), 1)), self.rng.randrange(max(plot.height(), 1)))
        button = self.rng.choice((Qt.MouseButton.LeftButton,) * 5 + (Qt.MouseButton.RightButton,))
        QTest.mouseMove(plot.viewport(), at)
        QTest.mouseClick(plot.viewport(), button, Qt.KeyboardModifier.NoModifier, at)
        return f"{type(plot).__name__} at {at.x()}, {at.y()}"

    def drag_plot(self) -> str | None:
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest

        from napari_varae.widgets.parts.plots import Plot

        plot = self.find(Plot)
        if plot is None:
            return None
        places = [QPoint(self.rng.randrange(max(plot.width(), 1)), plot.height() // 2) for _ in range(4)]
        QTest.mousePress(plot.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, places[0])
        for place in places[1:]:
            QTest.mouseMove(plot.viewport(), place)
        QTest.mouseRelease(plot.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, places[-1])
        return type(plot).__name__

    def press_key(self) -> str | None:
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        keys = {
            "[": Qt.Key.Key_BracketLeft, "]": Qt.Key.Key_BracketRight, "right": Qt.Key.Key_Right,
            "left": Qt.Key.Key_Left,
        }  # fmt: skip
        canvas = self.viewer.window._qt_window._qt_viewer.canvas.native
        what = self.rng.choice((*keys, "⇧A", "⇧B", "undo", "redo"))
        if what in keys:
            QTest.keyClick(canvas, keys[what])
        elif what in ("⇧A", "⇧B"):
            key = Qt.Key.Key_A if what == "⇧A" else Qt.Key.Key_B
            QTest.keyClick(canvas, key, Qt.KeyboardModifier.ShiftModifier)
        else:
            control = Qt.KeyboardModifier.ControlModifier
            shift = Qt.KeyboardModifier.ShiftModifier if what == "redo" else Qt.KeyboardModifier.NoModifier
            QTest.keyClick(canvas, Qt.Key.Key_Z, control | shift)
        return what

    def move_slider(self) -> str | None:
        last = self.viewer.dims.nsteps[0] - 1
        if self.viewer.dims.ndim < 3 or last < 1:
            return None
        if self.rng.random() < 0.15:
            dims = self.viewer.window._qt_window._qt_viewer.dims
            if dims.is_playing:
                dims.stop()
                return "stop playing"
            dims.play(0, 5)  # as fast as many layers are drawn without a graphics card
            return "play"
        frame = self.rng.randint(0, last)
        self.viewer.dims.set_current_step(0, frame)
        return f"to {frame}"

    def train(self) -> str | None:
        panel = self.panel("Train")
        if panel is None or not panel.start_button.isEnabled():
            return None
        latents, epochs = self.rng.choice(("2", "4", "5", "auto", "")), self.rng.choice(("0", "1", "2", "5", "5000"))
        if self.rng.random() < 0.8:  # else with whatever was typed before
            panel.form.set_value(panel.form.model())
        self.type(panel.form.fields["latents"].native, latents)
        self.type(panel.form.fields["epochs"].native, epochs)
        self.click(panel.start_button)
        return f"{latents!r} latents, {epochs!r} epochs"

    def set_ranges(self) -> str | None:
        stack = self.session.stack
        if stack is None:
            return None
        n = stack.n_frames
        cut = self.rng.randint(n // 4, 3 * n // 4)
        panel = self.panel("Compare")
        if panel is None:
            return None
        rate = stack.frame_rate or 1
        if panel.sides.unit.currentText() == "frames":
            rate = 1
        for letter, (start, stop) in (("a", (0, cut)), ("b", (cut, n))):
            self.type(panel.sides.fields[letter], f"{start / rate:.2f} - {(stop - 1) / rate:.2f}")
        return f"split at {cut}"

    def compare(self) -> str | None:
        panel = self.panel("Compare")
        if panel is None or not panel.run_button.isEnabled():
            return None
        resamples = self.rng.choice(("19", "99", "199", "20000"))
        self.type(panel.form.fields["resamples"].native, resamples)
        self.click(panel.run_button)
        return f"{resamples} resamples"

    def stop(self) -> str | None:
        from napari_varae.widgets.parts.state_strip import JobLine

        lines = [line for panel in self.panels() for line in panel.findChildren(JobLine) if line.stop.isVisible()]
        if not lines or not lines[0].stop.isEnabled():
            return None
        self.click(lines[0].stop)
        return "by the state strip"

    def toggle_views(self) -> str | None:
        panel = self.panel("Look")
        if panel is None:
            return None
        name, box = self.rng.choice(list(panel.views.items()))
        if not box.isEnabled():
            return None
        self.click(box)
        return name

    def click_table(self) -> str | None:
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest
        from qtpy.QtWidgets import QTableWidget

        table = self.find(QTableWidget)
        if table is None or not table.rowCount():
            return None
        item = table.item(self.rng.randrange(table.rowCount()), 0)
        table.scrollToItem(item)
        at = table.visualItemRect(item).center()
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
        return "a row"

    def open_file(self) -> str | None:
        panel = self.panel("Movie")
        if panel is None or self.session.job != "idle":
            return None
        self.wish = None if self.rng.random() < 0.2 else self.rng.choice(list(SHAPES))
        self.click(panel._openers[0])  # a dialog, which `answer` fills in
        return "by its dialog"

    def use_fit(self) -> str | None:
        panel = self.panel("Train")
        if panel is None or panel.fits.choice.count() < 2 or not panel.fits.choice.isEnabled():
            return None
        index = self.rng.randrange(panel.fits.choice.count())
        panel.fits.choice.setCurrentIndex(index)
        panel.fits.choice.activated.emit(index)
        return panel.fits.choice.itemText(index)

    def change_layers(self) -> str | None:
        layers = self.viewer.layers
        others = [layer for layer in layers if layer.name not in self.mine]
        what = self.rng.choice(("delete", "duplicate", "hide", "rename", "move", "select"))
        if what == "hide" and len(layers):
            layer = self.rng.choice(list(layers))
            layer.visible = not layer.visible
        elif what == "select" and len(layers):
            layers.selection.active = self.rng.choice(list(layers))
        elif what == "move" and len(layers) > 1:
            layers.move(self.rng.randrange(len(layers)), self.rng.randrange(len(layers)))
        elif others:
            layer = self.rng.choice(others)
            layers.selection = {layer}
            if what == "delete" and self.rng.random() < 0.5:
                layers.remove_selected()
            elif what == "duplicate" and len(layers) < 9:
                from napari.layers._layer_actions import _duplicate_layer

                _duplicate_layer(layers)
            elif what == "rename":
                layer.name = f"{layer.name[:20]} & <i>x</i>"
        else:
            return None
        return what

    def close_dock(self) -> str | None:
        panels = self.panels()
        if not panels:
            return None
        panel = self.rng.choice(panels)
        dock, name = panel.parentWidget(), panel.dock
        how = self.rng.choice(("close", "hide", "float"))
        if how == "close":
            dock.destroyOnClose()
        elif how == "hide":
            dock.hide()
        else:
            dock.setFloating(not dock.isFloating())
        return f"{how} {name}"

    def open_docks(self) -> str | None:
        self.open_workspace(self.viewer)
        return "all"

    def open_one_dock(self) -> str | None:
        from napari_varae.widgets.workspace import DOCKS

        name = self.rng.choice((*DOCKS, "All docks"))
        self.viewer.window.add_plugin_dock_widget("napari-varae", name)
        return name

    def raise_dock(self) -> str | None:
        names = sorted({w.dock for w in self.viewer.window.dock_widgets.values() if getattr(w, "dock", "")})
        if not names:
            return None
        name = self.rng.choice(names)
        self.panel(name)
        return name

    def change_window(self) -> str | None:
        what = self.rng.choice(("theme", "size", "reset"))
        if what == "theme":
            self.viewer.theme = self.rng.choice(("dark", "light"))
        elif what == "size":
            self.viewer.window.resize(self.rng.randint(800, 1500), self.rng.randint(600, 950))
        else:
            self.viewer.reset_view()
        return what

    def drop_file(self) -> str | None:
        if len(self.viewer.layers) > 9:
            return None
        path = self.folder / "recordings" / "small.tif"
        self.viewer.open(str(path), plugin="napari")
        return path.name

    def answer(self) -> None:
        """Fill in a dialog, or cancel it."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest
        from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit

        dialog = QApplication.activeModalWidget() or QApplication.activePopupWidget()
        if dialog is None:
            return
        faulthandler.dump_traceback_later(STUCK, exit=True)
        if isinstance(dialog, QFileDialog) and self.rng.random() < 0.9:
            saves = dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
            fits = "fit" in dialog.windowTitle().lower()
            if saves:
                name = self.rng.choice(("one", "two", "three")) + (".varae" if fits else "")
                path = self.folder / "fits" / name
            else:
                files = sorted((self.folder / "recordings").iterdir()) + sorted((self.folder / "fits").iterdir())
                some = [file for file in files if (file.suffix == ".varae") == fits] or files
                path = self.rng.choice(some)
                if self.wish is not None and not fits:
                    path, self.wish = self.folder / "recordings" / self.wish, None
            print(f"  {dialog.windowTitle()!r}: {path.name}", flush=True)
            field = dialog.findChild(QLineEdit)
            field.setText(str(path))
            QTest.keyClick(field, Qt.Key.Key_Return)
        else:
            print(f"  {type(dialog).__name__} {dialog.windowTitle()!r}: cancelled", flush=True)
            QTest.keyClick(dialog, Qt.Key.Key_Escape)


def digest(layer: Any) -> str:
    """Digest of the data, the grid and the metadata of a layer."""
    data = np.ascontiguousarray(layer.data)
    return hashlib.sha256(data.tobytes() + repr(sorted(layer.metadata)).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
