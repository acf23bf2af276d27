"""A recording with cells, trials and behaviour, from its file to an analysis, by mouse and keys in a real window."""

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QFileDialog,
    QScrollArea,
    QStyle,
    QStyleOptionSlider,
    QTabBar,
)

from napari_varae.io.trials import open_trials
from napari_varae.viewer.cells import CELLS
from napari_varae.viewer.provenance import MOVIE, ours
from napari_varae.widgets.parts.state_strip import JobLine

from .mouse import place

LATENTS, TRIALS, LENGTH, PAIRS = 10, 16, 30, 3


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)  # a mouse has a place only in what is seen
    viewer.window.resize(1500, 950)
    return viewer


@pytest.fixture
def files(recordings, tmp_path):
    """What a user has besides the recording: cells in a label image, and trials of two conditions that take turns."""
    mean = tifffile.imread(recordings / "mouse_tactile_2p.tif").mean(0)
    labels = np.zeros(mean.shape, np.uint16)
    for value in range(1, 9):
        y, x = np.unravel_index(np.where(labels == 0, mean, -np.inf).argmax(), mean.shape)
        labels[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5] = value
    tifffile.imwrite(tmp_path / "cells.tif", labels)
    rows = [f"{LENGTH * i},{LENGTH * i + LENGTH - 2},{('left', 'right')[i % 2]}" for i in range(TRIALS)]
    (tmp_path / "trials.csv").write_text("\n".join(["start_frame,stop_frame,condition", *rows]))
    return {
        "movie": recordings / "mouse_tactile_2p.tif",
        "traces": recordings / "mouse_tactile_2p_covariates.csv",
        "cells": tmp_path / "cells.tif",
        "trials": tmp_path / "trials.csv",
    }


@pytest.fixture
def user(viewer, docks, idle, qtbot, monkeypatch):
    return User(viewer, docks, idle, qtbot, monkeypatch)


class User:
    """Hands: they touch what can be seen, and nothing else."""

    def __init__(self, viewer, docks, idle, qtbot, monkeypatch) -> None:
        self.viewer, self.docks, self.idle, self.qtbot, self.monkeypatch = viewer, docks, idle, qtbot, monkeypatch

    def bring(self, name):
        """Click on the tab of a dock, and return its panel."""
        panel = self.docks[name]
        for bar in self.viewer.window._qt_window.findChildren(QTabBar):
            for i in range(bar.count()):
                if bar.tabText(i) == name:
                    self.qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(i).center())
        self.qtbot.waitUntil(lambda: not panel.visibleRegion().isEmpty())
        return panel

    def click(self, panel, widget):
        """Scroll to a widget, click on it, and wait for what it begins."""
        self.see(panel, widget)
        assert widget.isEnabled(), f"{widget.text()!r} is grey"
        box = isinstance(widget, QCheckBox)  # which is where its mark is, however wide the row
        self.qtbot.mouseClick(
            widget, Qt.MouseButton.LeftButton, pos=QPoint(12, widget.height() // 2) if box else QPoint()
        )
        self.idle()

    def type(self, panel, widget, text):
        """Replace the text of a field."""
        self.see(panel, widget)
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)
        self.qtbot.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        self.qtbot.keyClicks(widget, text)
        self.qtbot.keyClick(widget, Qt.Key.Key_Return)

    def press(self, panel, text):
        """Click on the button with this text."""
        (found,) = [b for b in panel.findChildren(QAbstractButton) if b.text() == text and b.isVisible()]
        self.click(panel, found)

    def open(self, panel, text, path):
        """Press a button that asks for a file, and choose one in the dialog of the system, which no test can touch."""
        self.monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args, **_more: (str(path), ""))
        self.monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_args, **_more: ([str(path)], ""))
        self.press(panel, text)

    def save(self, panel, text, path):
        """Press a button that asks where to save, and choose a place."""
        self.monkeypatch.setattr(QFileDialog, "exec", lambda _dialog: True)
        self.monkeypatch.setattr(QFileDialog, "selectedFiles", lambda _dialog: [str(path)])
        self.press(panel, text)

    def choose(self, panel, box, text):
        """Go through a drop-down with the arrow keys until a choice is there."""
        self.see(panel, box)
        box.setFocus()
        for key in [Qt.Key.Key_Home, *[Qt.Key.Key_Down] * box.count()]:
            self.qtbot.keyClick(box, key)
            if box.currentText() == text:
                return
        raise AssertionError(f"{text!r} is not offered")

    def drag(self, widget, points, between=lambda: None):
        """Press the mouse at the first of some points of a widget, and release it at the last."""
        self.qtbot.mousePress(widget, Qt.MouseButton.LeftButton, pos=points[0])
        for point in points[1:]:
            move(widget, point)
            self.qtbot.wait(20)  # plots look at the mouse a hundred times a second at most
        between()
        self.qtbot.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=points[-1])
        self.idle()

    def drag_slider(self, panel, slider, pixels, between=lambda: None):
        """Take the handle of a slider and move it."""
        self.see(panel, slider)
        option = QStyleOptionSlider()
        slider.initStyleOption(option)
        handle = slider.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, slider
        )
        at = handle.center()
        steps = [at + QPoint(round(share * pixels), 0) for share in (0, 0.3, 0.6, 1)]
        self.drag(slider, steps, between)

    def looks(self):
        """How the canvas looks: an image (Y, X, 3)."""
        return self.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)

    def click_image(self, point):
        """Click on a point (y, x) of the world, in the canvas."""
        canvas, camera = self.viewer.window._qt_viewer.canvas.native, self.viewer.scene.camera
        away = (np.asarray(point) - np.asarray(camera.center)[-2:]) * camera.zoom
        at = QPoint(round(canvas.width() / 2 + away[1]), round(canvas.height() / 2 + away[0]))
        self.qtbot.mouseMove(canvas, at)
        self.qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at)

    def see(self, panel, widget):
        """Scroll until a widget is in view."""

        def seen():
            for scroll in panel.findChildren(QScrollArea):
                if scroll.isAncestorOf(widget):
                    scroll.ensureWidgetVisible(widget)
            return not widget.visibleRegion().isEmpty()

        self.qtbot.waitUntil(seen)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_from_the_files_to_a_saved_analysis(viewer, docks, session, user, files, qtbot, idle, notices, tmp_path):
    movie = user.bring("Movie")
    user.open(movie, "Open file…", files["movie"])
    assert session.stack.shape == (500, 64, 64)
    user.type(movie, movie.frame_rate, "10")
    user.press(movie, "Apply")
    assert session.stack.frame_rate == 10

    cells = user.bring("Cells")
    user.open(cells, "Open file…", files["cells"])
    assert session.cells.ids == tuple(range(1, 9))
    behaviour = user.bring("Behaviour")
    user.open(behaviour, "Open trials…", files["trials"])
    user.open(behaviour, "Open traces…", files["traces"])
    assert session.behaviour.names == ("runningSpeed", "corridorPosition")
    user.press(behaviour, "Use as A and B")
    assert session.frame_sets.names[:2] == ("left", "right")

    train = user.bring("Train")
    user.type(train, train.form.fields["latents"].native, str(LATENTS))
    user.type(train, train.form.fields["epochs"].native, "1")
    user.press(train, "Train")
    assert session.fit.latents == LATENTS

    time = user.bring("Time")
    names = [name for _, name in time.traces.getAxis("left")._tickLevels[0]]
    assert "runningSpeed" in names
    qtbot.mouseClick(time.traces.viewport(), Qt.MouseButton.LeftButton, pos=place(time.traces, 20.0, 1))
    qtbot.waitUntil(lambda: abs(session.frame - 200) <= 3)

    compare = user.bring("Compare")
    user.type(compare, compare.form.fields["resamples"].native, "99")
    user.press(compare, "Compare A with B")
    result = session.comparison
    trials = open_trials(files["trials"])
    assert {letter: result.ranges[letter] for letter in "ab"} == {
        "a": tuple(trials.frames("left")), "b": tuple(trials.frames("right")),
    }  # fmt: skip
    assert result.test.n_blocks == TRIALS  # whole trials were permuted
    assert result.test.n_strata > 1  # within strata of time, since they take turns
    assert f"{result.coupling.p_value:.3g}" in compare.verdict.coupling[0].text()
    user.type(compare, compare.form.fields["resamples"].native, "19")
    user.choose(compare, compare.placebo.where, "permuted segments")
    user.see(compare, compare.placebo.run_button)
    qtbot.mouseClick(compare.placebo.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.progress.done >= PAIRS, timeout=60_000)
    user.click(compare, compare.findChild(JobLine).stop)  # what was found so far is enough
    pairs = len(session.comparison.placebo)
    assert pairs >= PAIRS
    assert compare.placebo.plot.isVisible()

    cells_shown = next(layer for layer, _ in ours(viewer, CELLS))
    matched = [k for k in range(LATENTS) if session.cell_of(k) is not None]
    assert matched, "no latent has a cell"
    inside = np.argwhere(cells_shown.data == session.cell_of(matched[0]))
    user.click_image(inside[len(inside) // 2] * cells_shown.scale)
    assert session.latent == matched[0]

    look, before = user.bring("Look"), user.looks()
    assert look.subject.currentText() == "one latent"  # the one that was clicked
    user.choose(look, look.subject, "the whole VAR")
    user.click(look, look.own_past)
    user.press(look, "Show map")
    shown, _ = next(ours(viewer, "map:"))
    assert shown.name == "driver map of the whole VAR"
    changed = np.abs(user.looks() - before).max(-1) > 40
    assert changed.mean() > 0.01, "the map cannot be seen"

    links = user.bring("Links")
    user.click(links, links.image.arrows)
    assert session.graph.shown
    of_fit, seen = np.count_nonzero(session.shown_var.coefficients), []

    def held():
        seen.append((session.penalty, shown.name))

    user.drag_slider(links, links.sparsity.slider, 60, held)
    assert np.count_nonzero(session.shown_var.coefficients) > of_fit
    assert len(session.drawn_edges())
    assert seen == [(session.penalty, "driver map of the whole VAR")]  # maps follow once the slider is released
    assert shown.name == f"driver map of the whole VAR, penalty {session.penalty:.3g}"
    user.press(links, "Back to the penalty of the fit")
    assert session.penalty is None

    trajectory = user.bring("Trajectory")
    user.click(trajectory, trajectory.lasso)
    plot, sets = trajectory.plots_ab[0], session.frame_sets
    user.see(trajectory, plot)
    user.drag(plot.viewport(), around(plot))
    assert session.frame_sets[session.active] == ((0, 500),)
    time = user.bring("Time")
    user.press(time, "Undo")
    assert session.frame_sets == sets

    fit, folder = session.fit, tmp_path / "analysis"
    movie = user.bring("Movie")
    user.save(movie, "Save analysis…", folder)
    assert f"Saved in {folder}" in movie.analysis.state.text()
    user.monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_args, **_more: str(folder))
    user.press(movie, "Open analysis…")
    assert session.fit is not fit
    assert session.fit.id == fit.id
    assert session.frame_sets == sets
    assert session.trials.conditions == ("left", "right")
    assert session.cells.ids == tuple(range(1, 9))
    assert session.behaviour.names == ("runningSpeed", "corridorPosition")
    (done,) = session.results
    assert done.names == ("left", "right")
    assert done.comparison.coupling.p_value == result.coupling.p_value
    assert len(done.comparison.placebo) == pairs
    assert len(list(ours(viewer, MOVIE))) == 1
    assert not [notice for notice in notices if notice.startswith(("error", "warning"))]


def move(widget, point):
    """Move the mouse with its left button held, which qtbot cannot."""
    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(point), QPointF(widget.mapToGlobal(point)), Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


def around(plot):
    """Corners of a lasso around all points of a plot."""
    low, high = plot._points.min(axis=0), plot._points.max(axis=0)
    margin = 0.02 * (high - low)
    (x0, y0), (x1, y1) = low - margin, high + margin
    return [place(plot, *at) for at in ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y1))]
