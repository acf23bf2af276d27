"""Cells: ids and footprints come through, and what is wrong is named by id."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from napari_varae.core.experiment.cells import Cells
from napari_varae.errors import DataError

label_images = arrays(np.uint16, (9, 12), elements=st.sampled_from([0, 0, 0, 1, 2, 7, 400]))


@given(label_images)
def test_a_label_image_comes_back(image):
    if not image.any():
        with pytest.raises(DataError, match="no cell"):
            Cells.from_labels(image)
        return
    cells = Cells.from_labels(image)
    assert cells.ids == cells.label_values == tuple(np.unique(image[image > 0]).tolist())
    np.testing.assert_array_equal(cells.labels, image)
    assert cells.notes == ()
    for number, mask, place in zip(cells.ids, cells.masks, cells.places, strict=True):
        np.testing.assert_array_equal(mask > 0, image == number)
        np.testing.assert_allclose(place, np.argwhere(image == number).mean(axis=0))


@given(arrays(np.float32, (4, 9, 12), elements=st.sampled_from([0, 0, 0, 0.25, 1.5])))
def test_masks_come_back_without_the_empty_ones(masks):
    filled = masks.any(axis=(1, 2))
    if not filled.any():
        return
    cells = Cells.from_masks(masks)
    assert cells.ids == tuple(np.flatnonzero(filled).tolist())
    np.testing.assert_array_equal(cells.masks, masks[filled])
    assert sorted(set(cells.labels.flat) - {0}) == sorted(set(cells.label_values) & set(cells.labels.flat))
    assert ((cells.labels > 0) == masks.any(axis=0)).all()


def two():
    masks = np.zeros((3, 10, 10), dtype=np.float32)
    masks[0, 1:4, 1:4] = 1
    masks[2, 3:6, 3:6] = 2
    masks[2, 3, 3] = 0.5
    return masks


def test_empty_and_overlapping_cells_are_named():
    cells = Cells.from_masks(two(), ids=("left", "gone", "right"))
    assert cells.ids == ("left", "right")
    assert cells.notes == (
        "Left out, as they have no pixel: cells gone.",
        "Cells that share pixels: left and right (1 px).",
    )
    assert cells.labels[3, 3] == 1  # weighs 1 of 1 in one and 0.5 of 2 in the other
    assert cells.label_values == (1, 2)


def test_ids_from_zero_have_labels_from_one():
    cells = Cells.from_masks(two())
    assert cells.ids == (0, 2)
    assert cells.label_values == (1, 2)
    assert repr(cells) == "Cells(2 in 10 x 10 pixels: 0, 2)"


def test_labels_drawn_on_a_movie_are_one_image():
    labels = np.zeros((5, 10, 10), dtype=int)
    labels[3, 1:4, 1:4] = 1
    labels[4, 5:8, 5:8] = 2
    cells = Cells.from_labels(labels)
    np.testing.assert_array_equal(cells.labels, labels.max(axis=0))
    labels[0, 3, 3] = 2
    with pytest.raises(DataError, match="Labels 1 and 2 are at one pixel"):
        Cells.from_labels(labels)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((8, 8), 0.5), "whole numbers; found others"),
        (np.full((8, 8), np.nan), "whole numbers; found others"),
        (np.full((8, 8), -1), "found -1"),
        (np.ones((8, 8), dtype=bool), "found bool"),
        (np.ones(8, dtype=int), r"\(Y, X\); found int64 \(8,\)"),
        (np.zeros((0, 8), dtype=int), "no cell"),
    ],
)
def test_what_is_no_label_image_is_refused(image, words):
    with pytest.raises(DataError, match=words):
        Cells.from_labels(image)


def test_what_are_no_cells_is_refused_by_id():
    masks = two()
    masks[2, 9, 9] = np.nan
    with pytest.raises(DataError, match="Cells right have weights"):
        Cells.from_masks(masks, ids=("left", "gone", "right"))
    masks[2, 9, 9] = -1
    with pytest.raises(DataError, match="Cells 2 have weights"):
        Cells.from_masks(masks)
    with pytest.raises(DataError, match="Several cells have the id 4"):
        Cells.from_masks(two(), ids=(4, 5, 4))
    with pytest.raises(DataError, match="do not fit"):
        Cells((0, 1), sparse.csr_array(np.ones((2, 99))), (10, 10))
    with pytest.raises(DataError, match=r"found float64 \(10, 10\)"):
        Cells.from_masks(np.ones((10, 10)))
    with pytest.raises(DataError, match="10 x 10 pixels; the movie has 10 x 12"):
        Cells.from_masks(two()).check((10, 12))
