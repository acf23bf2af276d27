"""The Links dock: the sparsity slider, the curve beside it, the graph on the image, the matrix, and clicks."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_varae.core.settings import FitConfig
from napari_varae.session.results import Edge
from napari_varae.viewer.provenance import ours


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


def test_without_a_fit_there_is_nothing_but_the_way_to_one(docks, session, movie, dense):
    panel = docks["Links"]
    assert "No fit yet" in panel.summary.text()
    for part in (panel.sparsity.slider, panel.sparsity.path, panel.image.strongest, panel.image.drawn, panel.matrix):
        assert not part.isVisibleTo(panel)  # napari draws a slider that is switched off as one that is not
    session.use_fit(dense, dense.encode(movie))
    assert panel.sparsity.slider.isVisibleTo(panel)
    assert not panel.sparsity.use_button.isEnabled()
    assert "Move the slider" in panel.sparsity.use_button.toolTip()
    session.set_penalty(0.1)
    assert "Makes a fit with this penalty" in panel.sparsity.use_button.toolTip()


def test_links_are_counted_in_words(docks, session, used):
    panel = docks["Links"]
    path = np.geomspace(used.var.path.max_penalty.max(), used.var.path.min_penalty.max(), 2000)
    penalty = next(penalty for penalty in path if links(used.var.at(penalty)) == 1)
    session.set_penalty(1.0)
    assert panel.sparsity.sparsity_text.text().startswith("0 links at")
    assert panel.image.drawn.text() == "There are no links to draw."
    session.set_penalty(float(penalty))
    assert panel.sparsity.sparsity_text.text().startswith("1 link at")
    if session.drawn_edges():  # it is not one of the whole image
        assert panel.image.drawn.text().startswith("1 link. ")
    session.set_penalty(None)
    assert panel.image.drawn.text().startswith(f"All {len(session.drawn_edges())} links. ")
    panel.image.strongest.setValue(1)
    assert panel.image.drawn.text().startswith("The strongest link. ")


def test_the_number_of_a_chosen_link_follows_the_penalty(docks, session, used):
    panel = docks["Links"]
    session.set_edge(session.drawn_edges()[-1][0])
    assert "no link" not in panel.cell.text()
    session.set_penalty(1.0)
    assert panel.cell.text().endswith(": no link")


def test_the_chosen_latent_is_marked_in_the_matrix(docks, session, used):
    lines = docks["Links"].matrix._of_latent
    assert not any(line.isVisible() for line in lines)
    session.set_latent(2)
    assert [(line.rect().x(), line.rect().y()) for line in lines] == [(0, 2), (2, 0)]
    assert all(line.isVisible() for line in lines)
    session.set_latent(None)
    assert not any(line.isVisible() for line in lines)


def test_the_axis_of_penalties_is_that_of_the_path(docks, session, used):
    plot = docks["Links"].sparsity.path
    ((ticks,),) = (plot.getAxis("bottom")._tickLevels,)
    assert all(used.var.path.min_penalty.max() <= float(text) <= used.var.path.max_penalty.max() for _, text in ticks)
    assert all(10**at == pytest.approx(float(text)) for at, text in ticks)


@pytest.mark.long
def test_the_slider_goes_from_no_link_to_many_and_all_follows(docks, session, used):
    panel = docks["Links"]
    assert f"{links(used.var)} links at penalty 0.02 (that of the fit)" in panel.sparsity.sparsity_text.text()
    counts = []
    for step in (0, 300, 700, 1000):
        panel.sparsity.slider.setValue(step)
        counts.append(links(session.shown_var))
        assert panel.sparsity.sparsity_text.text().startswith(f"{counts[-1]} link")
        shown = panel.matrix._image.image
        np.testing.assert_array_equal(np.sign(shown), np.sign(session.shown_var.coefficients[0]))
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert session.shown_var.penalty == used.var.path.min_penalty.max()
    assert session.fit is used
    panel.sparsity.back_button.click()
    assert session.penalty is None
    assert not panel.sparsity.use_button.isEnabled()


def test_the_slider_stands_where_the_penalty_is(docks, session, used):
    panel = docks["Links"]
    session.set_penalty(used.var.path.max_penalty.max() / 10)
    assert panel.sparsity.slider.value() == pytest.approx(500, abs=1)
    assert panel.sparsity.path._tried.value() == pytest.approx(np.log10(session.penalty))
    assert panel.sparsity.path._fit.value() == pytest.approx(np.log10(used.var.penalty))
    panel.sparsity.path.dragged.emit(0.1)  # the line in the plot is a slider, too
    assert session.penalty == 0.1


def test_a_used_penalty_is_that_of_the_fit_of_comparisons_and_of_the_file(docks, session, used, tmp_path):
    panel = docks["Links"]
    session.set_penalty(0.1)
    panel.sparsity.use_button.click()
    assert session.fit is not used
    assert session.fits == [used, session.fit]
    assert (session.fit.var.penalty, session.penalty) == (0.1, None)
    assert "(that of the fit)" in panel.sparsity.sparsity_text.text()
    session.fit.save(tmp_path / "used")


@pytest.mark.long
def test_visible_maps_follow_when_the_slider_is_released(viewer, docks, session, used, idle):
    panel = docks["Links"]
    edge = Edge(1, *np.argwhere(used.var.coefficients[0] * (1 - np.eye(6)))[0].tolist())
    session.pick_edge(edge)
    idle()
    (layer,) = maps(viewer)
    assert layer.name == f"driver map of link {edge}"
    before = layer.data.copy()
    panel.sparsity.slider.setSliderDown(True)
    panel.sparsity.slider.setValue(950)
    assert session.job == "idle"  # only once it is released
    panel.sparsity.slider.setSliderDown(False)
    panel.sparsity.released()
    idle()
    assert maps(viewer) == [layer]
    assert f"penalty {session.penalty:.3g}" in layer.name
    assert not np.array_equal(layer.data, before)
    panel.sparsity.use_penalty()
    idle()
    assert layer.name == f"driver map of link {edge}"


@pytest.mark.long
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


def test_of_links_picked_while_a_map_is_computed_the_last_one_counts(viewer, docks, session, used, idle):
    targets = np.argwhere(used.var.coefficients[0] * (1 - np.eye(6)))[:3].tolist()
    for target, source in targets:
        docks["Links"].matrix.picked.emit(target, source)
    idle()
    assert [layer.name for layer in maps(viewer)] == [f"driver map of link {Edge(1, *targets[-1])}"]


@pytest.mark.long
def test_the_boxes_and_the_session_show_the_same(viewer, docks, session, used):
    panel = docks["Links"]
    panel.image.arrows.click()
    assert session.graph.shown
    panel.image.strongest.setValue(3)
    assert len(session.drawn_edges()) == 3
    assert panel.image.drawn.text().startswith("The strongest 3 links")
    panel.image.strongest.setValue(400)
    assert panel.image.drawn.text().startswith(f"All {len(session.drawn_edges())} links")
    (layer,) = [layer for layer, _ in ours(viewer, "links")]
    viewer.layers.remove(layer)
    assert not panel.image.arrows.isChecked()


@pytest.mark.long
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
    x, y = panel.sparsity.path._curve.getOriginalDataset()
    assert len(x) == len(y) == 40
    assert "20 frames" in panel.sparsity.curve_text.text()
    assert "dashed" not in panel.sparsity.curve_text.text()  # the line of the fit lies below that of the penalty
    session.set_penalty(0.1)
    assert "dashed: that of the fit" in panel.sparsity.curve_text.text()
    session.use_penalty()
    assert session.along_path is not None  # of the same latents
    assert not _running


def test_the_slider_moves_by_keys(docks, qtbot, session, used):
    panel = docks["Links"]
    panel.sparsity.slider.setFocus()
    before = panel.sparsity.slider.value()
    qtbot.keyClick(panel.sparsity.slider, Qt.Key.Key_Right)
    assert panel.sparsity.slider.value() == before + 1
    assert session.penalty is not None
