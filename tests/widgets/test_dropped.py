"""Files dropped on a window, or opened by File > Open: movies, fits, choices."""

import threading

import numpy as np
import tifffile
from qtpy.QtCore import QTimer

from napari_varae.session.session import session_of
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


def dropped(qtbot, viewer, path, then):
    """Drop something while the window waits for its user."""
    QTimer.singleShot(0, lambda: viewer.open(str(path), plugin="napari-varae"))
    qtbot.waitUntil(then, timeout=20_000)


def test_a_dropped_movie_opens_in_the_background(viewer, qtbot, tmp_path, monkeypatch):
    from napari_varae import io

    np.save(tmp_path / "movie.npy", GOOD)
    threads, plain = [], io.open_stack

    def open_stack(*args, **kwargs):
        threads.append(threading.current_thread())
        return plain(*args, **kwargs)

    monkeypatch.setattr(io, "open_stack", open_stack)
    dropped(qtbot, viewer, tmp_path / "movie.npy", lambda: len(viewer.layers) == 1)
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()
    session = session_of(viewer)
    assert session.stack.shape == GOOD.shape
    assert dock_key("Movie") in viewer.window.dock_widgets
    np.save(tmp_path / "other.npy", GOOD[:20])
    dropped(qtbot, viewer, tmp_path / "other.npy", lambda: len(viewer.layers) == 2)
    assert session.stack.shape == GOOD.shape  # nothing is replaced


def test_the_reason_why_a_dropped_file_does_not_open_is_shown(viewer, qtbot, tmp_path, notices):
    (tmp_path / "movie.h5").write_bytes(b"nothing of the kind")
    dropped(qtbot, viewer, tmp_path / "movie.h5", lambda: any("could not be read as HDF5" in text for text in notices))
    assert not viewer.layers


def test_a_choice_of_a_dropped_file_is_asked_in_the_movie_dock(viewer, qtbot, tmp_path):
    tifffile.imwrite(tmp_path / "two.tif", np.stack([GOOD, GOOD + 1], 1), imagej=True, metadata={"axes": "TCYX"})
    dropped(qtbot, viewer, tmp_path / "two.tif", lambda: session_of(viewer).question is not None)
    assert list(session_of(viewer).question.options) == ["channel"]
