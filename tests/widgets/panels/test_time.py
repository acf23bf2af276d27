"""The Time dock: traces, raster, cursor and frame sets, with mouse and keys."""

import weakref

import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QMenu

from napari_varae.core.movie.stack import Stack
from napari_varae.io.trials import open_trials
from napari_varae.viewer.movie import open_movie

from ..mouse import place


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


def cursor(panel):
    return panel.traces._cursor.value()


def drag(qtbot, plot, start, end, modifier=Qt.KeyboardModifier.NoModifier):
    """Drag with the left button from one point of a plot to another."""
    qtbot.wait(50)
    start, end = place(plot, *start), place(plot, *end)
    qtbot.mousePress(plot.viewport(), Qt.MouseButton.LeftButton, modifier, pos=start)
    for share in (0.3, 0.6, 1.0, 1.0):
        at = (start + (end - start) * share).toPointF()
        left = Qt.MouseButton.LeftButton
        move = QMouseEvent(QEvent.Type.MouseMove, at, plot.viewport().mapToGlobal(at), left, left, modifier)
        QApplication.sendEvent(plot.viewport(), move)
        qtbot.wait(20)
    qtbot.mouseRelease(plot.viewport(), Qt.MouseButton.LeftButton, modifier, pos=end)
    qtbot.wait(20)


@pytest.mark.long
def test_the_cursor_is_the_frame_in_view(viewer, panel, session, trained, qtbot):
    viewer.dims.set_current_step(0, 70)
    qtbot.waitUntil(lambda: cursor(panel) == pytest.approx(7.0))


@pytest.mark.long
def test_the_cursor_moves_without_drawing_traces_again_until_they_change(panel, session, trained, qtbot, monkeypatch):
    curve = panel.traces._curves[0].curve
    drawn = []
    paint = type(curve).paint

    def count(self, *args):
        drawn.append(self)
        paint(self, *args)

    monkeypatch.setattr(type(curve), "paint", count)
    qtbot.wait(100)
    drawn.clear()
    for frame in (50, 90, 130):
        session.set_frame(frame)
        qtbot.waitUntil(lambda frame=frame: cursor(panel) == pytest.approx(frame / 10))
        qtbot.wait(20)
    assert curve not in drawn
    panel.traces.setXRange(2, 9)
    qtbot.waitUntil(lambda: curve in drawn)


@pytest.mark.long
def test_a_click_on_the_traces_moves_the_movie(viewer, panel, session, trained, qtbot):
    qtbot.mouseClick(panel.traces.viewport(), Qt.MouseButton.LeftButton, pos=place(panel.traces, 12.0, 1))
    qtbot.waitUntil(lambda: abs(session.frame - 120) <= 2)
    assert viewer.dims.point[0] == pytest.approx(session.frame / 10)


@pytest.mark.long
def test_dragging_the_edge_of_a_segment_changes_it(panel, session, trained, qtbot):
    session.set_range("a", (20, 80))
    drag(qtbot, panel.traces, (8.0, 2.5), (11.0, 2.5))
    ((first, last),) = session.ranges["a"]
    assert first == 20
    assert abs(last - 110) <= 3
    session.undo()
    assert session.ranges["a"] == ((20, 80),)


@pytest.mark.long
def test_one_segment_of_many_can_be_dragged(panel, session, trained, qtbot):
    segments = [(10 * i, 10 * i + 4) for i in range(18)]
    session.set_range("b", segments)
    drag(qtbot, panel.traces, (5.4, 2.5), (5.7, 2.5))
    changed = [pair for pair in zip(segments, session.ranges["b"], strict=True) if pair[0] != pair[1]]
    assert [before for before, _ in changed] == [(50, 54)]


@pytest.mark.long
def test_a_drag_over_empty_space_makes_a_segment_of_the_selected_set(panel, session, trained, qtbot):
    drag(qtbot, panel.traces, (3.0, 2.5), (6.0, 2.5))
    panel.sets.table.setCurrentCell(1, 0)
    drag(qtbot, panel.traces, (14.0, 2.5), (9.0, 2.5))
    ((start, stop),), ((start_b, stop_b),) = session.ranges["a"], session.ranges["b"]
    assert (start, stop, start_b, stop_b) == pytest.approx((30, 60, 90, 140), abs=3)
    drag(qtbot, panel.traces, (15.0, 2.5), (16.0, 2.5))
    assert len(session.ranges["b"]) == 2


@pytest.mark.long
def test_shift_drag_pans_and_a_button_brings_the_whole_back(panel, session, trained, qtbot):
    panel.traces.setXRange(2, 8, padding=0)
    drag(qtbot, panel.traces, (5.0, 2.5), (4.0, 2.5), Qt.KeyboardModifier.ShiftModifier)
    assert session.ranges == {"a": (), "b": ()}
    assert panel.traces.getViewBox().viewRange()[0] == pytest.approx([3, 9], abs=0.3)
    panel.traces.reset_view()
    assert panel.traces.getViewBox().viewRange()[0] == pytest.approx([0, 20])


@pytest.mark.long
def test_edges_snap_to_trials_unless_that_is_off(panel, session, trained, qtbot):
    session.use_trials(open_trials({"start_frame": [50], "stop_frame": [100], "condition": ["go"]}))
    plot = panel.traces
    pixel = plot.getViewBox().viewPixelSize()[0]
    drag(qtbot, plot, (2.0, 2.5), (5.0 + 3 * pixel, 2.5))
    assert session.ranges["a"] == ((20, 50),)
    session.undo()
    panel._set_snaps(False)
    drag(qtbot, plot, (2.0, 2.5), (5.0 + 3 * pixel, 2.5))
    assert session.ranges["a"][0][1] == round(10 * (5 + 3 * pixel))


@pytest.mark.long
def test_segments_that_meet_become_one(panel, session, trained):
    session.set_range("a", [(20, 80), (100, 120)])
    panel.traces.segments.moved.emit("a".upper(), [(2.0, 10.5), (10.0, 12.0)])
    assert session.ranges["a"] == ((20, 120),)


@pytest.mark.long
def test_the_menu_of_a_segment_removes_it(panel, session, trained):
    session.set_range("a", [(20, 80), (100, 120)])
    actions = {action.text(): action for action in panel._menu_at(4.0).actions()}
    actions["Remove this segment of A"].trigger()
    assert session.ranges["a"] == ((100, 120),)
    assert "Remove this segment of A" not in [action.text() for action in panel._menu_at(4.0).actions()]


@pytest.mark.long
def test_keys_undo_redo_and_remove(viewer, panel, session, trained, qtbot):
    viewer.window._qt_window.activateWindow()
    panel.sets.table.setFocus()
    qtbot.waitUntil(panel.sets.table.hasFocus)
    session.add_segment("A", (20, 80))
    session.set_frame(30)
    qtbot.keyClick(panel.sets.table, Qt.Key.Key_Delete)
    assert session.ranges["a"] == ()
    qtbot.keyClick(panel.sets.table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.ranges["a"] == ((20, 80),)
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(panel.sets.table, Qt.Key.Key_Z, both)
    assert session.ranges["a"] == ()


@pytest.mark.long
def test_names_and_segments_can_be_typed_in_the_table(panel, session, trained, notices):
    table = panel.sets.table
    table.item(0, 0).setText("quiet")
    table.item(0, 3).setText("1 - 2, 4 - 5.5")
    assert session.frame_sets["quiet"] == ((10, 20), (40, 55)) == session.ranges["a"]
    table.item(0, 0).setText("B")
    assert "already" in notices.pop()
    assert table.item(0, 0).text() == "quiet"
    table.item(0, 3).setText("5 - 2")
    assert "5.0 - 2.0 s is empty" in notices.pop()
    assert session.frame_sets["quiet"] == ((10, 20), (40, 55))


@pytest.mark.long
def test_a_click_chooses_the_side(panel, session, trained):
    session.set_frame_sets({"go": [(0, 10)], "nogo": [(20, 30)]})
    panel.sets.table._clicked(2, 1)
    panel.sets.table._clicked(3, 2)
    assert session.ranges == {"a": ((0, 10),), "b": ((20, 30),)}
    assert [panel.sets.table.item(line, 1).text() for line in range(4)] == ["", "", "●", ""]


@pytest.mark.long
def test_frame_sets_go_to_a_table_and_back(panel, session, trained, tmp_path, notices):
    session.set_frame_sets({"go": [(0, 10), (40, 50)], "nogo": [(20, 30)]})
    panel.sets.export(str(tmp_path / "sets.csv"))
    before = session.frame_sets
    while session.can_undo:
        session.undo()
    panel.sets.import_sets(str(tmp_path / "sets.csv"))
    assert [session.frame_sets[name] for name in ("go", "nogo")] == [before["go"], before["nogo"]]
    assert session.ranges["a"] == before["go"], "the first two are compared while nothing else is"
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    panel.sets.import_sets(str(tmp_path / "bad.csv"))
    assert "No column is the start" in notices.pop()


@pytest.mark.long
def test_the_raster_shows_all_latents_and_a_click_chooses_one(panel, session, trained, qtbot):
    panel.sort_raster("strength")
    image = panel.traces.raster._image.image
    assert image.shape == (4, 200)
    expected = np.argsort(-session.latents.std(axis=0) * trained.strengths)
    z = (session.latents - session.latents.mean(axis=0)) / session.latents.std(axis=0)
    np.testing.assert_allclose(image[::-1], z[:, expected].T, atol=1e-4)
    qtbot.wait(50)
    qtbot.mouseClick(panel.traces.viewport(), Qt.MouseButton.LeftButton, pos=place(panel.traces, 10.0, 2.7))
    qtbot.waitUntil(lambda: session.latent == expected[0])
    panel.show_rows("raster", False)
    assert not panel.traces.raster._image.isVisible()


@pytest.mark.long
def test_a_region_that_was_drawn_is_traced(viewer, panel, session, trained, stack, idle):
    labels = np.zeros(stack.shape[1:], dtype=int)
    labels[4:9, 5:12], labels[20:24, 20:24] = 1, 2
    layer = viewer.add_labels(labels, name="mine", scale=viewer.layers[0].scale[-2:])
    panel._trace(layer)
    idle()
    movie = np.asarray(stack.read(0, stack.n_frames))
    np.testing.assert_allclose(session.regions["mine 1"], movie[:, 4:9, 5:12].mean(axis=(1, 2)), rtol=1e-5)
    assert len(panel.traces._curves) == 6
    session.show_regions({})
    assert len(panel.traces._curves) == 4


@pytest.mark.long
def test_marks_and_keys_make_ranges(viewer, panel, session, trained, qtbot, notices):
    panel.make_range("a")
    assert "Mark a start" in notices[0]
    canvas = viewer.window._qt_viewer.canvas.native
    for frame, key in ((10, Qt.Key.Key_BracketLeft), (49, Qt.Key.Key_BracketRight)):
        session.set_frame(frame)
        qtbot.keyClick(canvas, key)
    qtbot.keyClick(canvas, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    assert session.ranges["a"] == ((10, 50),)
    assert panel.marks[0].text() == "Start  [  1.0"
    panel.sets.table.setCurrentCell(1, 0)
    qtbot.keyClick(canvas, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    assert session.ranges["b"] == ((10, 50),), "added to the frame set that is selected"
    panel.parentWidget().hide()
    session.set_frame(150)
    qtbot.keyClick(canvas, Qt.Key.Key_BracketRight)
    assert panel.session.marks == [10, 50]


@pytest.mark.long
def test_marks_in_the_wrong_order_make_a_range_of_one_frame_or_more(panel, session, movie):
    session.set_frame(50)
    panel.mark(0)
    session.set_frame(20)
    panel.mark(1)
    panel.make_range("b")
    assert session.ranges["b"] == ((20, 51),)


@pytest.mark.long
def test_latents_can_be_chosen(panel, session, trained, notices):
    assert len(panel.traces._curves) == 4
    panel.which.setText("2, 0")
    panel.which.editingFinished.emit()
    assert len(panel.traces._curves) == 2
    panel.which.setText("9")
    panel.which.editingFinished.emit()
    assert "between 0 and 3" in panel.which.complaint.text()


@pytest.mark.long
def test_time_is_in_frames_until_the_rate_is_known(viewer, panel, session, stack):
    open_movie(viewer, Stack(stack.array))
    assert panel.traces.getAxis("bottom").labelText == "frame"
    session.describe_movie(20, None)
    assert panel.traces.getAxis("bottom").labelText == "time (s)"
    assert panel.traces.getViewBox().viewRange()[0] == pytest.approx([0, 10])


@pytest.mark.long
def test_an_edge_under_the_cursor_can_be_dragged(panel, session, trained, qtbot):
    """As after End, Make A: the cursor lies on the end of the range."""
    session.set_range("a", (20, 80))
    session.set_frame(80)
    drag(qtbot, panel.traces, (8.0, 2.5), (11.0, 2.5))
    qtbot.waitUntil(lambda: session.ranges["a"] != ((20, 80),))
    assert abs(session.ranges["a"][0][1] - 110) <= 3
    assert session.frame == 80


@pytest.mark.long
def test_the_cursor_inside_a_range_can_be_dragged(panel, session, trained, qtbot):
    session.set_range("a", (20, 150))
    session.set_frame(60)
    drag(qtbot, panel.traces, (6.0, 2.5), (9.0, 2.5))
    qtbot.waitUntil(lambda: abs(session.frame - 90) <= 3)
    assert session.ranges["a"] == ((20, 150),)


@pytest.mark.long
def test_latents_can_be_typed_as_a_range_and_a_typo_stays(panel, session, trained, notices):
    panel.which.setText("1-3")
    panel.which.editingFinished.emit()
    assert len(panel.traces._curves) == 3
    panel.which.setText("1-3, x")
    panel.which.editingFinished.emit()
    assert "'x' is not a number or a range" in panel.which.complaint.text()
    assert panel.which.text() == "1-3, x"
    assert len(panel.traces._curves) == 3
    session.set_frames((0, 100))  # shows the latents again, and complains no more
    assert not notices


@pytest.mark.long
def test_components_are_not_computed_again_for_each_change(docks, session, trained, monkeypatch):
    def fail(*_):
        raise AssertionError("on the thread of the screen")

    monkeypatch.setattr("numpy.linalg.eigh", fail)
    monkeypatch.setattr("numpy.linalg.svd", fail)
    session.describe_movie(12, None)
    session.keep_fit(trained)
    session.use_fit(trained, session.latents, components=session.components)
    np.testing.assert_allclose(docks["Trajectory"].plots_ab[0]._points, session.components[:, :2])


@pytest.mark.long
def test_the_menu_of_rows_offers_what_can_be_shown(viewer, panel, session, trained, stack, idle):
    menu = QMenu()

    def entry(text, where=None):
        panel._fill_rows(menu)
        actions = [action for action in menu.actions() if not where or action.text() == where]
        if where:
            actions = actions[0].menu().actions()
        return next(action for action in actions if text in action.text())

    before = len(panel.traces._curves)
    assert entry("Latents").isChecked()
    entry("Prediction error").trigger()
    assert len(panel.traces._curves) == before + 1
    entry("Prediction error").trigger()
    assert len(panel.traces._curves) == before
    entry("strength", "Sort the raster by").trigger()
    assert entry("All latents").isChecked()
    assert entry("strength", "Sort the raster by").isChecked()
    assert not entry("no Labels or Shapes", "Mean over the regions of").isEnabled()
    labels = np.zeros(stack.shape[1:], dtype=int)
    labels[4:9, 5:12] = 1
    viewer.add_labels(labels, name="drawn", scale=viewer.layers[0].scale[-2:])
    entry("drawn", "Mean over the regions of").trigger()
    idle()
    assert list(session.regions) == ["drawn 1"]
    entry("Hide the regions").trigger()
    assert not session.regions
    entry("Snap edges").trigger()
    assert not panel.snaps
