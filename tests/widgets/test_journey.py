"""The way of a user from a movie to an answer, through the docks of a real window."""

import json

import numpy as np
import pytest
import tifffile
from napari.utils.progress import progress

from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.session.labels import describe_latent
from napari_varae.session.results import Edge
from napari_varae.session.time_rows import strongest_latents
from napari_varae.viewer import provenance

from .conftest import PATIENCE, QUICK


def edge_of(table, line):
    edge = table.edges.edge(line)
    return edge.lag - 1, edge.target, edge.source


@pytest.mark.long
def test_from_the_movie_to_the_answer(viewer, docks, session, movie, idle, qtbot, notices, tmp_path):
    train, look, compare = docks["Train"], docks["Look"], docks["Compare"]
    assert "chosen at first use" in session.device
    train.form.set_value(QUICK)
    train.start_button.click()
    assert session.job == "training"
    assert not train.start_button.isEnabled()
    idle()
    assert session.history[0].epoch == 0  # the start
    filled = ("smoothing", "window", "threads")
    assert session.fit.config == QUICK.model_copy(update={name: getattr(session.fit.config, name) for name in filled})
    assert session.latents.shape == (movie.n_frames, 4)
    assert session.device.startswith("CPU")
    assert "Best epoch" in train.status.text() or "No epoch" in train.status.text()
    assert session.fit.id[:6] in train.fits.choice.currentText()

    for box in look.views.values():
        box.click()
    assert len(viewer.layers) == 5
    for subject, kind in (("whole", "driver"), ("latent", "effect")):
        look.kind.setCurrentIndex(look.kind.findData(kind))
        look.subject.setCurrentIndex(look.subject.findData(subject))
        look.map_button.click()
        idle()
    assert {"driver map of the whole VAR", "effect map of latent 0"} <= {layer.name for layer in viewer.layers}

    session.set_range("a", (0, 90))
    session.set_range("b", (100, 200))
    assert compare.sides.fields["a"].text() == "0.0 - 9.0"
    compare.form.fields["resamples"].set_value(29)
    compare.run_button.click()
    assert session.job == "comparing"
    idle()
    result = session.comparison
    assert result.null.shape == (29,)
    assert compare.verdict.coupling[0].text().endswith(f"{result.coupling.p_value:.3g}")
    assert compare.table.edges.rowCount() == len(result.edges["lag"]) == 16

    linked = [line for line in range(16) if session.fit.var.coefficients[edge_of(compare.table, line)] != 0]
    compare.table.selectRow(linked[0])
    idle()
    assert f"driver map of link {session.edge}" in viewer.layers

    compare.export(str(tmp_path / "result.json"))
    compare.export(str(tmp_path / "result.csv"))
    assert json.loads((tmp_path / "result.json").read_text())["p_value"] == pytest.approx(result.p_value)
    assert len((tmp_path / "result.csv").read_text().splitlines()) == 17
    assert [text for text in notices if not text.startswith("info") and "is empty" not in text] == []


def test_a_fit_is_saved_loaded_and_returned_to(docks, session, trained, movie, idle, tmp_path, notices):
    train = docks["Train"]
    train.fits.save(str(tmp_path / "cells.varae"))
    train.fits.load(str(tmp_path / "cells.varae"))
    idle()
    assert session.fit is not trained
    assert session.fit.id == trained.id
    np.testing.assert_allclose(session.latents, trained.encode(movie), rtol=1e-5, atol=1e-5)
    assert len(session.fits) == 2
    train.fits.choice.activated.emit(0)
    idle()
    assert session.fit is trained
    assert all(text.startswith("info") for text in notices)


def test_a_file_that_is_no_fit_or_for_another_size_is_told(docks, session, trained, idle, tmp_path, notices, rng):
    trained.save(tmp_path / "cells.varae")
    (tmp_path / "text.varae").write_bytes(b"nothing of the kind")
    docks["Train"].fits.load(str(tmp_path / "text.varae"))
    idle()
    assert len(notices) == 1
    assert "text.varae" in notices.pop()
    assert session.fit is trained
    session.use_movie(Stack(rng.random((60, 16, 20), dtype=np.float32)))
    docks["Train"].fits.load(str(tmp_path / "cells.varae"))
    idle()
    (error,) = [notice for notice in notices if notice.startswith("error")]
    assert "32 x 32" in error
    assert session.fit is None


@pytest.mark.long
def test_pause_stop_and_keep_stop_and_drop(docks, session, movie, idle, qtbot, notices):
    train = docks["Train"]

    def start():
        train.form.set_value(FitConfig(latents=4, epochs=100_000, patience=100_000))
        train.start_button.click()
        qtbot.waitUntil(lambda: session.job == "training" and len(session.history) >= 1, timeout=PATIENCE)

    start()
    train.pause_button.click()
    assert train.pause_button.text() == "Resume"
    qtbot.wait(300)  # the batch at hand
    reached = len(session.history)
    qtbot.wait(300)
    assert len(session.history) == reached
    train.pause_button.click()
    qtbot.waitUntil(lambda: len(session.history) > reached, timeout=PATIENCE)
    train.keep_button.click()
    assert session.job == "stopping"
    idle()
    kept = session.fit
    assert len(kept.history) == len(session.history) < 1000
    said = train.status.text()

    start()
    train.pause_button.click()
    train.drop_button.click()
    idle()
    assert train.status.text() == f"{said} These curves belong to a run whose model is not in use."
    train.start_button.click()
    train.keep_button.click()  # before there is a start: it will be kept, unless this takes too long
    assert not train.keep_button.isEnabled()
    assert train.drop_button.isEnabled()
    train.drop_button.click()
    idle()
    assert not session.history
    assert session.fit is kept
    assert session.fits == [kept]
    assert not notices


@pytest.mark.long
def test_what_cannot_be_trained_is_told_and_the_earlier_fit_stays(docks, session, trained, idle, notices, stack):
    def attempt(config=QUICK):
        docks["Train"].form.set_value(config)
        docks["Train"].start()
        idle()
        (error,) = [notice for notice in notices if notice.startswith("error")]
        notices.clear()
        return error

    assert "too many" in attempt(FitConfig(latents=1000))
    session.set_frames((0, 10))
    assert "too few" in attempt()
    assert session.fit is trained
    session.use_movie(Stack(np.full((60, 16, 16), 7, dtype=np.uint16)))
    assert "do not vary" in attempt()
    frames = stack.read()
    frames[150, 3, 3] = np.nan
    session.use_movie(Stack(frames))
    assert "frame 150" in attempt()
    assert session.fits == [trained]


@pytest.mark.long
def test_overlapping_ranges_are_told_and_a_comparison_can_be_stopped(docks, session, trained, idle, qtbot, notices):
    session.set_range("a", (0, 120))
    session.set_range("b", (100, 200))
    assert "share 20 frames" in docks["Compare"].sides.notes.text()
    docks["Compare"].run()
    idle()
    assert len(notices) == 1
    assert "share 20 frames" in notices.pop()
    assert session.comparison is None
    session.set_range("a", (0, 90))
    session.set_range("b", (100, 200))
    docks["Compare"].form.fields["resamples"].set_value(100_000)
    docks["Compare"].run()
    qtbot.waitUntil(lambda: any(bar.n > 19 for bar in progress._all_instances), timeout=PATIENCE)
    docks["Compare"].stop_button.click()
    idle()
    assert not notices
    assert 19 < session.comparison.test.resamples < 100_000
    assert docks["Compare"].verdict.folds["Cautions"].isVisibleTo(docks["Compare"])


@pytest.mark.long
def test_ranges_can_be_typed_in_seconds_and_frames(docks, session, movie, notices):
    compare = docks["Compare"]
    compare.sides.fields["a"].setText("0 - 4, 6 - 8.5")
    compare.sides.fields["a"].editingFinished.emit()
    assert session.ranges["a"] == ((0, 40), (60, 85))
    compare.sides.unit.setCurrentText("frames")
    assert compare.sides.fields["a"].text() == "0 - 40, 60 - 85"
    compare.sides.fields["b"].setText("100 - 300")
    compare.sides.fields["b"].editingFinished.emit()
    assert "Range B" in compare.sides.fields["b"].complaint.text()
    assert not notices
    assert session.ranges["b"] == ()
    compare.sides.fields["a"].setText("")
    compare.sides.fields["a"].editingFinished.emit()
    assert session.ranges["a"] == ()


def test_maps_need_what_they_are_about(docks, session, trained, notices):
    look = docks["Look"]
    look.subject.setCurrentIndex(look.subject.findData("edge"))
    look.show_map()
    assert "Choose a link" in notices[-1]
    look.subject.setCurrentIndex(look.subject.findData("whole"))
    look.span.setCurrentIndex(look.span.findData("a-b"))
    look.show_map()
    assert "Set the range" in notices[-1]
    look.span.setCurrentIndex(look.span.findData("all"))
    look.subject.setCurrentIndex(look.subject.findData("latent"))
    look.latent.lineEdit().setText("first")
    look.show_map()
    assert "not a whole number" in notices[-1]
    assert session.job == "idle"


@pytest.mark.long
def test_a_difference_map_is_the_difference(viewer, docks, session, trained, movie, idle):
    from napari_varae.core.maps.contribution import contribution_map

    session.set_range("a", [(0, 40), (60, 100)])
    session.set_range("b", (100, 200))
    look = docks["Look"]
    look.span.setCurrentIndex(look.span.findData("a-b"))
    look.own_past.setChecked(True)
    look.show_map()
    idle()
    parts = [contribution_map(trained, movie, frames=f, own_past=True) for f in ((0, 40), (60, 100), (100, 200))]
    shown = viewer.layers["driver map of the whole VAR, A minus B"]
    np.testing.assert_allclose(shown.data, (parts[0] + parts[1]) / 2 - parts[2], rtol=1e-4, atol=1e-6)
    assert "A minus B" in shown.metadata[provenance.KEY]["definition"]


@pytest.mark.long
def test_a_beside_b_are_two_maps_with_the_same_limits(viewer, docks, session, trained, idle):
    session.set_range("a", (0, 40))
    session.set_range("b", (100, 200))
    look = docks["Look"]
    look.own_past.setChecked(True)
    look.show_map()
    idle()
    whole = viewer.layers["driver map of the whole VAR"]
    look.span.setCurrentIndex(look.span.findData("a|b"))
    look.show_map()
    idle()
    a, b = (viewer.layers[f"{letter}: driver map of the whole VAR"] for letter in "AB")
    assert a.contrast_limits == b.contrast_limits
    assert not np.array_equal(a.data, b.data)
    assert (whole.visible, viewer.canvas.grid.enabled, look.beside.isChecked()) == (False, True, True)
    fields = [[viewer.layers[i] for i in layers if viewer.layers[i].visible]
              for _, layers in viewer.canvas.grid.iter_viewboxes(viewer.layers)]  # fmt: skip
    assert [field[-1] for field in fields] == [a, b]  # nothing else takes a field
    assert all(np.array_equal(below.data, trained.static) for below, _ in fields)
    shown = viewer.layers[movie_name := session.stack.name]
    assert not shown.visible
    look.beside.click()
    assert not viewer.canvas.grid.enabled
    assert viewer.layers[movie_name].visible
    assert not any(layer.visible for layer in viewer.layers if layer.name.startswith("static image"))


def test_a_map_of_each_frame_is_computed_when_it_is_looked_at(viewer, docks, session, trained, movie, idle, notices):
    from napari_varae.core.maps.frame_contributions import FrameContributions

    look = docks["Look"]
    look.own_past.setChecked(True)
    look.span.setCurrentIndex(look.span.findData("frame"))
    look.show_map()
    idle()
    layer = viewer.layers["driver map of the whole VAR, each frame"]
    assert layer.data.shape == movie.shape
    assert len(layer.data._frames) < 20
    expected = FrameContributions(trained, movie, own_past=True)(30, 31)
    np.testing.assert_allclose(layer.data[30], expected[0], rtol=1e-5)
    look.kind.setCurrentIndex(look.kind.findData("effect"))
    look.show_map()
    assert "choose the driver map" in notices.pop()


def test_the_meaning_of_the_chosen_map_is_stated_with_its_unit(docks):
    look = docks["Look"]
    texts = set()
    for kind in ("driver", "effect"):
        for subject in ("whole", "latent", "edge"):
            look.kind.setCurrentIndex(look.kind.findData(kind))
            look.subject.setCurrentIndex(look.subject.findData(subject))
            texts.add(look.meaning.text())
            assert ("SD of the predicted latent" if kind == "driver" else "units of the movie") in look.meaning.text()
    assert len(texts) == 6


@pytest.mark.long
def test_cells_of_the_matrix_and_links_point_at_each_other(viewer, docks, session, trained, idle):
    links = docks["Links"]
    target, source = np.argwhere(trained.var.coefficients[0])[0].tolist()
    links.matrix.picked.emit(target, source)
    assert session.edge == Edge(1, target, source)
    idle()
    assert f"driver map of link {source} → {target}, lag 1" in viewer.layers
    names = [describe_latent(trained, latent) for latent in (source, target)]
    assert "Latent {} → latent {}".format(*names) in links.cell.text()
    session.set_edge(Edge(1, 2, 3))
    assert links.matrix._mark.isVisible()
    assert (links.matrix._mark.rect().x(), links.matrix._mark.rect().y()) == (3, 2)
    names = [describe_latent(trained, latent) for latent in (3, 2)]
    assert "Latent {} → latent {}".format(*names) in links.cell.text()


def test_latents_of_the_whole_image_are_named_and_stand_back(docks, session, trained):
    assert trained.whole_image
    for latent, change in trained.whole_image.items():
        assert f"{latent} ({change})" in docks["Links"].summary.text()
        assert docks["Trajectory"].axes[0].findText(f"latent {latent} ({change})") >= 0
    places = [k for k in range(trained.latents) if k not in trained.whole_image]
    assert strongest_latents(trained, session.latents, len(places)) == places


@pytest.mark.long
def test_the_whole_way_on_a_real_recording(viewer, docks, session, recordings, idle, tmp_path, notices):
    tactile = tifffile.imread(recordings / "mouse_tactile_2p.tif")[:200]
    tifffile.imwrite(tmp_path / "tactile.tif", tactile)
    docks["Movie"].open(str(tmp_path / "tactile.tif"))
    idle()
    docks["Train"].form.set_value(FitConfig(latents=8, epochs=2))
    docks["Train"].start()
    idle()
    docks["Look"].views["reconstruction"].click()
    shown = viewer.layers["reconstruction"]
    viewer.dims.set_current_step(0, 50)
    assert np.corrcoef(shown.data[50].ravel(), tactile[50].ravel())[0, 1] > 0.5
    assert not notices


def test_only_lags_of_the_fit_can_be_chosen(docks, session, movie, idle, notices):
    from napari_varae.core.training.train import fit

    links = docks["Links"]
    two = fit(movie, FitConfig(latents=4, epochs=0, order=2))
    session.use_fit(two, two.encode(movie))
    assert [links.lag.itemText(i) for i in range(links.lag.count())] == ["1", "2", "the largest of each pair"]
    links.lag.setCurrentIndex(1)
    np.testing.assert_array_equal(np.sign(links.matrix._image.image), np.sign(two.var.coefficients[1]))
    links.matrix.picked.emit(1, 2)
    assert session.edge == Edge(2, 1, 2)
    idle()
    one = fit(movie, FitConfig(latents=4, epochs=0))
    session.use_fit(one, one.encode(movie))
    assert links.lag.count() == 1
    np.testing.assert_array_equal(np.sign(links.matrix._image.image), np.sign(one.var.coefficients[0]))
    links.matrix.picked.emit(0, 1)
    assert session.edge == Edge(1, 0, 1)
    idle()
    look = docks["Look"]
    look.subject.setCurrentIndex(look.subject.findData("latent"))
    look.latent.set_value(7)
    look.show_map()
    assert "Choose 0 to 3" in notices.pop()


@pytest.mark.long
def test_curves_of_a_loaded_fit_are_shown(docks, session, trained, idle, tmp_path):
    train = docks["Train"]
    trained.save(tmp_path / "cells.varae")
    train.fits.load(str(tmp_path / "cells.varae"))
    idle()
    x, y = train.curves.loss._curves["held out"].getData()
    np.testing.assert_allclose(x, [report.epoch for report in trained.history])
    np.testing.assert_allclose(y, [report.held_out_loss for report in trained.history])
    assert "not in use" not in train.status.text()


def test_preparing_names_its_phase(docks, session, movie, idle, qtbot):
    train, phases = docks["Train"], []
    session.progressed.connect(lambda: phases.append(str(session.progress)))
    train.form.set_value(QUICK)
    train.start()
    idle()
    for phase in ("reading", "compressing", "finding places", "encoding the movie"):
        assert any(f"Training: {phase}" in text for text in phases), phase
