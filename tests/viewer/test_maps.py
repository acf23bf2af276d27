"""Maps as layers: colours, limits, and whether they are of what is in use."""

import numpy as np
import pytest

from napari_varae.viewer.maps import show_map
from napari_varae.viewer.ours import KEY

from .conftest import IN_SPACE, geometry


def test_maps_are_clear_at_zero_with_symmetric_shared_limits(viewer, trained, stack, fit):
    image = np.zeros(stack.shape[1:], dtype=np.float32)
    image[3, 4], image[5, 6] = 2, -4
    one = show_map(viewer, stack, fit, image, "map A", "what it is", "driver")
    assert tuple(one.contrast_limits) == (-4, 4)
    other = show_map(viewer, stack, fit, 2 * image, "map B", "what it is", "driver")
    apart = show_map(viewer, stack, fit, image / 10, "map C", "what it is", "effect")
    assert tuple(one.contrast_limits) == tuple(other.contrast_limits) == (-8, 8)
    assert tuple(apart.contrast_limits) == pytest.approx((-0.4, 0.4))
    clear, below, above = one.colormap.map(np.array([0.5, 0.1, 0.9]))
    assert clear[3] == 0
    assert below[2] > below[0]
    assert above[0] > above[2]
    assert geometry(one) == IN_SPACE
    assert one.metadata[KEY]["definition"] == "what it is"
    assert show_map(viewer, stack, fit, 0 * image, "map A", "what it is", "driver") is one


def test_a_map_of_nothing_is_shown(viewer, trained, stack, fit):
    layer = show_map(viewer, stack, fit, np.zeros(stack.shape[1:], dtype=np.float32), "empty", "nothing")
    assert tuple(layer.contrast_limits) == (-1, 1)


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
