"""Whether a movie is still what it was: by some of its frames, and by the size and time of its files."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_varae as nv
from napari_varae.core.movie.changed import Began, stamp


@pytest.fixture
def file(tmp_path, rng) -> Path:
    tifffile.imwrite(tmp_path / "m.tif", rng.integers(0, 99, (9, 16, 16)).astype(np.uint16), metadata={"axes": "TYX"})
    return tmp_path / "m.tif"


def later(path: Path) -> None:
    info = path.stat()
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns + 10**9))


def test_frames_that_the_fingerprint_does_not_see_are_noticed_by_the_time_of_the_file(file):
    stack = nv.open_stack(file)
    began = Began(stack)
    assert began.notes() == ()
    later(file)
    assert stack.fingerprint() == began.fingerprint
    assert "changed during training" in began.notes()[0]


def test_a_movie_that_is_gone_is_reported(file):
    began = Began(nv.open_stack(file))
    file.unlink()
    assert len(began.notes()) == 1


def test_an_array_has_no_file(rng):
    assert Began(nv.Stack(rng.random((9, 16, 16)))).notes() == ()


def test_of_a_folder_the_files_with_pixels_count(tmp_path):
    """Other programs write tables beside them, such as suite2p its iscell.npy."""
    (tmp_path / "plane0").mkdir()
    pixels, table = tmp_path / "plane0" / "data.bin", tmp_path / "plane0" / "iscell.npy"
    pixels.write_bytes(bytes(10_000))
    before = stamp((str(tmp_path),))
    table.write_bytes(bytes(100))
    assert stamp((str(tmp_path),)) == before
    later(pixels)
    changed = stamp((str(tmp_path),))
    assert changed != before
    assert len(changed) == 1
    pixels.write_bytes(bytes(9_000))
    assert stamp((str(tmp_path),))[0][0] == 9_000
    with pytest.raises(OSError, match="gone"):
        stamp((str(tmp_path / "gone.tif"),))
