"""Files dropped on a window, or opened by File > Open: movies, fits, choices."""

import numpy as np
import tifffile

from napari_varae.widgets.parts.docks import dock_key

GOOD = np.random.default_rng(0).integers(0, 1000, (40, 16, 16), dtype=np.uint16)


def test_a_dropped_movie_is_the_movie(viewer, session, tmp_path):
    tifffile.imwrite(tmp_path / "movie.tif", GOOD)
    viewer.open(str(tmp_path / "movie.tif"), plugin="napari-varae")
    assert session.stack.shape == GOOD.shape
    assert session.stack.name == "movie.tif"


def test_a_dropped_fit_is_loaded(viewer, session, movie, fit, tmp_path, idle, notices):
    path = fit.save(tmp_path / "cells.varae")
    viewer.open(str(path), plugin="napari-varae")
    idle()
    assert session.fit.id == fit.id
    assert len(viewer.layers) == 1
    assert not [notice for notice in notices if notice.startswith("error")]


def test_a_fit_opens_the_train_dock(viewer, fit, tmp_path, notices):
    viewer.open(str(fit.save(tmp_path / "cells.varae")), plugin="napari-varae")
    assert dock_key("Train") in viewer.window.dock_widgets
    assert "There is no movie yet" in notices.pop()


def test_a_choice_is_asked_in_the_movie_dock(viewer, docks, session, tmp_path, idle):
    tifffile.imwrite(tmp_path / "two.tif", np.stack([GOOD, GOOD + 1], 1), imagej=True, metadata={"axes": "TCYX"})
    docks["Compare"].parentWidget().raise_()
    viewer.open(str(tmp_path / "two.tif"), plugin="napari-varae")
    assert not viewer.layers
    question = docks["Movie"].question
    assert not question.isHidden()
    question.fields["channel"].setCurrentIndex(2)
    question.open_button.click()
    idle()
    np.testing.assert_array_equal(session.stack.read(0, 1)[0], GOOD[0] + 1)
