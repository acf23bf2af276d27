"""The Trajectory dock: axes, colours, mouse, lasso, A beside B."""

import weakref

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QScrollArea

from napari_varae.figures.colours import A_COLOUR
from napari_varae.io.behaviour import open_behaviour
from napari_varae.session.labels import describe_latent
from napari_varae.widgets.parts.trajectory_plot import project

from ..mouse import place


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)  # plots have a place for the mouse only when they are seen
    viewer.window.resize(1400, 900)
    return viewer


@pytest.fixture
def panel(docks, qtbot):
    """The dock in front, as a proxy: pytest keeps what a fixture returns longer than the window."""
    docks["Trajectory"].parentWidget().raise_()
    qtbot.waitUntil(lambda: docks["Trajectory"].plots_ab[0].isVisible())
    qtbot.wait(50)
    return weakref.proxy(docks["Trajectory"])


def drag(qtbot, plot, corners):
    qtbot.mousePress(plot.viewport(), Qt.MouseButton.LeftButton, pos=corners[0])
    for corner in corners[1:]:
        qtbot.mouseMove(plot.viewport(), corner)
        qtbot.wait(20)
    qtbot.mouseRelease(plot.viewport(), Qt.MouseButton.LeftButton, pos=corners[-1])
    qtbot.wait(20)


@pytest.mark.long
def test_the_current_frame_is_marked(panel, session, trained):
    session.set_frame(70)
    plot = panel.plots_ab[0]
    here = plot._here.getData()
    assert (here[0][0], here[1][0]) == pytest.approx(tuple(plot._points[70]))


@pytest.mark.long
def test_a_click_moves_the_movie(panel, session, trained, qtbot):
    plot = panel.plots_ab[0]
    x, y = plot._points[33]
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=place(plot, x, y))
    qtbot.waitUntil(lambda: session.frame != 0)
    assert np.linalg.norm((plot._points[session.frame] - (x, y)) / np.ptp(plot._points, axis=0)) < 0.03


@pytest.mark.long
def test_axes_can_be_chosen(panel, session, trained):
    for box, latent in zip(panel.axes, (2, 0), strict=False):
        box.setCurrentText(f"latent {describe_latent(trained, latent)}")
    np.testing.assert_allclose(panel.plots_ab[0]._points, session.latents[:, [2, 0]])


@pytest.mark.long
def test_three_dimensions_can_be_turned(panel, session, trained, qtbot):
    panel.axes[2].setCurrentText("PC 3")
    plot = panel.plots_ab[0]
    before = plot._points.copy()
    middle = plot.viewport().rect().center()
    drag(qtbot, plot, [middle, middle + QPoint(20, 0), middle + QPoint(60, 0), middle + QPoint(60, 0)])
    assert plot.angles[0] != 0.6
    assert not np.allclose(before, plot._points)


def test_projections_keep_lengths_seen_face_on(rng):
    """Seen along y, x and z are as they are, in SD; from any angle, lengths in three dimensions are upper bounds."""
    values = rng.standard_normal((50, 3)) * (1, 5, 20)
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    np.testing.assert_allclose(project(values, (0.0, 0.0)), z[:, [0, 2]], atol=1e-12)
    for angles in rng.uniform(-1.5, 1.5, (20, 2)):
        assert (np.linalg.norm(project(values, tuple(angles)), axis=1) <= np.linalg.norm(z, axis=1) + 1e-9).all()


@pytest.mark.long
def test_a_lasso_adds_frames_to_the_selected_set(panel, session, trained, qtbot):
    panel.lasso.setChecked(True)
    plot = panel.plots_ab[0]
    low, high = plot._points.min(axis=0), plot._points.max(axis=0)
    margin = 0.02 * (high - low)
    (x0, y0), (x1, y1) = low - margin, high + margin
    drag(qtbot, plot, [place(plot, *at) for at in ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y1))])
    assert session.ranges["a"] == ((0, 200),)
    session.undo()
    assert session.ranges["a"] == ()


@pytest.mark.long
def test_a_lasso_around_nothing_is_reported(panel, session, trained, notices):
    panel._lassoed(np.zeros(200, dtype=bool))
    assert "No 2 successive frames" in notices.pop()
    assert session.ranges["a"] == ()


@pytest.mark.long
def test_colours_have_a_legend(panel, session, trained):
    assert "time: 0" in panel.legend.text()
    session.set_frame_sets({"<go>": [(0, 100)]}, ("<go>", "B"))
    panel.colour.setCurrentText("frame set")
    assert "&lt;go&gt;" in panel.legend.text()
    assert panel.plots_ab[0]._brushes[10].color().name() == A_COLOUR
    session.use_behaviour(open_behaviour({"speed": np.linspace(2, 5, 200)}))
    panel.colour.setCurrentText("speed")
    assert "speed: 2" in panel.legend.text()


@pytest.mark.long
def test_a_lies_beside_b_on_the_same_axes(panel, session, trained, qtbot):
    session.set_range("a", (0, 50))
    session.set_range("b", (100, 150))
    panel.beside.setChecked(True)
    a, b = panel.plots_ab
    assert b.isVisible()
    np.testing.assert_allclose(a._points[:50], session.components[:50, :2])
    assert np.isnan(a._points[50:]).all()
    np.testing.assert_allclose(b._points[100:150], session.components[100:150, :2])
    qtbot.wait(50)
    assert a.getViewBox().viewRange()[1] == pytest.approx(b.getViewBox().viewRange()[1])


@pytest.mark.long
def test_hovering_names_the_frame(panel, session, trained):
    panel._point(33)
    assert panel.place.text() == "Frame 33, 3.3 s"
    panel._point(-1)
    assert "Click a point" in panel.place.text()


@pytest.mark.long
def test_without_a_fit_nothing_is_drawn(panel, session, movie):
    assert "appears here" in panel.legend.text()
    assert len(panel.plots_ab[0]._points) == 0


@pytest.mark.long
def test_three_dimensions_have_named_axes_that_turn(panel, session, trained, qtbot):
    plot = panel.plots_ab[0]
    assert not plot._triad.isVisible()
    assert plot.getAxis("left").isVisible()
    panel.axes[2].setCurrentText("PC 3")
    assert plot._triad.isVisible()
    assert plot._triad.names == ("PC 1", "PC 2", "PC 3")
    assert not plot.getAxis("left").isVisible()  # ticks without values
    qtbot.wait(20)
    scale = np.array(plot.getViewBox().viewPixelSize())
    for angles in ((0.6, 0.4), (0.0, 0.0), (1.2, -1.0)):
        plot.turn(angles)
        assert np.linalg.norm(plot._triad.ends, axis=1).max() == pytest.approx(36)
        along = project(np.vstack([np.eye(3), -np.eye(3)]), angles)[:3] / scale * (1, -1)
        np.testing.assert_allclose(plot._triad.ends / 36, along / np.linalg.norm(along, axis=1).max(), atol=1e-6)
    panel.axes[2].setCurrentIndex(0)
    assert not plot._triad.isVisible()
    assert plot.getAxis("left").isVisible()


def test_a_and_b_are_named_above_their_plots(panel, session, trained):
    session.set_frame_sets({"<go>": [(0, 50)]}, ("<go>", "B"))
    panel.beside.setChecked(True)
    assert [plot.title for plot in panel.plots_ab] == ["A: <go>", "B"]
    assert "&lt;go&gt;" in panel.plots_ab[0].getPlotItem().titleLabel.text
    panel.beside.setChecked(False)
    assert panel.plots_ab[0].title == ""


@pytest.mark.long
def test_a_frame_of_neither_side_is_marked_in_both(panel, session, trained):
    session.set_range("a", (0, 50))
    session.set_range("b", (100, 150))
    panel.beside.setChecked(True)
    session.set_frame(20)
    a, b = panel.plots_ab
    styles = [plot._here.opts["pen"].style() for plot in (a, b)]
    assert styles == [Qt.PenStyle.SolidLine, Qt.PenStyle.DotLine]
    session.set_frame(170)
    for plot in (a, b):
        x, y = plot._here.getData()
        assert (x[0], y[0]) == pytest.approx(tuple(session.components[170, :2]))
        assert plot._here.opts["pen"].style() == Qt.PenStyle.DotLine


def test_a_low_window_shows_legend_and_plot_without_scrolling(panel, session, trained, viewer, qtbot):
    viewer.window.resize(1280, 720)
    panel.beside.setChecked(True)
    area = panel.findChild(QScrollArea)
    qtbot.waitUntil(lambda: not area.verticalScrollBar().isVisible(), timeout=2000)
    assert panel.legend.mapTo(panel.window(), QPoint()).y() < panel.splitter.mapTo(panel.window(), QPoint()).y()
