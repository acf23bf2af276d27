"""The Time dock: traces, cursor, ranges and trajectory, with mouse and keys."""

import weakref

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_varae.core.movie.stack import Stack
from napari_varae.session.labels import describe_latent
from napari_varae.viewer.movie import open_movie


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)  # plots have a place for the mouse only when they are seen
    viewer.window.resize(1400, 900)
    return viewer


@pytest.fixture
def panel(docks, qtbot):
    """The dock, as a proxy: pytest keeps what a fixture returns longer than the window."""
    qtbot.waitUntil(lambda: docks["Time"].isVisible())
    qtbot.wait(50)
    return weakref.proxy(docks["Time"])


def place(plot, x, y):
    """Where a point of a plot is on the widget."""
    at = plot.mapFromScene(plot.getViewBox().mapViewToScene(plot.getViewBox().viewRect().center().__class__(x, y)))
    return QPoint(round(at.x()), round(at.y()))


def cursor(panel):
    return panel.traces._cursor.value()


def test_the_cursor_is_the_frame_in_view(viewer, panel, session, trained, qtbot):
    viewer.dims.set_current_step(0, 70)
    qtbot.waitUntil(lambda: cursor(panel) == pytest.approx(7.0))
    here = panel.trajectory._here.getData()
    assert (here[0][0], here[1][0]) == pytest.approx(tuple(panel.trajectory._points[70]))


def test_a_click_on_the_traces_moves_the_movie(viewer, panel, session, trained, qtbot):
    qtbot.mouseClick(panel.traces.viewport(), Qt.MouseButton.LeftButton, pos=place(panel.traces, 12.0, 1))
    qtbot.waitUntil(lambda: abs(session.frame - 120) <= 2)
    assert viewer.dims.point[0] == pytest.approx(session.frame / 10)


def test_a_click_on_the_trajectory_moves_the_movie(panel, session, trained, qtbot):
    x, y = panel.trajectory._points[33]
    qtbot.mouseClick(panel.trajectory.viewport(), Qt.MouseButton.LeftButton, pos=place(panel.trajectory, x, y))
    qtbot.waitUntil(lambda: session.frame != 0)
    reached = panel.trajectory._points[session.frame]
    assert np.linalg.norm((reached - (x, y)) / np.ptp(panel.trajectory._points, axis=0)) < 0.03


def test_dragging_the_edge_of_a_range_changes_it(panel, session, trained, qtbot):
    session.set_range("a", (20, 80))
    qtbot.wait(50)
    plot = panel.traces
    start, end = place(plot, 8.0, 2.5), place(plot, 11.0, 2.5)
    qtbot.mousePress(plot.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for share in (0.3, 0.6, 1.0, 1.0):
        qtbot.mouseMove(plot.viewport(), start + (end - start) * share)
        qtbot.wait(20)
    qtbot.mouseRelease(plot.viewport(), Qt.MouseButton.LeftButton, pos=end)
    qtbot.waitUntil(lambda: session.ranges["a"] != ((20, 80),))
    ((first, last),) = session.ranges["a"]
    assert first == 20
    assert abs(last - 110) <= 3


def test_ranges_that_would_overlap_are_put_back(panel, session, trained, notices):
    session.set_range("a", [(20, 80), (100, 120)])
    panel.traces.spans_moved.emit("a", [(2.0, 10.5), (10.0, 12.0)])
    assert "overlap" in notices[0]
    assert session.ranges["a"] == ((20, 80), (100, 120))
    assert panel.traces._spans["a"][0].getRegion() == (2.0, 8.0)


def test_marks_and_keys_make_ranges(viewer, panel, session, trained, qtbot, notices):
    panel.make_range("a")
    assert "Mark a start" in notices[0]
    canvas = viewer.window._qt_viewer.canvas.native
    for frame, key in ((10, Qt.Key.Key_BracketLeft), (49, Qt.Key.Key_BracketRight)):
        session.set_frame(frame)
        qtbot.keyClick(canvas, key)
    qtbot.keyClick(canvas, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    assert session.ranges["a"] == ((10, 50),)
    assert "1.0 - 5.0 s" in panel.text.text()
    panel.parentWidget().hide()
    session.set_frame(150)
    qtbot.keyClick(canvas, Qt.Key.Key_BracketRight)
    assert panel.session.marks == [10, 50]


def test_marks_in_the_wrong_order_make_a_range_of_one_frame_or_more(panel, session, movie):
    session.set_frame(50)
    panel.mark(0)
    session.set_frame(20)
    panel.mark(1)
    panel.make_range("b")
    assert session.ranges["b"] == ((20, 51),)


def test_latents_can_be_chosen(panel, session, trained, notices):
    assert len(panel.traces._traces) == 4
    panel.which.setText("2, 0")
    panel.which.editingFinished.emit()
    assert len(panel.traces._traces) == 2
    panel.which.setText("9")
    panel.which.editingFinished.emit()
    assert "between 0 and 3" in notices[0]


def test_axes_of_the_trajectory_can_be_chosen(panel, session, trained):
    panel.x.setCurrentText(f"latent {describe_latent(trained, 2)}")
    panel.y.setCurrentText(f"latent {describe_latent(trained, 0)}")
    np.testing.assert_allclose(panel.trajectory._points, session.latents[:, [2, 0]])


def test_time_is_in_frames_until_the_rate_is_known(viewer, panel, session, stack):
    open_movie(viewer, Stack(stack.array))
    assert panel.traces.getAxis("bottom").labelText == "frame"
    session.describe_movie(20, None)
    assert panel.traces.getAxis("bottom").labelText == "time (s)"
    assert panel.traces.getViewBox().viewRange()[0] == pytest.approx([0, 10])


def test_an_edge_under_the_cursor_can_be_dragged(panel, session, trained, qtbot):
    """As after End, Make A: the cursor lies on the end of the range."""
    session.set_range("a", (20, 80))
    session.set_frame(80)
    qtbot.wait(50)
    plot = panel.traces
    start, end = place(plot, 8.0, 2.5), place(plot, 11.0, 2.5)
    qtbot.mousePress(plot.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for share in (0.3, 0.6, 1.0, 1.0):
        qtbot.mouseMove(plot.viewport(), start + (end - start) * share)
        qtbot.wait(20)
    qtbot.mouseRelease(plot.viewport(), Qt.MouseButton.LeftButton, pos=end)
    qtbot.waitUntil(lambda: session.ranges["a"] != ((20, 80),))
    assert abs(session.ranges["a"][0][1] - 110) <= 3
    assert session.frame == 80


def test_the_cursor_inside_a_range_can_be_dragged(panel, session, trained, qtbot):
    session.set_range("a", (20, 150))
    session.set_frame(60)
    qtbot.wait(50)
    plot = panel.traces
    start, end = place(plot, 6.0, 2.5), place(plot, 9.0, 2.5)
    qtbot.mousePress(plot.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for share in (0.3, 0.6, 1.0, 1.0):
        qtbot.mouseMove(plot.viewport(), start + (end - start) * share)
        qtbot.wait(20)
    qtbot.mouseRelease(plot.viewport(), Qt.MouseButton.LeftButton, pos=end)
    qtbot.waitUntil(lambda: abs(session.frame - 90) <= 3)
    assert session.ranges["a"] == ((20, 150),)


def test_latents_can_be_typed_as_a_range_and_a_typo_stays(panel, session, trained, notices):
    panel.which.setText("1-3")
    panel.which.editingFinished.emit()
    assert len(panel.traces._traces) == 3
    panel.which.setText("1-3, x")
    panel.which.editingFinished.emit()
    assert "'x' is not a number or a range" in notices.pop()
    assert panel.which.text() == "1-3, x"
    assert len(panel.traces._traces) == 3
    session.set_frames((0, 100))  # shows the latents again, and complains no more
    assert not notices


def test_a_dragged_range_is_refused_in_seconds(panel, session, trained, notices):
    session.set_range("a", [(20, 80), (100, 120)])
    panel.traces.spans_moved.emit("a", [(2.0, 10.5), (10.0, 12.0)])
    assert "2.0 - 10.5 s and 10.0 - 12.0 s overlap" in notices.pop()


def test_components_are_not_computed_again_for_each_change(panel, session, trained, monkeypatch):
    def fail(*_):
        raise AssertionError("on the thread of the screen")

    monkeypatch.setattr("numpy.linalg.eigh", fail)
    monkeypatch.setattr("numpy.linalg.svd", fail)
    session.describe_movie(12, None)
    session.keep_fit(trained)
    session.use_fit(trained, session.latents, components=session.components)
    np.testing.assert_allclose(panel.trajectory._points, session.components[:, :2])
