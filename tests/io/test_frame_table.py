"""Bad frames and shifts of registration from a table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_varae as nv
from napari_varae.io.frame_table import open_frame_table


def written(tmp_path, text):
    path = tmp_path / "frames.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("frame\n3\n7\n", {3, 7}),
        ("Frame,bad\n3,1\n4,0\n7,yes\n", {3, 7}),
        ("bad\n" + "0\n" * 4 + "true\n" + "FALSE\n" * 5, {4}),
        ("frame;bad\n9;1.0\n", {9}),
    ],
)
def test_bad_frames_are_read(tmp_path, text, bad):
    table = open_frame_table(written(tmp_path, text), 10)
    assert table.bad_frames == bad
    assert table.shifts is None


def test_shifts_come_in_the_order_of_frames_and_marks_are_added(tmp_path, rng):
    shifts = rng.normal(size=(10, 2)).round(3)
    order = rng.permutation(10)
    rows = [f"{f}\t{shifts[f, 1]}\t{shifts[f, 0]}\t{int(f == 2)}" for f in order]
    table = open_frame_table(written(tmp_path, "frame\txoff\tyoff\tbad\n" + "\n".join(rows)), 10)
    np.testing.assert_array_equal(table.shifts, shifts)
    stack = table.added_to(nv.Stack(np.zeros((10, 8, 8)), bad_frames=[5]))
    assert stack.bad_frames == {2, 5}
    np.testing.assert_array_equal(stack.shifts, shifts)
    only_shifts = open_frame_table({"y": shifts[:, 0], "x": shifts[:, 1]}, 10)
    assert only_shifts.bad_frames == frozenset()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame\n10\n", "holds 10 in row 1; frames of this movie are whole numbers from 0 to 9"),
        ("frame\n1.5\n", "holds 1.5"),
        ("frame,bad\n,1\n", "holds nan"),
        ("frame\n1\n1\n", "frame 1 in several rows"),
        ("bad\n0\n1\n", "2 rows and the movie 10 frames"),
        ("frame,bad\n1,maybe\n", "'maybe' in row 1"),
        ("frame,y\n1,2\n", "shifts in 'y' only"),
        ("frame,y,x\n1,2,3\n", "no shift of frame 0"),
        ("y,x\n" + "1,2\n" * 9 + "nan,0\n", "no finite shift in row 10"),
        ("frame,speed\n1,2\n", "neither 'bad'"),
        ("", "is empty"),
    ],
)
def test_what_is_wrong_is_reported(tmp_path, text, message):
    with pytest.raises(nv.DataError, match=message):
        open_frame_table(written(tmp_path, text), 10)


def test_other_files_and_objects_are_refused(tmp_path):
    with pytest.raises(nv.DataError, match="not a table of frames"):
        open_frame_table(tmp_path / "frames.xlsx", 10)
    with pytest.raises(TypeError, match="not from int"):
        open_frame_table(3, 10)


@given(st.text(alphabet="frame,badyx01.5-\n\t;\"' ", max_size=60))
def test_any_text_gives_a_table_or_a_reason(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(text)
    try:
        table = open_frame_table(path, 5)
    except nv.DataError:
        return
    assert table.bad_frames <= set(range(5))
