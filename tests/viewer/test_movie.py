"""The movie layer: new for a file, the user's own when asked, never overwritten."""

import numpy as np
import pytest
from napari.layers import Image

from napari_varae.core.movie.stack import Stack
from napari_varae.errors import StackError
from napari_varae.session.session import session_of
from napari_varae.viewer.movie import open_movie, stack_of_layer, use_layer
from napari_varae.viewer.provenance import about
from napari_varae.viewer.synchronise import follow
from napari_varae.viewer.views import hide, show

from .conftest import IN_TIME, geometry


def test_the_movie_is_in_seconds_and_micrometres(viewer, session, stack):
    (movie,) = viewer.layers
    assert geometry(movie) == IN_TIME
    assert viewer.dims.axis_labels == ("t", "y", "x")
    assert movie.data is stack.array
    low, high = movie.contrast_limits
    assert stack.read().min() <= low < high <= stack.read().max()


@pytest.mark.parametrize("shape", [(16, 16), (5, 30, 16, 16)])
def test_layers_that_are_no_movie_are_refused(shape, rng):
    with pytest.raises(StackError, match="dimensions"):
        stack_of_layer(Image(rng.random(shape)))


def test_rgb_layers_are_refused(rng):
    with pytest.raises(StackError, match="RGB"):
        stack_of_layer(Image(rng.random((30, 16, 16, 3)), rgb=True))


def test_unknown_rate_and_size_stay_unknown(viewer, rng):
    layer = open_movie(viewer, Stack(rng.random((30, 16, 16))))
    assert geometry(layer) == ((1, 1, 1), (0, 0, 0), ("pixel", "pixel", "pixel"), ("t", "y", "x"))


def test_the_layers_of_the_user_stay(viewer, trained, stack, fit, rng):
    mine = [viewer.add_image(rng.random((8, 8)), name="reconstruction"), viewer.add_labels(np.ones((8, 8), dtype=int))]
    show(viewer, stack, fit, "reconstruction")
    open_movie(viewer, Stack(rng.random((30, 16, 16)), name="other"))
    hide(viewer, "reconstruction")
    assert all(layer in viewer.layers for layer in mine)
    assert [layer.name for layer in viewer.layers if layer not in mine] == ["other"]


def state(layer):
    """All of a layer that a user could miss."""
    data, attributes, kind = layer.as_layer_data_tuple()
    return id(data), repr(sorted(attributes.items())), kind


def test_using_a_layer_and_opening_a_file_change_nothing_on_it(viewer, session, stack, rng):
    mine = viewer.add_image(
        rng.random((30, 16, 16)), name="mine", colormap="magma", metadata={"note": "mine"}, scale=(33.3, 500, 700),
        units=("ms", "nm", "nm"), translate=(10, 20, 30),
    )  # fmt: skip
    before = state(mine)
    found = use_layer(viewer, mine)
    assert found.array is mine.data
    assert list(viewer.layers) == [mine]  # our own movie layer went with its movie
    assert state(mine) == before
    opened = open_movie(viewer, stack)
    assert list(viewer.layers) == [mine, opened]
    assert state(mine) == before
    viewer.layers.remove(mine)
    assert session.stack is stack


def test_using_another_layer_lets_the_first_go_but_stay(viewer, rng):
    one, other = (viewer.add_image(rng.random((30, 16, 16))) for _ in range(2))
    for layer in (one, other):
        use_layer(viewer, layer)
    assert list(viewer.layers) == [one, other]
    assert about(one) is None
    assert about(other) is not None


def test_our_own_movie_layer_can_be_used_again(viewer, session, rng):
    use_layer(viewer, viewer.layers[0])
    assert len(viewer.layers) == 1
    open_movie(viewer, Stack(rng.random((30, 16, 16)), name="other"))
    assert [layer.name for layer in viewer.layers] == ["other"]


def test_a_movie_that_cannot_be_used_changes_nothing(viewer, trained, stack, fit):
    show(viewer, stack, fit, "static")
    before = list(viewer.layers)
    for bad in (np.full((10, 16, 16), np.nan, dtype=np.float32), np.zeros((10, 16, 16), dtype=np.float32)):
        trained.begin("computing")
        with pytest.raises((StackError, ValueError)):
            open_movie(viewer, Stack(bad))
        trained.end(trained.controls)
        assert list(viewer.layers) == before
        assert trained.stack is stack


def test_a_copy_of_the_movie_layer_is_the_users(viewer, trained, stack, fit):
    from napari.layers._layer_actions import _duplicate_layer

    movie = viewer.layers[0]
    viewer.layers.selection = {movie}
    _duplicate_layer(viewer.layers)
    (copy,) = (layer for layer in viewer.layers if layer is not movie)
    assert about(copy) is None
    trained.set_range("a", (0, 20))
    viewer.layers.remove(copy)
    assert trained.stack is stack
    assert trained.fit is fit
    assert trained.ranges["a"] == ((0, 20),)
    viewer.layers.remove(movie)
    assert trained.stack is None


@pytest.mark.parametrize("first", ["opened", "adopted"])
def test_the_cursor_stands_where_the_slider_does(viewer, first, rng):
    session = session_of(viewer)
    follow(viewer, session)
    if first == "opened":
        open_movie(viewer, Stack(rng.random((60, 16, 16)), frame_rate=4))
    else:
        use_layer(viewer, viewer.add_image(rng.random((60, 16, 16))))
    slider = viewer.dims.current_step[0]
    assert slider > 0
    assert session.frame == slider
    viewer.dims.set_current_step(0, 50)
    use_layer(viewer, viewer.add_image(rng.random((70, 16, 16)), scale=viewer.layers[0].scale))
    assert session.frame == viewer.dims.current_step[0]
    open_movie(viewer, Stack(rng.random((20, 16, 16))))
    assert session.frame == round(viewer.dims.point[0]) < 20
