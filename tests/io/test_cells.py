"""Cells from the files of suite2p, cellpose, NWB, Fiji and from layers of napari."""

import os
import pickle
from datetime import UTC, datetime

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from napari.layers import Labels, Shapes
from scipy import sparse

from napari_varae import Cells, open_cells
from napari_varae.errors import DataError

SHAPE = (20, 30)


@pytest.fixture
def image():
    labels = np.zeros(SHAPE, dtype=np.uint16)
    labels[2:6, 3:9], labels[10:15, 20:28], labels[17, 1] = 3, 7, 12
    return labels


@pytest.fixture
def masks(image):
    return np.stack([image == n for n in (3, 7, 12)])


@pytest.mark.parametrize("name", ["cells.tif", "cells.npy", "cells_seg.npy"])
def test_label_images_in_files(image, tmp_path, name):
    path = tmp_path / name
    if name.endswith(".tif"):
        tifffile.imwrite(path, image)
    else:
        np.save(path, {"masks": image, "outlines": image} if "seg" in name else image)
    cells = open_cells(path, SHAPE)
    assert cells.ids == (3, 7, 12)
    np.testing.assert_array_equal(cells.labels, image)


def test_masks_in_files_and_arrays(masks, tmp_path):
    tifffile.imwrite(tmp_path / "masks.tif", masks.astype(np.uint8) * 255, photometric="minisblack")
    np.save(tmp_path / "masks.npy", masks)
    flat = sparse.csr_matrix(masks.reshape(3, -1))
    for source in (tmp_path / "masks.tif", tmp_path / "masks.npy", masks, masks.tolist(), masks * 0.5, flat):
        cells = open_cells(source, SHAPE)
        assert cells.ids == (0, 1, 2)
        np.testing.assert_array_equal(cells.masks > 0, masks)
    assert open_cells(cells) is cells


def test_labels_and_shapes_of_napari(image):
    assert open_cells(Labels(image)).ids == (3, 7, 12)
    drawn = np.zeros((50, *SHAPE), dtype=int)
    drawn[30] = image > 0  # one colour, on one frame of the movie
    np.testing.assert_array_equal(open_cells(Labels(drawn), SHAPE).labels, image > 0)
    shapes = Shapes(
        [np.array([[2, 3], [2, 8], [5, 8], [5, 3]]), np.array([[10, 20], [14, 27]])], shape_type="rectangle"
    )
    cells = open_cells(shapes, SHAPE)
    assert cells.ids == (1, 2)
    np.testing.assert_array_equal(cells.labels[2:6, 3:9], 1)
    with pytest.raises(DataError, match="shape="):
        open_cells(shapes)
    with pytest.raises(DataError, match="no shapes"):
        open_cells(Shapes(), SHAPE)
    with pytest.raises(DataError, match="2-D"):
        open_cells(Shapes([np.array([[1, 2, 3], [1, 2, 6], [1, 5, 6], [1, 5, 3]])], shape_type="rectangle"), SHAPE)


@pytest.fixture
def suite2p(masks, tmp_path):
    """The files of suite2p: a list of dicts saved as an object array, numbers beside it."""
    folder = tmp_path / "suite2p" / "plane0"
    folder.mkdir(parents=True)
    stat = []
    for n, mask in enumerate(masks):
        y, x = np.nonzero(mask)
        stat.append({
            "ypix": y, "xpix": x, "lam": np.full(len(y), n + 1, dtype=np.float32), "med": [y[0], x[0]], "npix": len(y),
            "overlap": np.zeros(len(y), dtype=bool), "radius": np.float64(2.5),
        })  # fmt: skip
    np.save(folder / "stat.npy", np.array(stat))
    np.save(folder / "iscell.npy", np.array([[1.0, 0.9], [0.0, 0.2], [1.0, 0.8]]))
    np.save(folder / "ops.npy", {"Ly": SHAPE[0], "Lx": SHAPE[1], "fs": 30.0})
    return folder


def test_suite2p(suite2p, masks):
    for path in (suite2p, suite2p / "stat.npy", suite2p.parent, suite2p.parent.parent):
        cells = open_cells(path)
        assert cells.ids == (0, 2)
        np.testing.assert_array_equal(cells.masks, masks[[0, 2]] * np.float32([1, 3])[:, None, None])
        assert cells.notes == ("2 of 3 ROIs of suite2p are cells (iscell.npy).",)
    (suite2p / "iscell.npy").unlink()
    assert open_cells(suite2p).ids == (0, 1, 2)
    with pytest.raises(DataError, match="20 x 30 pixels; the movie has 30 x 20"):
        open_cells(suite2p, (30, 20))


def test_suite2p_without_image_size(suite2p):
    (suite2p / "ops.npy").unlink()
    with pytest.raises(DataError, match=r"give shape=\(Y, X\)"):
        open_cells(suite2p)
    assert open_cells(suite2p, SHAPE).shape == SHAPE
    with pytest.raises(DataError, match=r"ROIs 1, 2 of stat\.npy reach outside images of 16 x 26"):
        open_cells(suite2p, (16, 26))
    np.save(suite2p / "db.npy", {"Ly": np.int64(SHAPE[0]), "Lx": np.int64(SHAPE[1])})
    assert open_cells(suite2p).shape == SHAPE


def test_planes_of_suite2p_are_chosen(suite2p):
    other = suite2p.parent / "plane1"
    other.mkdir()
    (other / "stat.npy").write_bytes((suite2p / "stat.npy").read_bytes())
    with pytest.raises(DataError, match=r"2 planes\. Choose one with name=\.\.\., of plane0, plane1") as error:
        open_cells(suite2p.parent)
    assert error.value.options == {"name": ["plane0", "plane1"]}
    assert open_cells(suite2p.parent, name="plane0").ids == open_cells(suite2p).ids


def test_side_files_of_suite2p_are_checked(suite2p, tmp_path):
    np.save(suite2p / "iscell.npy", np.ones((5, 2)))
    with pytest.raises(DataError, match="does not belong to the 3 ROIs"):
        open_cells(suite2p)
    np.save(suite2p / "iscell.npy", np.zeros((3, 2)))
    with pytest.raises(DataError, match="None of the 3 ROIs"):
        open_cells(suite2p)
    for stat, words in (
        ([{"xpix": [1]}], "ROI 0 in stat.npy has no usable"),
        ([{"ypix": [1, 2], "xpix": [1]}], "2 ypix, 1 xpix"),
        ([3], "ROI 0 in stat.npy has no usable"),
        ([], "holds no ROIs"),
    ):
        np.save(suite2p / "stat.npy", np.array(stat, dtype=object))
        with pytest.raises(DataError, match=words):
            open_cells(suite2p)
    (suite2p / "stat.npy").unlink()
    with pytest.raises(DataError, match=r"no stat\.npy"):
        open_cells(tmp_path)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["stat.npy", "cells_seg.npy", "ops.npy", "iscell.npy"])
def test_code_in_a_pickle_is_not_run(suite2p, tmp_path, name):
    np.save(suite2p / name, np.array([Bomb(tmp_path / "ran")], dtype=object))
    with pytest.raises(DataError):
        open_cells(suite2p if name != "cells_seg.npy" else suite2p / name)
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickle.dumps(Bomb(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()  # it would have


def save_nwb(path, shape, add):
    pynwb = pytest.importorskip("pynwb")
    from pynwb.ophys import ImageSegmentation, OpticalChannel

    file = pynwb.NWBFile("a session", "an identifier", datetime(2026, 1, 1, tzinfo=UTC))
    device = file.create_device(name="microscope")
    plane = file.create_imaging_plane(
        name="plane", optical_channel=OpticalChannel(name="green", description="-", emission_lambda=510.0),
        description="-", device=device, excitation_lambda=920.0, indicator="GCaMP", location="V1",
    )  # fmt: skip
    segmentation = ImageSegmentation()
    file.create_processing_module("ophys", "-").add(segmentation)
    add(segmentation, plane)
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


def test_nwb_image_masks(masks, tmp_path):
    def add(segmentation, plane, stored=None):
        table = segmentation.create_plane_segmentation(name="cells", description="-", imaging_plane=plane)
        for number, mask in zip((4, 5, 9), masks.transpose(0, 2, 1) if stored is None else stored, strict=True):
            table.add_roi(image_mask=mask.astype(float), id=number)

    path = save_nwb(tmp_path / "cells.nwb", SHAPE, add)
    for shape in (None, SHAPE):
        cells = open_cells(path, shape)
        assert cells.ids == (4, 5, 9)
        np.testing.assert_array_equal(cells.masks > 0, masks)
    turned = save_nwb(tmp_path / "turned.nwb", SHAPE, lambda *parts: add(*parts, stored=masks))
    cells = open_cells(turned, SHAPE)
    np.testing.assert_array_equal(cells.masks > 0, masks)
    assert "against the NWB standard" in cells.notes[0]


def test_nwb_pixel_masks_and_the_choice_of_a_segmentation(masks, tmp_path):
    def add(segmentation, plane):
        for name, order in (("standard", (1, 0)), ("turned", (0, 1))):
            table = segmentation.create_plane_segmentation(name=name, description="-", imaging_plane=plane)
            for mask in masks:
                table.add_roi(pixel_mask=[(*pixel[list(order)], 0.5) for pixel in np.argwhere(mask)])

    path = save_nwb(tmp_path / "cells.nwb", SHAPE, add)
    with pytest.raises(DataError, match=r"Choose one with name=\.\.\., of standard, turned"):
        open_cells(path, SHAPE)
    with pytest.raises(DataError, match="image size"):
        open_cells(path, name="standard")
    for name in ("standard", "turned"):
        cells = open_cells(path, SHAPE, name=name)
        np.testing.assert_array_equal(cells.masks, 0.5 * masks)
        assert bool(cells.notes) == (name == "turned")
    with pytest.raises(DataError, match="Cells 1 reach outside images of 18 x 25"):
        open_cells(path, (18, 25), name="standard")


def test_what_are_no_cells_is_answered_in_words(image, tmp_path):
    for source, words in (
        ("no such.tif", "There is no file"),
        ("null\0.tif", "Check the name|There is no file"),
        (image > 0, "skimage.measure.label"),
        (np.zeros(3), r"float64 of shape \(3,\)"),
        ([[1, 2], [3]], "not an array"),
        (np.zeros_like(image), "no cell"),
        (sparse.eye(3), "image size"),
        (np.ones((50, 20, 20)), "looks like a movie"),
        (np.arange(1, 20001).reshape(50, 20, 20), "looks like a movie"),
        (np.array([["a"]]), "whole numbers"),
    ):
        with pytest.raises(DataError, match=words):
            open_cells(source)
    (tmp_path / "cells.xyz").touch()
    with pytest.raises(DataError, match=r"'cells\.xyz' is not a file of cells"):
        open_cells(tmp_path / "cells.xyz")
    np.save(tmp_path / "other.npy", {"flows": 1})
    with pytest.raises(DataError, match="flows, and no 'masks'"):
        open_cells(tmp_path / "other.npy")
    with pytest.raises(TypeError, match="not from int"):
        open_cells(7)
    for wrong in (3, (1, 2, 3), "ab", (0, 5)):
        with pytest.raises(ValueError, match="shape="):
            open_cells(image, wrong)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(name=st.sampled_from(["stat.npy", "iscell.npy", "ops.npy", "labels.npy", "labels.tif"]), data=st.data())
def test_damaged_files_are_cells_or_a_data_error(suite2p, image, name, data):
    path = suite2p / name
    if name == "labels.npy":
        np.save(path, image)
    if name == "labels.tif":
        tifffile.imwrite(path, image)
    before = path.read_bytes()
    content = bytearray(before[: data.draw(st.integers(0, len(before)))])
    for position, value in data.draw(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=3)):
        if position < len(content):
            content[position] = value
    path.write_bytes(content)
    try:
        assert isinstance(open_cells(path if name.startswith("labels") else suite2p, SHAPE), Cells)
    except DataError:
        pass
    finally:
        path.write_bytes(before)
