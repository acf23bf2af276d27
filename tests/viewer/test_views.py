"""Views of the fit: computed for the frame in view, on the grid of the movie, current with the fit."""

import copy

import numpy as np
import pytest

from napari_varae.core.movie.stack import Stack
from napari_varae.session.session import session_of
from napari_varae.viewer.provenance import KEY
from napari_varae.viewer.views import hide, is_shown, show

from .conftest import IN_SPACE, IN_TIME, geometry


@pytest.mark.parametrize("view", ["reconstruction", "residual", "prediction", "static"])
def test_views_share_the_place_of_the_movie_and_say_what_they_are(viewer, trained, stack, fit, view):
    layer = show(viewer, stack, fit, view)
    assert geometry(layer) == (IN_SPACE if view == "static" else IN_TIME)
    about = layer.metadata[KEY]
    assert (about["fit"], about["movie"], about["kind"]) == (fit.id, fit.movie, view)
    assert len(about["definition"]) > 20
    assert viewer.layers.extent.step[0] == 0.05
    np.testing.assert_array_equal(layer.extent.world[:, -2:], viewer.layers[0].extent.world[:, -2:])


def test_views_show_what_the_fit_says(viewer, trained, stack, fit):
    shown = {v: show(viewer, stack, fit, v).data for v in ("reconstruction", "residual", "prediction", "static")}
    np.testing.assert_array_equal(shown["reconstruction"][7], fit.reconstruct(stack, (7, 8))[0])
    np.testing.assert_allclose(
        shown["residual"][7], stack.read(7, 8)[0] - fit.reconstruct(stack, (7, 8))[0], rtol=0, atol=1e-3
    )
    np.testing.assert_array_equal(shown["prediction"][7], fit.predict(stack, (7, 8))[0])
    np.testing.assert_array_equal(shown["static"], fit.static)


def test_playing_a_view_computes_the_frames_in_view_only(viewer, trained, stack, fit):
    layer = show(viewer, stack, fit, "reconstruction")
    asked = []
    compute, layer.data._compute = layer.data._compute, lambda a, b: (asked.append((a, b)), compute(a, b))[1]
    for frame in (10, 11, 12):
        trained.set_frame(frame)
    assert set(asked) <= {(10, 11), (11, 12), (12, 13)}
    np.testing.assert_array_equal(layer._slice.image.view, fit.reconstruct(stack, (12, 13))[0])


def test_showing_again_updates_the_layer_in_place(viewer, trained, stack, fit):
    first = show(viewer, stack, fit, "reconstruction")
    first.colormap = "green"
    first.contrast_limits = (1000, 2000)
    data = first.data
    again = show(viewer, stack, fit, "reconstruction")
    assert again is first
    assert again.data is not data
    assert (again.colormap.name, tuple(again.contrast_limits)) == ("green", (1000, 2000))
    assert len(viewer.layers) == 2


def test_views_can_be_hidden(viewer, trained, stack, fit):
    assert not is_shown(viewer, "static")
    show(viewer, stack, fit, "static")
    assert is_shown(viewer, "static")
    hide(viewer, "static")
    hide(viewer, "static")
    assert not is_shown(viewer, "static")


def test_views_follow_the_fit_even_when_they_are_hidden(viewer, trained, stack, fit, other_fit):
    shown, hidden = (show(viewer, stack, fit, view) for view in ("static", "reconstruction"))
    hidden.visible = False
    trained.use_fit(other_fit, other_fit.encode(stack))
    assert (shown.visible, hidden.visible) == (True, False)
    np.testing.assert_array_equal(hidden.data[5], other_fit.reconstruct(stack, (5, 6))[0])
    assert hidden.metadata[KEY]["fit"] == other_fit.id
    assert [layer.name for layer in viewer.layers][1:] == ["static image", "reconstruction"]


def test_the_prediction_follows_the_bad_frames(viewer, trained, stack, fit):
    layer = show(viewer, stack, fit, "prediction")
    assert np.isfinite(layer.data[31]).all()
    trained.describe_movie(stack.frame_rate, stack.pixel_size, [30])
    assert np.isnan(layer.data[31]).all()


def test_views_of_a_movie_that_was_closed_are_marked(viewer, trained, stack, fit):
    layer = show(viewer, stack, fit, "static")
    viewer.layers.remove(viewer.layers[0])
    assert layer.name == "static image ⚠ not current: other movie and fit"
    assert layer.metadata[KEY]["current"] is False


def test_views_of_a_fit_of_another_movie_carry_the_caution(viewer, session, stack, fit, rng):
    foreign = Stack(rng.random((50, *stack.shape[1:]), dtype=np.float32))
    from napari_varae.viewer.movie import open_movie

    open_movie(viewer, foreign)
    session_of(viewer).use_fit(fit, fit.encode(foreign))
    layer = show(viewer, foreign, fit, "reconstruction")
    assert layer.name == "reconstruction ⚠ fit of another movie"
    assert "trained on another movie" in layer.metadata[KEY]["caution"]


def test_a_name_given_by_the_user_stays(viewer, trained, stack, fit, other_fit):
    layer = show(viewer, stack, fit, "static")
    layer.name = "my background"
    trained.use_fit(other_fit, other_fit.encode(stack))
    assert layer.name == "my background"
    viewer.layers.remove(viewer.layers[0])
    assert layer.name.startswith("my background ⚠ not current")


def test_a_copy_of_a_view_shows_the_same(viewer, trained, stack, fit):
    data = show(viewer, stack, fit, "reconstruction").data
    assert copy.deepcopy(data) is data
