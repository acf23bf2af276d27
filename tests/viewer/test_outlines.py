"""Outlines of footprints, and the meshes of arrows and lines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_varae.core.fit.places import place
from napari_varae.viewer.meshes import arrow_mesh, distance_to_arrows, line_mesh, shorten
from napari_varae.viewer.outlines import Outline, outlines


class Network:
    """Stands for a network: outlines are kept by it."""


class Fit:
    """What outlines need to know of a fit."""

    def __init__(self, images, network=None):
        self.network, self.latents, self._images = network or Network(), len(images), images

    def combine(self, weights):
        yield np.tensordot(weights, self._images, 1)


def of(*images):
    stack = np.array(images, dtype=np.float32)
    return outlines(Fit(stack))


def disk(y, x, radius, size=40):
    rows, columns = np.mgrid[:size, :size]
    return (np.hypot(rows - y, columns - x) <= radius).astype(float)


def test_the_outline_of_a_disk_has_its_area_and_its_place():
    (outline,) = of(-3 * disk(12, 20, 6))
    assert outline.area == pytest.approx(np.pi * 36, rel=0.1)
    assert outline.radius == pytest.approx(6, rel=0.05)
    np.testing.assert_allclose(outline.lines[0].mean(0), (12, 20), atol=0.2)
    assert outline.holds(np.array([14.0, 22.0]))
    assert not outline.holds(np.array([19.5, 20.0]))


def test_a_footprint_at_the_border_is_closed_and_small_parts_are_left_out():
    outline, nothing = of(disk(0, 39, 6) + disk(30, 5, 0), np.zeros((40, 40)))
    assert len(outline.lines) == 1
    np.testing.assert_array_equal(outline.lines[0][0], outline.lines[0][-1])
    assert outline.holds(np.array([1.0, 38.0]))
    assert nothing == Outline((), 0.0)


def test_the_part_that_an_arrow_leads_to_comes_first():
    image = disk(8, 8, 4) + disk(30, 30, 6) + 0.2 * disk(20, 8, 3)
    (outline,) = of(image)
    assert len(outline.lines) == 2
    np.testing.assert_allclose(outline.lines[0].mean(0), place(np.abs(image)), atol=0.2)
    np.testing.assert_allclose(outline.lines[1].mean(0), (8, 8), atol=0.2)
    assert outline.area == pytest.approx(np.pi * 36, rel=0.1)
    dim = 0.6 * disk(8, 8, 6) + disk(30, 30, 3)
    (outline,) = of(dim)  # sums to more, though the other is brighter
    np.testing.assert_allclose(outline.lines[0].mean(0), place(dim), atol=0.2)
    assert outline.holds(place(dim))


def test_outlines_are_found_once_for_each_network():
    images = np.array([disk(12, 20, 6)])
    fit = Fit(images)
    assert outlines(Fit(2 * images, fit.network)) is outlines(fit)


ENDS = hnp.arrays(float, (4, 2, 2), elements=st.floats(-100, 100, width=32))


@given(ENDS, st.floats(0.1, 5))
def test_arrows_are_drawn_within_reach_of_their_ends(ends, width):
    vertices, faces = arrow_mesh(ends[:, 0], ends[:, 1], np.full(4, width))
    assert vertices.shape == (28, 2)
    assert np.isfinite(vertices).all()
    assert faces.min() >= 0
    assert faces.max() < len(vertices)
    box = vertices.reshape(4, 7, 2)
    assert (box.min(1) >= ends.min(1) - 3 * width).all()
    assert (box.max(1) <= ends.max(1) + 3 * width).all()


def test_an_arrow_and_the_one_back_lie_beside_each_other():
    starts, stops, widths = np.array([[0.0, 0], [0, 50]]), np.array([[0.0, 50], [0, 0]]), np.array([2.0, 2])
    there, back = arrow_mesh(starts, stops, widths)[0].reshape(2, 7, 2)
    assert (there[:4, 0] >= 1).all() != (back[:4, 0] >= 1).all()
    np.testing.assert_allclose(there[6] - back[6], [4, 50])  # the tips
    distance = distance_to_arrows(np.array([there[6, 0], 25.0]), starts, stops, widths)
    assert distance[0] == 0
    assert distance[1] == pytest.approx(3)


def test_arrows_keep_away_from_the_footprints_but_never_vanish():
    starts, stops = np.zeros((2, 2)), np.array([[0.0, 30], [0, 3]])
    first, last = shorten(starts, stops, np.array([5.0, 5]), np.array([6.0, 6]))
    np.testing.assert_allclose(first[:, 1], [5, 1])
    np.testing.assert_allclose(last[:, 1], [24, 2])


def test_lines_have_their_width():
    lines = [np.array([[0.0, 0], [0, 10], [10, 10]]), np.array([[20.0, 0], [20, 5]])]
    vertices, faces, which = line_mesh(lines, np.array([2.0, 4]))
    assert (len(vertices), len(faces)) == (12, 6)
    assert which.tolist() == [0] * 8 + [1] * 4
    assert np.ptp(vertices[:4, 0]) == pytest.approx(2)
    assert np.ptp(vertices[8:, 0]) == pytest.approx(4)
    nothing, none, _ = line_mesh([], np.zeros(0))
    assert (nothing.shape, none.shape) == ((0, 2), (0, 3))
