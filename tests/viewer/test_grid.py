"""Where a movie lies: its units, pixels and first frame reach the stack, the cursor and everything made from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image

from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.train import fit as train_fit
from napari_varae.session.session import session_of
from napari_varae.viewer.grid import frame_in_view, show_frame
from napari_varae.viewer.movie import open_movie, stack_of_layer, use_layer
from napari_varae.viewer.synchronise import follow
from napari_varae.viewer.views import show

FRAMES = np.random.default_rng(0).random((30, 16, 16), dtype=np.float32)


@pytest.mark.parametrize(
    ("scale", "units", "rate", "pixel"),
    [
        ((0.1, 0.5, 0.5), ("s", "um", "um"), 10, 0.5),
        ((100, 500, 500), ("ms", "nm", "nm"), 10, 0.5),
        ((1 / 600, 0.0005, 0.0005), ("minute", "mm", "mm"), 10, 0.5),
        ((0.1, 0.5, 0.7), ("s", "um", "um"), 10, 0.5),
        ((0.1, 0.5, 0.5), ("s", "pixel", "pixel"), 10, None),
        ((0.1, 0.5, 0.5), ("pixel", "um", "nm"), None, 0.5),
        ((0.1, 0.5, 0.5), ("pixel", "pixel", "pixel"), None, None),
        ((0.1, 0.5, 0.5), ("um", "s", "s"), None, None),
    ],
)
def test_any_unit_of_time_and_length_is_understood(scale, units, rate, pixel):
    found = stack_of_layer(Image(FRAMES, scale=scale, units=units))
    assert found.frame_rate == (None if rate is None else pytest.approx(rate))
    assert found.pixel_size == (None if pixel is None else pytest.approx(pixel))


def test_pixels_that_are_not_square_are_reported():
    found = stack_of_layer(Image(FRAMES, scale=(0.1, 0.5, 0.7), units=("s", "um", "um")))
    assert "Pixels are 0.5 µm high and 0.7 µm wide" in found.notes


@pytest.fixture
def adopted():
    viewer = ViewerModel()
    follow(viewer, session_of(viewer))
    layer = viewer.add_image(FRAMES, scale=(33, 500, 700), units=("ms", "nm", "nm"), translate=(10, 20, 30))
    use_layer(viewer, layer)
    return viewer, layer


def test_views_lie_on_a_layer_with_its_own_units_pixels_and_place(adopted):
    viewer, layer = adopted
    stack = session_of(viewer).stack
    fit = train_fit(stack, FitConfig(latents=2, epochs=0))
    session_of(viewer).use_fit(fit, fit.encode(stack))
    for view, ndim in (("reconstruction", 3), ("static", 2)):
        made = show(viewer, stack, fit, view)
        np.testing.assert_allclose(made.extent.world[:, -ndim:], layer.extent.world[:, -ndim:])
        assert made.units == layer.units[-ndim:]


@pytest.mark.long
@given(frame=st.integers(0, 29), with_seconds=st.booleans())
def test_the_slider_finds_every_frame_in_any_unit(frame, with_seconds):
    viewer = ViewerModel()
    layer = viewer.add_image(FRAMES, scale=(0.033, 1, 1), units=("s", "um", "um"), translate=(5, 0, 0))
    use_layer(viewer, layer)
    if with_seconds:  # then napari's slider is in milliseconds
        viewer.add_image(FRAMES, scale=(33, 1, 1), units=("ms", "um", "um"))
    show_frame(viewer, frame)
    assert frame_in_view(viewer) == frame
    assert viewer.dims.point[0] == pytest.approx((5 + 0.033 * frame) * (1000 if with_seconds else 1))


def test_what_becomes_known_reaches_all_our_layers_and_moves_no_frame(viewer, trained, stack, fit):
    show(viewer, stack, fit, "reconstruction")
    show(viewer, stack, fit, "static")
    mine = viewer.add_points([[1, 2, 3]], scale=(1, 1, 1))
    trained.set_frame(30)
    trained.describe_movie(40, 2.0)
    movie, reconstruction, static, _ = viewer.layers
    assert tuple(movie.scale) == tuple(reconstruction.scale) == (0.025, 2, 2)
    assert tuple(static.scale) == (2, 2)
    assert tuple(mine.scale) == (1, 1, 1)
    assert trained.frame == frame_in_view(viewer) == 30


def test_what_the_layer_states_already_is_not_touched(adopted):
    viewer, layer = adopted
    session = session_of(viewer)
    session.describe_movie(session.stack.frame_rate, session.stack.pixel_size, [3])
    assert (tuple(layer.scale), tuple(layer.translate)) == ((33, 500, 700), (10, 20, 30))
    assert [str(unit) for unit in layer.units] == ["millisecond", "nanometer", "nanometer"]
    session.describe_movie(10, session.stack.pixel_size)
    assert tuple(layer.scale) == pytest.approx((0.1, 500, 700))
    session.describe_movie(10, 1.0)
    assert tuple(layer.scale) == pytest.approx((0.1, 1, 1.4))
    assert [str(unit) for unit in layer.units] == ["second", "micrometer", "micrometer"]


def test_a_rate_that_turns_out_unknown_counts_frames(viewer):
    layer = open_movie(viewer, Stack(FRAMES, frame_rate=10))
    follow(viewer, session_of(viewer))
    session_of(viewer).describe_movie(None, None)
    assert tuple(layer.scale) == (1, 1, 1)
    assert str(layer.units[0]) == "pixel"
