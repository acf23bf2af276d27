"""Slider and cursor, movie and layer follow each other."""

import gc
import weakref

import pytest
from napari.components import ViewerModel

from napari_varae.session.session import session_of
from napari_varae.viewer.movie import simulated_recording
from napari_varae.viewer.synchronise import follow
from napari_varae.viewer.views import show


def test_slider_and_cursor_follow_each_other(viewer, session):
    viewer.dims.set_point(0, 0.5)
    assert session.frame == 10
    session.set_frame(33)
    assert viewer.dims.point[0] == pytest.approx(33 * 0.05)
    heard = []
    session.frame_changed.connect(heard.append)
    for frame in range(80):
        viewer.dims.set_current_step(0, frame)
    assert heard == list(range(80))


def test_following_twice_is_following_once(viewer, session):
    ears = [session.frame_changed, viewer.dims.events.point.callbacks, viewer.layers.events.removed.callbacks]
    before = [len(ear) for ear in ears]
    follow(viewer, session)
    assert [len(ear) for ear in ears] == before


def test_the_cursor_survives_layers_with_more_axes(viewer, session, rng):
    viewer.add_image(rng.random((2, 80, 4, 4)))
    viewer.dims.set_point(1, 0.5)
    assert session.frame == 10


def test_removing_the_movie_layer_closes_the_movie(viewer, trained, stack, fit):
    show(viewer, stack, fit, "static")
    viewer.layers.remove(viewer.layers[1])
    assert trained.stack is stack
    viewer.layers.remove(viewer.layers[0])
    assert trained.stack is None


def test_a_sample_is_taken_up_when_there_is_no_movie(viewer):
    session = session_of(viewer)
    follow(viewer, session)
    ((data, keywords, kind),) = simulated_recording()
    assert kind == "image"
    viewer.add_image(data, **keywords)
    assert session.stack.frame_rate == pytest.approx(10)
    assert session.stack.pixel_size == 1
    viewer.add_image(data, **keywords)
    assert len(viewer.layers) == 2
    assert session.stack.array is data


def test_a_sample_that_is_open_already_is_taken_up(viewer):
    ((data, keywords, _),) = simulated_recording()
    viewer.add_image(data, **keywords)
    follow(viewer, session_of(viewer))
    assert session_of(viewer).stack is not None


def test_following_keeps_no_viewer_alive():
    viewer = ViewerModel()
    follow(viewer, session_of(viewer))
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None
