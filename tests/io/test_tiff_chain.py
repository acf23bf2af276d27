"""The chain of pages: what is computed from a few pages is what following it gives."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from napari_varae.errors import StackError
from napari_varae.io import open_stack, tiff_chain
from napari_varae.io.tiff_chain import follow

MOVIE = np.arange(300 * 10 * 12, dtype=np.uint16).reshape(300, 10, 12)
WAYS = [{}, {"metadata": None}, {"imagej": True}, {"ome": True}, {"bigtiff": True}, {"byteorder": ">"}]


def write(path: Path, way: dict, one_by_one: bool) -> Path:
    if not one_by_one:
        tifffile.imwrite(path, MOVIE, **way)
        return path
    options = {key: way[key] for key in ("bigtiff", "byteorder") if key in way}
    with tifffile.TiffWriter(path, **options) as writer:
        for frame in MOVIE:
            writer.write(frame, metadata=None, contiguous=False)
    return path


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: " ".join(way) or "plain")
def test_computed_and_followed_chains_agree(tmp_path: Path, way: dict, one_by_one: bool, monkeypatch):
    path = write(tmp_path / "m.tif", way, one_by_one)
    quick = follow(path)
    monkeypatch.setattr(tiff_chain, "_regular", lambda reader: None)
    slow = follow(path)
    assert quick.n_pages == slow.n_pages == 300
    np.testing.assert_array_equal(quick.offsets, slow.offsets)
    monkeypatch.setattr(tiff_chain._Alike, "page", lambda self, pointer: None)
    np.testing.assert_array_equal(follow(path).offsets, slow.offsets)
    pixels = np.fromfile(path, np.uint8)
    order = ">" if path.read_bytes()[:2] == b"MM" else "<"
    for i in (0, 1, 150, 299):
        frame = pixels[slow.offsets[i] : slow.offsets[i] + 240].view(f"{order}u2").reshape(10, 12)
        np.testing.assert_array_equal(frame, MOVIE[i])


def test_few_pages_of_a_regular_chain_are_read(tmp_path: Path, monkeypatch):
    path = write(tmp_path / "m.tif", {"metadata": None}, one_by_one=True)
    asked = []
    page = tiff_chain._Reader.page
    monkeypatch.setattr(tiff_chain, "SAMPLE", 20)
    monkeypatch.setattr(tiff_chain._Reader, "page", lambda self, offset: asked.append(offset) or page(self, offset))
    assert follow(path).n_pages == 300
    assert len(asked) < 40


@given(number=st.integers(2, 298), size=st.booleans())
@examples(max_examples=20)
def test_one_page_that_differs_is_found_or_followed(tmp_path_factory, number: int, size: bool):
    path = tmp_path_factory.getbasetemp() / "differs.tif"
    with tifffile.TiffWriter(path) as writer:
        for i, frame in enumerate(MOVIE):
            if i == number:
                frame = frame[:5] if size else frame.astype(np.uint32)
            writer.write(frame, metadata=None, contiguous=False)
    chain = follow(path)
    assert chain.n_pages == 300
    assert chain.offsets is None


def test_a_file_cut_off_while_it_is_open_is_an_error_and_no_crash(tmp_path: Path):
    """A memory map would end the process by SIGBUS; a subprocess shows it."""
    tifffile.imwrite(tmp_path / "m.tif", np.ones((400, 64, 64), np.uint16))
    np.save(tmp_path / "m.npy", np.ones((400, 64, 64), np.uint16))
    tifffile.imwrite(tmp_path / "z.tif", np.ones((400, 64, 64), np.uint16), compression="zlib")
    script = """if True:
        import os, sys
        from napari_varae.io import open_stack
        for path in sys.argv[1:]:
            stack = open_stack(path)
            stack.read(0, 4)
            os.truncate(path, os.path.getsize(path) // 4)
            try:
                stack.read(396, 400)
            except ValueError as error:
                print(type(error).__name__, error)
            os.unlink(path)
            try:
                stack.read(300, 310)
            except ValueError as error:
                print(type(error).__name__)
    """
    files = [str(tmp_path / name) for name in ("m.tif", "m.npy", "z.tif")]
    done = subprocess.run(
        [sys.executable, "-c", script, *files], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert done.stdout.count("StackError") == 6
    assert done.stdout.count("could not be read") == 3
    assert "the file ends inside frame 396" in done.stdout


def test_a_shorter_file_says_so(tmp_path: Path):
    path = write(tmp_path / "m.tif", {"metadata": None}, one_by_one=True)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(StackError, match="cut off"):
        open_stack(path)
