"""The Links dock: the sparsity slider, the curve beside it, the graph on the image, the matrix, and clicks."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_varae.core.settings import FitConfig
from napari_varae.session.results import Edge
from napari_varae.viewer.ours import ours


@pytest.fixture(scope="module")
def dense(stack):
    from napari_varae.core.training.train import fit

    return fit(stack, FitConfig(latents=6, epochs=0, sparsity="fixed", penalty=0.02))


@pytest.fixture
def used(session, movie, dense):
    """The movie and a fit with several links, in use."""
    session.use_fit(dense, dense.encode(movie))
    return dense


def links(var):
    return np.count_nonzero(var.coefficients * (1 - np.eye(var.latents)))


def maps(viewer):
    return [layer for layer, _ in ours(viewer, "map:")]


def test_without_a_fit_nothing_can_be_moved(docks, session):
    panel = docks["Links"]
    assert not panel.slider.isEnabled()
    assert not panel.use_button.isEnabled()
    assert "No fit yet" in panel.summary.text()


def test_the_slider_goes_from_no_link_to_many_and_all_follows(docks, session, used):
    panel = docks["Links"]
    assert f"{links(used.var)} links at penalty 0.02 (that of the fit)" in panel.sparsity_text.text()
    counts = []
    for step in (0, 300, 700, 1000):
        panel.slider.setValue(step)
        counts.append(links(session.shown_var))
        assert panel.sparsity_text.text().startswith(f"{counts[-1]} links")
        shown = panel.matrix._image.image
        np.testing.assert_array_equal(np.sign(shown), np.sign(session.shown_var.coefficients[0]))
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert session.shown_var.penalty == used.var.path.min_penalty.max()
    assert session.fit is used
    panel.back_button.click()
    assert session.penalty is None
    assert not panel.use_button.isEnabled()


def test_the_slider_stands_where_the_penalty_is(docks, session, used):
    panel = docks["Links"]
    session.set_penalty(used.var.path.max_penalty.max() / 10)
    assert panel.slider.value() == pytest.approx(500, abs=1)
    assert panel.path._tried.value() == pytest.approx(np.log10(session.penalty))
    assert panel.path._fit.value() == pytest.approx(np.log10(used.var.penalty))
    panel.path.dragged.emit(0.1)  # the line in the plot is a slider, too
    assert session.penalty == 0.1


def test_a_used_penalty_is_that_of_the_fit_of_comparisons_and_of_the_file(docks, session, used, tmp_path):
    panel = docks["Links"]
    session.set_penalty(0.1)
    panel.use_button.click()
    assert session.fit is not used
    assert session.fits == [used, session.fit]
    assert (session.fit.var.penalty, session.penalty) == (0.1, None)
    assert "(that of the fit)" in panel.sparsity_text.text()
    session.fit.save(tmp_path / "used")


def test_visible_maps_follow_when_the_slider_is_released(viewer, docks, session, used, idle):
    panel = docks["Links"]
    edge = Edge(1, *np.argwhere(used.var.coefficients[0] * (1 - np.eye(6)))[0].tolist())
    session.pick_edge(edge)
    idle()
    (layer,) = maps(viewer)
    assert layer.name == f"driver map of link {edge}"
    before = layer.data.copy()
    panel.slider.setSliderDown(True)
    panel.slider.setValue(950)
    assert session.job == "idle"  # only once it is released
    panel.slider.setSliderDown(False)
    panel._released()
    idle()
    assert maps(viewer) == [layer]
    assert f"penalty {session.penalty:.3g}" in layer.name
    assert not np.array_equal(layer.data, before)
    panel.use_penalty()
    idle()
    assert layer.name == f"driver map of link {edge}"


def test_each_link_that_is_clicked_takes_the_place_of_the_one_before(viewer, docks, session, used, idle):
    panel = docks["Links"]
    targets = np.argwhere(used.var.coefficients[0] * (1 - np.eye(6)))[:2].tolist()
    for target, source in targets:
        panel.matrix.picked.emit(target, source)
        idle()
    assert [layer.name for layer in maps(viewer)] == [f"driver map of link {Edge(1, *targets[1])}"]
    panel.on_click.setCurrentIndex(panel.on_click.findText("nothing more"))
    panel.matrix.picked.emit(*targets[0])
    assert session.edge == Edge(1, *targets[0])
    assert session.job == "idle"


def test_the_boxes_and_the_session_show_the_same(viewer, docks, session, used):
    panel = docks["Links"]
    panel.arrows.click()
    assert session.graph.shown
    panel.strongest.setValue(3)
    assert len(session.drawn_edges()) == 3
    assert panel.drawn.text().startswith("The strongest 3 links")
    panel.strongest.setValue(400)
    assert panel.drawn.text().startswith(f"All {len(session.drawn_edges())} links")
    (layer,) = [layer for layer, _ in ours(viewer, "links")]
    viewer.layers.remove(layer)
    assert not panel.arrows.isChecked()


def test_all_lags_show_the_largest_of_each_pair(docks, session, movie):
    panel = docks["Links"]
    from napari_varae.core.training.train import fit

    two = fit(movie, FitConfig(latents=5, epochs=0, order=2, sparsity="fixed", penalty=0.02))
    session.use_fit(two, two.encode(movie))
    assert panel.lag.count() == 3
    panel.lag.setCurrentIndex(2)
    largest = np.abs(two.var.coefficients).max(0)
    np.testing.assert_allclose(panel.matrix._image.image**2, largest, rtol=1e-6)
    late = np.argwhere((np.abs(two.var.coefficients).argmax(0) == 1) & (largest > 0))[0].tolist()
    panel.matrix.picked.emit(*late)
    assert session.edge == Edge(2, *late)
    assert panel.matrix._mark.isVisible()


def test_held_out_prediction_comes_by_itself_once_the_dock_is_looked_at(make_napari_viewer, qtbot, stack, dense):
    from napari_varae.session.session import session_of
    from napari_varae.viewer.movie import open_movie
    from napari_varae.widgets.jobs.background import _running
    from napari_varae.widgets.panels.links import LinksPanel

    viewer = make_napari_viewer(show=True)
    panel = LinksPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Links")
    session = session_of(viewer)
    open_movie(viewer, stack)
    session.use_fit(dense, dense.encode(stack))
    qtbot.waitUntil(lambda: session.along_path is not None and not _running, timeout=30_000)
    x, y = panel.path._curve.getOriginalDataset()
    assert len(x) == len(y) == 40
    assert "20 frames" in panel.curve_text.text()
    session.set_penalty(0.1)
    session.use_penalty()
    assert session.along_path is not None  # of the same latents
    assert not _running


def test_the_slider_moves_by_keys(docks, qtbot, session, used):
    panel = docks["Links"]
    panel.slider.setFocus()
    before = panel.slider.value()
    qtbot.keyClick(panel.slider, Qt.Key.Key_Right)
    assert panel.slider.value() == before + 1
    assert session.penalty is not None
