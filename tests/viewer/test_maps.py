"""Maps as layers: colours, limits, and whether they are of what is in use."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.maps.limits import map_limit, robust_extreme, round_up
from napari_varae.session.links import Graph
from napari_varae.viewer.colour_bars import write_number
from napari_varae.viewer.lazy_movie import LazyMovie
from napari_varae.viewer.maps import show_map
from napari_varae.viewer.provenance import KEY, ours
from napari_varae.viewer.side_by_side import put_pair, put_side_by_side

from .conftest import IN_SPACE, IN_TIME, geometry


def test_maps_are_clear_at_zero_with_symmetric_shared_limits(viewer, trained, stack, fit):
    image = np.zeros(stack.shape[1:], dtype=np.float32)
    image[3, 4], image[5, 6] = 2, -4
    one = show_map(viewer, stack, fit, image, "map A", "what it is", "driver")
    assert tuple(one.contrast_limits) == (-4, 4)
    other = show_map(viewer, stack, fit, 2 * image, "map B", "what it is", "driver")
    apart = show_map(viewer, stack, fit, image / 10, "map C", "what it is", "effect")
    assert tuple(one.contrast_limits) == tuple(other.contrast_limits) == pytest.approx((-10, 10))  # 8, rounded up
    assert tuple(apart.contrast_limits) == pytest.approx((-0.4, 0.4))
    clear, below, above = one.colormap.map(np.array([0.5, 0.1, 0.9]))
    assert clear[3] == 0
    assert below[2] > below[0]
    assert above[0] > above[2]
    assert geometry(one) == IN_SPACE
    assert one.metadata[KEY]["definition"] == "what it is"
    assert show_map(viewer, stack, fit, 0 * image, "map A", "what it is", "driver") is one


@given(st.floats(1e-12, 1e12))
def test_colour_bars_end_at_numbers_that_have_ticks(end):
    from vispy.visuals.axis import _get_ticks_talbot

    rounded = round_up(end)
    assert end * (1 - 1e-5) <= rounded <= 1.6 * end
    assert np.count_nonzero(np.abs(_get_ticks_talbot(-rounded, rounded, 0.01, 2)) <= rounded * 1.0001) >= 3


def test_a_map_of_nothing_is_shown(viewer, trained, stack, fit):
    layer = show_map(viewer, stack, fit, np.zeros(stack.shape[1:], dtype=np.float32), "empty", "nothing")
    assert tuple(layer.contrast_limits) == (-1, 1)


def test_an_empty_map_does_not_hide_the_others(viewer, trained, stack, fit):
    """Maps of a group share their limits: those of an empty map would make all others black."""
    image = np.zeros(stack.shape[1:], dtype=np.float32)
    faint = image.copy()
    faint[3, 4] = 4e-5
    first = show_map(viewer, stack, fit, faint, "faint", "what it is", "driver")
    empty = show_map(viewer, stack, fit, image, "empty", "what it is", "driver")
    assert tuple(first.contrast_limits) == tuple(empty.contrast_limits) == pytest.approx((-4e-5, 4e-5))
    alone = show_map(viewer, stack, fit, image, "alone", "what it is", "effect")
    assert tuple(alone.contrast_limits) == (-1, 1)
    assert map_limit(image, faint) == pytest.approx(4e-5)
    assert map_limit(image) == 1


def test_one_hot_pixel_does_not_hide_the_rest(viewer, trained, stack, fit):
    image = np.random.default_rng(0).normal(size=(64, 48)).astype(np.float32)
    image[3, 4] = 500
    end, extreme = robust_extreme(image)
    assert 2 < end < 5
    assert extreme == 500
    small = np.zeros(stack.shape[1:], dtype=np.float32)
    small[0, :2] = 1, -2  # zeros do not count
    assert robust_extreme(small) == (2, 2)
    assert robust_extreme(np.full((3, 3), np.nan, dtype=np.float32)) == (0, 0)


def test_the_sliders_of_the_limits_reach_the_hot_pixel(viewer, trained, stack, fit):
    image = np.random.default_rng(0).normal(size=stack.shape[1:]).astype(np.float32)
    movie = LazyMovie(lambda start, stop: np.repeat(image[None], stop - start, 0) * 2, stack.shape)
    layer = show_map(viewer, stack, fit, movie, "each frame", "what it is", "driver", unit="SD")
    assert layer.data.shape == stack.shape
    assert layer.contrast_limits_range[1] >= 2 * np.abs(image).max()
    assert layer.contrast_limits[1] <= layer.contrast_limits_range[1]
    assert layer.metadata[KEY]["unit"] == "SD"
    assert geometry(layer) == IN_TIME


def test_the_latest_map_has_the_colour_bar_and_each_has_one_side_by_side(viewer, trained, stack, fit):
    image = np.ones(stack.shape[1:], dtype=np.float32)
    one, other = (show_map(viewer, stack, fit, image, name, "what it is") for name in "ab")
    assert (one.colorbar.visible, other.colorbar.visible) == (False, True)
    trained.set_graph(Graph(outlines=True))
    drawn = next(layer for layer, _ in ours(viewer, "links"))
    put_side_by_side(viewer, True)
    assert viewer.canvas.grid.enabled
    assert one.colorbar.visible
    assert not drawn.visible
    put_side_by_side(viewer, False)
    assert drawn.visible
    assert (one.colorbar.visible, other.colorbar.visible) == (False, True)


def label(viewer):
    overlay = viewer.canvas.overlays[KEY]
    return overlay.text if overlay.visible else None


def test_name_and_unit_of_a_map_stand_beside_its_colour_bar(viewer, trained, stack, fit):
    image = np.zeros(stack.shape[1:], dtype=np.float32)
    image[3, 4] = 3.5e-5
    layer = show_map(viewer, stack, fit, image, "driver map", "what it is", unit="SD of the predicted latent")
    assert label(viewer) == "driver map\n±4 × 10⁻⁵ SD of the predicted latent"
    other = show_map(viewer, stack, fit, 1e6 * image, "effect map", "what it is", "effect", unit="units")
    assert label(viewer) == "effect map\n±40 units"
    other.visible = False
    assert label(viewer).startswith("driver map")
    layer.contrast_limits = (-1e-5, 2e-5)
    assert "-1 × 10⁻⁵ to 2 × 10⁻⁵ SD" in label(viewer)
    layer.name = "mine"
    assert label(viewer).startswith("mine\n")
    viewer.layers.remove(layer)
    assert label(viewer) is None
    other.visible = True
    assert label(viewer).startswith("effect map")
    assert viewer.canvas.overlays.text.text == ""  # that of the user


def test_an_empty_map_is_called_empty_and_has_no_colour_bar(viewer, trained, stack, fit):
    layer = show_map(viewer, stack, fit, np.zeros(stack.shape[1:], np.float32), "empty map", "what it is", unit="SD")
    assert label(viewer) == "empty map\nempty: 0 in all pixels"
    assert not layer.colorbar.visible


@given(st.floats(1e-12, 1e12))
def test_numbers_are_written_with_a_power_of_ten(value):
    written = write_number(round_up(value))
    assert "e" not in written
    back = written.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")).replace(" × 10", "e")
    assert float(back) == pytest.approx(round_up(value), rel=1e-2)


def fields(viewer):
    """Names of the visible layers in each field of the grid."""
    return [
        [viewer.layers[i].name for i in layers if viewer.layers[i].visible]
        for _, layers in viewer.canvas.grid.iter_viewboxes(viewer.layers)
    ]


@pytest.mark.parametrize("links", [False, True])
@pytest.mark.parametrize("more", [0, 1])
def test_a_pair_of_maps_is_shown_over_the_static_image_and_nothing_else(viewer, trained, stack, fit, links, more):
    image = np.ones(stack.shape[1:], dtype=np.float32)
    viewer.add_image(image, name="mine")
    for i in range(more):
        show_map(viewer, stack, fit, image, f"before {i}", "what it is")
    one, other = (show_map(viewer, stack, fit, image, f"in {name}", "what it is", unit="SD") for name in "AB")
    if links:
        trained.set_graph(Graph(outlines=True))
    selected = set(viewer.layers.selection)
    for _ in range(2):
        put_pair(viewer, stack, fit, one, other)
        assert fields(viewer) == [["static image, left", "in A"], ["static image, right", "in B"]]
    assert one.name_overlay.visible
    assert label(viewer) == "±1 SD"
    put_side_by_side(viewer, False)
    visible = [layer.name for layer in viewer.layers if layer.visible]
    assert {stack.name, "mine", "in A", *["links"] * links} == set(visible)  # not two maps over each other
    assert label(viewer) == "in A\n±1 SD"
    assert set(viewer.layers.selection) == selected
    assert viewer.canvas.grid.stride == 1
    assert not one.name_overlay.visible
    if links:
        assert viewer.layers[-1].name == "links"


def test_another_layer_ends_the_pair(viewer, trained, stack, fit):
    image = np.ones(stack.shape[1:], dtype=np.float32)
    one, other = (show_map(viewer, stack, fit, image, f"in {name}", "what it is") for name in "AB")
    put_pair(viewer, stack, fit, one, other)
    viewer.add_image(image, name="mine")
    assert sorted(name for field in fields(viewer) for name in field) == sorted([stack.name, "in A", "in B", "mine"])
    assert all(len(field) == 1 for field in fields(viewer))


def test_the_scale_bar_is_shown_once_and_stays_hidden_for_who_hides_it(viewer, trained, stack, fit):
    image = np.ones(stack.shape[1:], dtype=np.float32)
    bar = viewer.canvas.overlays.scale_bar
    assert not bar.visible
    show_map(viewer, stack, fit, image, "a", "what it is")
    assert bar.visible
    bar.visible = False
    show_map(viewer, stack, fit, image, "b", "what it is")
    assert not bar.visible


def test_maps_of_one_key_share_a_layer_that_keeps_the_name_the_user_gave(viewer, trained, stack, fit):
    image = np.ones(stack.shape[1:], dtype=np.float32)
    layer = show_map(viewer, stack, fit, image, "link 1", "what it is", key="link")
    assert show_map(viewer, stack, fit, image, "link 2", "what it is", key="link") is layer
    assert layer.name == "link 2"
    layer.name = "mine"
    show_map(viewer, stack, fit, image, "link 3", "what it is", key="link")
    assert layer.name == "mine"


def test_maps_of_an_earlier_fit_or_of_other_ranges_are_marked(viewer, trained, stack, fit, other_fit):
    image = np.ones(stack.shape[1:], dtype=np.float32)
    trained.set_range("a", (0, 20))
    whole = show_map(viewer, stack, fit, image, "whole", "of all frames")
    of_a = show_map(viewer, stack, fit, image, "of A", "of range A", parts=("movie", "fit", "bad_frames", "a"))
    trained.set_range("b", (30, 50))
    assert (whole.name, of_a.name) == ("whole", "of A")
    trained.set_range("a", (0, 25))
    assert (whole.name, of_a.name) == ("whole", "of A ⚠ not current: other range A")
    trained.set_range("a", (0, 20))
    assert of_a.name == "of A"
    trained.use_fit(other_fit, other_fit.encode(stack))
    assert whole.name == "whole ⚠ not current: other fit"
    assert whole.metadata[KEY]["current"] is False
    trained.use_fit(fit, fit.encode(stack))
    assert (whole.name, of_a.name) == ("whole", "of A")
    trained.describe_movie(stack.frame_rate, stack.pixel_size, [3])
    assert whole.name == "whole ⚠ not current: other bad frames"


def test_a_map_made_of_what_is_no_longer_in_use_arrives_marked(viewer, trained, stack, fit):
    began = trained.generation
    trained.set_range("a", (0, 25))
    image = np.ones(stack.shape[1:], dtype=np.float32)
    layer = show_map(viewer, stack, fit, image, "of A", "of range A", "", began, ("movie", "fit", "a"))
    assert layer.name == "of A ⚠ not current: other range A"


def test_limits_of_a_map_that_is_replaced_change_once(viewer, trained, stack, fit):
    """Each change lets napari draw the colour bar again, which takes longer than all else of a click on a link."""
    image = np.ones(stack.shape[1:], dtype=np.float32)
    layer, changes = show_map(viewer, stack, fit, image, "link", "what it is"), []
    layer.events.contrast_limits.connect(lambda _event: changes.append(tuple(layer.contrast_limits)))
    for size in (0.1, 3, 20, 2, 2):
        show_map(viewer, stack, fit, size * image, "link", "what it is")
        assert tuple(layer.contrast_limits_range) == tuple(layer.contrast_limits) == pytest.approx((-size, size))
    assert [end for _, end in changes] == pytest.approx([0.1, 3, 20, 2])
