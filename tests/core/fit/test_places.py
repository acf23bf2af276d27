"""Where footprints of one or of several parts lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_varae.core.fit.places import main_part, place

SIZES = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(0, 10, width=32)
)


def spots(*found, size=40):
    rows, columns = np.mgrid[:size, :size]
    image = np.zeros((size, size), dtype=np.float32)
    for y, x, radius, height in found:
        image[np.hypot(rows - y, columns - x) <= radius] = height
    return image


def test_of_two_spots_the_larger_is_the_place():
    """The centre of both, where the footprint is not, would let arrows end in the dark."""
    two = spots((8, 8, 5, 1.0), (30, 30, 3, 1.0))
    np.testing.assert_allclose(place(two), (8, 8), atol=0.01)
    assert two[tuple(place(two).round().astype(int))] > 0


def test_what_the_parts_sum_to_counts_more_than_the_peak():
    np.testing.assert_allclose(place(spots((8, 8, 5, 0.8), (30, 30, 1, 1.0))), (8, 8), atol=0.01)
    np.testing.assert_allclose(place(spots((8, 8, 5, 0.4), (30, 30, 1, 1.0))), (30, 30), atol=0.01)


def test_a_ring_lies_at_its_centre():
    ring = spots((20, 12, 6, 1.0), (20, 12, 4, 0.0))
    np.testing.assert_allclose(place(ring), (20, 12), atol=0.01)


def test_an_image_of_zeros_has_no_part_and_lies_in_the_middle():
    assert not main_part(np.zeros((6, 9), np.float32)).any()
    assert place(np.zeros((6, 9), np.float32)) == pytest.approx((2.5, 4.0))


@given(SIZES)
def test_the_main_part_is_connected_and_no_other_sums_to_more(size):
    main = main_part(size)
    labels, count = ndimage.label(size >= size.max() / 2)
    if size.max() > 0:
        assert ndimage.label(main)[1] == 1
        assert size[main].sum() >= max(size[labels == i].sum() for i in range(1, count + 1)) * (1 - 1e-5)
    y, x = place(size)
    assert 0 <= y <= size.shape[0] - 1
    assert 0 <= x <= size.shape[1] - 1
