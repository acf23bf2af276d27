"""Layers of movie, views and maps: units, places, and the layers of the user left alone. No window is needed."""

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import simulate
from napari_varae.core.training.train import fit as train_fit
from napari_varae.errors import StackError
from napari_varae.session.session import session_of
from napari_varae.viewer import layers

SMALL = SimulationConfig(frames=80, height=32, width=24, cells=3, frame_rate=20, pixel_size=1.5)


@pytest.fixture(scope="module")
def stack():
    return simulate(SMALL).stack


@pytest.fixture(scope="module")
def fit(stack):
    return train_fit(stack, FitConfig(latents=3, epochs=0))


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def session(viewer, stack):
    session = session_of(viewer)
    layers.follow(viewer, session)
    session.use_movie(stack)
    layers.add_movie(viewer, stack)
    return session


def geometry(layer):
    return (
        tuple(layer.scale), tuple(layer.translate), tuple(str(unit) for unit in layer.units), tuple(layer.axis_labels)
    )  # fmt: skip


IN_SPACE = ((1.5, 1.5), (0, 0), ("micrometer", "micrometer"), ("y", "x"))
IN_TIME = ((0.05, 1.5, 1.5), (0, 0, 0), ("second", "micrometer", "micrometer"), ("t", "y", "x"))


def test_the_movie_is_in_seconds_and_micrometres(viewer, session, stack):
    (movie,) = viewer.layers
    assert geometry(movie) == IN_TIME
    assert viewer.dims.axis_labels == ("t", "y", "x")
    assert movie.data is stack.array
    low, high = movie.contrast_limits
    assert stack.read().min() <= low < high <= stack.read().max()


def test_unknown_rate_and_size_stay_unknown(viewer, rng):
    layer = layers.add_movie(viewer, Stack(rng.random((30, 16, 16))))
    assert geometry(layer) == ((1, 1, 1), (0, 0, 0), ("pixel", "pixel", "pixel"), ("t", "y", "x"))


@pytest.mark.parametrize("view", ["reconstruction", "residual", "prediction", "static"])
def test_views_share_the_place_of_the_movie_and_say_what_they_are(viewer, session, stack, fit, view):
    layer = layers.show(viewer, stack, fit, view)
    assert geometry(layer) == (IN_SPACE if view == "static" else IN_TIME)
    about = layer.metadata[layers.KEY]
    assert (about["fit"], about["movie"], about["kind"]) == (fit.id, fit.movie, view)
    assert len(about["definition"]) > 20
    assert viewer.layers.extent.step[0] == 0.05
    np.testing.assert_array_equal(layer.extent.world[:, -2:], viewer.layers[0].extent.world[:, -2:])


def test_views_show_what_the_fit_says(viewer, session, stack, fit):
    shown = {v: layers.show(viewer, stack, fit, v).data for v in ("reconstruction", "residual", "prediction", "static")}
    np.testing.assert_array_equal(shown["reconstruction"][7], fit.reconstruct(stack, (7, 8))[0])
    np.testing.assert_allclose(
        shown["residual"][7], stack.read(7, 8)[0] - fit.reconstruct(stack, (7, 8))[0], rtol=0, atol=1e-3
    )
    np.testing.assert_array_equal(shown["prediction"][7], fit.predict(stack, (7, 8))[0])
    np.testing.assert_array_equal(shown["static"], fit.static)


def test_playing_a_view_computes_the_frames_in_view_only(viewer, session, stack, fit):
    layer = layers.show(viewer, stack, fit, "reconstruction")
    asked = []
    compute, layer.data._compute = layer.data._compute, lambda a, b: (asked.append((a, b)), compute(a, b))[1]
    for frame in (10, 11, 12):
        session.set_frame(frame)
    assert set(asked) <= {(10, 11), (11, 12), (12, 13)}
    np.testing.assert_array_equal(layer._slice.image.view, fit.reconstruct(stack, (12, 13))[0])


def test_showing_again_updates_the_layer_in_place(viewer, session, stack, fit):
    first = layers.show(viewer, stack, fit, "reconstruction")
    first.colormap = "green"
    first.contrast_limits = (1000, 2000)
    data = first.data
    again = layers.show(viewer, stack, fit, "reconstruction")
    assert again is first
    assert again.data is not data
    assert (again.colormap.name, tuple(again.contrast_limits)) == ("green", (1000, 2000))
    assert len(viewer.layers) == 2


def test_views_can_be_hidden(viewer, session, stack, fit):
    assert not layers.is_shown(viewer, "static")
    layers.show(viewer, stack, fit, "static")
    assert layers.is_shown(viewer, "static")
    layers.hide(viewer, "static")
    layers.hide(viewer, "static")
    assert not layers.is_shown(viewer, "static")


def test_maps_are_clear_at_zero_with_symmetric_shared_limits(viewer, session, stack, fit):
    image = np.zeros(stack.shape[1:], dtype=np.float32)
    image[3, 4], image[5, 6] = 2, -4
    one = layers.show_map(viewer, stack, fit, image, "map A", "what it is", "driver")
    assert tuple(one.contrast_limits) == (-4, 4)
    other = layers.show_map(viewer, stack, fit, 2 * image, "map B", "what it is", "driver")
    apart = layers.show_map(viewer, stack, fit, image / 10, "map C", "what it is", "effect")
    assert tuple(one.contrast_limits) == tuple(other.contrast_limits) == (-8, 8)
    assert tuple(apart.contrast_limits) == pytest.approx((-0.4, 0.4))
    clear, below, above = one.colormap.map(np.array([0.5, 0.1, 0.9]))
    assert clear[3] == 0
    assert below[2] > below[0]
    assert above[0] > above[2]
    assert geometry(one) == IN_SPACE
    assert one.metadata[layers.KEY]["definition"] == "what it is"
    assert layers.show_map(viewer, stack, fit, 0 * image, "map A", "what it is", "driver") is one


def test_a_map_of_nothing_is_shown(viewer, session, stack, fit):
    layer = layers.show_map(viewer, stack, fit, np.zeros(stack.shape[1:], dtype=np.float32), "empty", "nothing")
    assert tuple(layer.contrast_limits) == (-1, 1)


def test_a_frame_rate_that_becomes_known_reaches_all_our_layers(viewer, session, stack, fit):
    layers.show(viewer, stack, fit, "reconstruction")
    layers.show(viewer, stack, fit, "static")
    mine = viewer.add_points([[1, 2, 3]], scale=(1, 1, 1))
    session.describe_movie(40, 2.0)
    layers.rescale(viewer, session.stack)
    movie, reconstruction, static, _ = viewer.layers
    assert tuple(movie.scale) == tuple(reconstruction.scale) == (0.025, 2, 2)
    assert tuple(static.scale) == (2, 2)
    assert tuple(mine.scale) == (1, 1, 1)


def test_the_layers_of_the_user_stay(viewer, session, stack, fit, rng):
    mine = [viewer.add_image(rng.random((8, 8)), name="reconstruction"), viewer.add_labels(np.ones((8, 8), dtype=int))]
    layers.show(viewer, stack, fit, "reconstruction")
    other = session.use_movie(Stack(rng.random((30, 16, 16)), name="other"))
    layers.add_movie(viewer, other)
    layers.hide(viewer, "reconstruction")
    assert all(layer in viewer.layers for layer in mine)
    assert [layer.name for layer in viewer.layers if layer not in mine] == ["other"]


def test_a_layer_of_the_user_becomes_the_movie_without_a_copy(viewer, stack, rng):
    array = rng.random((30, 16, 16))
    mine = viewer.add_image(array, colormap="magma", metadata={"note": "mine"})
    found = layers.stack_of_layer(mine)
    assert (found.frame_rate, found.pixel_size, found.array is array) == (None, None, True)
    layers.adopt(viewer, mine, Stack(array, frame_rate=5))
    assert geometry(mine)[2] == ("second", "pixel", "pixel")
    assert (mine.colormap.name, mine.metadata["note"]) == ("magma", "mine")
    layers.add_movie(viewer, stack)
    assert list(viewer.layers) == [mine]


def test_adopting_another_layer_lets_the_first_go_but_stay(viewer, rng):
    one, other = (viewer.add_image(rng.random((30, 16, 16))) for _ in range(2))
    for layer in (one, other):
        layers.adopt(viewer, layer, layers.stack_of_layer(layer))
    assert list(viewer.layers) == [one, other]
    assert layers.KEY not in one.metadata
    assert layers.KEY in other.metadata


def test_units_of_a_layer_tell_rate_and_size(rng):
    known = Image(rng.random((30, 16, 16)), scale=(0.1, 0.5, 0.5), units=("s", "um", "um"))
    found = layers.stack_of_layer(known)
    assert (found.frame_rate, found.pixel_size) == (10, 0.5)
    guess = layers.stack_of_layer(Image(rng.random((30, 16, 16)), scale=(0.1, 0.5, 0.5)))
    assert (guess.frame_rate, guess.pixel_size) == (None, None)


@pytest.mark.parametrize("shape", [(16, 16), (5, 30, 16, 16)])
def test_layers_that_are_no_movie_are_refused(shape, rng):
    with pytest.raises(StackError, match="dimensions"):
        layers.stack_of_layer(Image(rng.random(shape)))


def test_rgb_layers_are_refused(rng):
    with pytest.raises(StackError, match="RGB"):
        layers.stack_of_layer(Image(rng.random((30, 16, 16, 3)), rgb=True))


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
    layers.follow(viewer, session)
    assert [len(ear) for ear in ears] == before


def test_the_cursor_survives_layers_with_more_axes(viewer, session, rng):
    viewer.add_image(rng.random((2, 80, 4, 4)))
    viewer.dims.set_point(1, 0.5)
    assert session.frame == 10


def test_removing_the_movie_layer_closes_the_movie(viewer, session, stack, fit):
    layers.show(viewer, stack, fit, "static")
    viewer.layers.remove(viewer.layers[1])
    assert session.stack is stack
    viewer.layers.remove(viewer.layers[0])
    assert session.stack is None


def test_a_sample_is_taken_up_when_there_is_no_movie(viewer):
    session = session_of(viewer)
    layers.follow(viewer, session)
    ((data, keywords, kind),) = layers.simulated_recording()
    assert kind == "image"
    viewer.add_image(data, **keywords)
    assert session.stack.frame_rate == pytest.approx(10)
    assert session.stack.pixel_size == 1
    viewer.add_image(data, **keywords)
    assert len(viewer.layers) == 2
    assert session.stack.array is data


def test_a_sample_that_is_open_already_is_taken_up(viewer):
    ((data, keywords, _),) = layers.simulated_recording()
    viewer.add_image(data, **keywords)
    layers.follow(viewer, session_of(viewer))
    assert session_of(viewer).stack is not None


def test_following_keeps_no_viewer_alive():
    viewer = ViewerModel()
    layers.follow(viewer, session_of(viewer))
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None
