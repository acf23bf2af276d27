"""A file that is cut off while it is open gives an error in words; a memory map of it would end the process."""

import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.movie.raw_frames import RawFrames, unmapped
from napari_varae.core.movie.stack import Stack

SCRIPT = """
    import os
    import sys

    import numpy as np
    import tifffile

    from napari_varae.core.fit.apply import apply_fit
    from napari_varae.core.movie.stack import Stack
    from napari_varae.core.settings import FitConfig
    from napari_varae.core.training.train import fit, train
    from napari_varae.errors import StackError
    from napari_varae.io import open_stack

    folder = sys.argv[1]
    movie = np.random.default_rng(0).normal(1000, 10, (400, 64, 64)).astype(np.float32)
    for kind in ("plain.tif", "compressed.tif", "movie.npy", "map.bin"):
        path = os.path.join(folder, kind)
        if kind == "map.bin":
            movie.tofile(path)
            stack = Stack(np.memmap(path, np.float32, "r", shape=movie.shape)[10:])
        elif kind == "movie.npy":
            np.save(path, movie)
            stack = open_stack(path)
        else:
            tifffile.imwrite(path, movie, compression="zlib" if kind[0] == "c" else None, metadata={"axes": "TYX"})
            stack = open_stack(path)
        fitted = fit(stack, FitConfig(latents=4, epochs=0))
        steps = train(stack, FitConfig(latents=4, epochs=1))
        os.truncate(path, os.path.getsize(path) // 3)
        for work in (lambda: stack.read(300, 390), lambda: next(steps), lambda: apply_fit(fitted, stack)):
            try:
                work()
            except StackError as error:
                print(kind, error)
    print("alive")
"""


@pytest.mark.long
def test_a_file_that_is_cut_off_is_reported(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(dedent(SCRIPT))
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("alive\n")
    for kind in ("plain.tif", "compressed.tif", "movie.npy", "map.bin"):
        errors = [line for line in done.stdout.splitlines() if line.startswith(kind)]
        assert len(errors) == 3, (kind, done.stdout)
        assert all("could not be read" in error for error in errors)


@given(st.data())
def test_a_memory_map_is_read_through_a_handle(tmp_path_factory, data):
    """Whatever part of a file it shows."""
    path = tmp_path_factory.mktemp("map") / "movie.bin"
    offset = data.draw(st.integers(0, 100))
    movie = np.random.default_rng(0).integers(0, 1000, (30, 9, 10)).astype(">u2")
    path.write_bytes(bytes(offset) + movie.tobytes())
    mapped = np.memmap(path, ">u2", "r", offset=offset, shape=movie.shape)
    first, step = data.draw(st.integers(0, 10)), data.draw(st.integers(1, 4))
    stack = Stack(mapped[first::step])
    assert isinstance(stack.array, RawFrames)
    np.testing.assert_array_equal(stack.read(), movie[first::step])


def test_maps_that_are_not_plain_frames_stay_maps(tmp_path):
    movie = np.zeros((20, 16, 16), np.uint16)
    movie.tofile(tmp_path / "movie.bin")
    mapped = np.memmap(tmp_path / "movie.bin", np.uint16, "r", shape=movie.shape)
    for array in (mapped[:, :, 2:], mapped[::-1], mapped.transpose(0, 2, 1), np.asarray(mapped), movie):
        assert unmapped(array) is array
    copied = np.memmap(tmp_path / "movie.bin", np.uint16, "c", shape=movie.shape)
    assert unmapped(copied) is copied


def test_what_was_written_to_a_map_is_read(tmp_path):
    mapped = np.memmap(tmp_path / "movie.bin", np.uint16, "w+", shape=(20, 16, 16))
    mapped[3] = 7
    stack = Stack(mapped)
    assert (stack.read(3, 4) == 7).all()
