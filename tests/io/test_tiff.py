"""TIFF files of every make: what opens is the movie that was written, what does not says why."""

import gc
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_varae.core.movie.raw_frames import RawFrames
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import ChoiceError, StackError
from napari_varae.io import READERS, open_stack
from napari_varae.io.tiff import DecodedPages

TYX = {"axes": "TYX"}
WAYS = {
    "plain": {},
    "no description": {"metadata": None},
    "one page": {"truncate": True},
    "compressed": {"compression": "zlib"},
    "predicted": {"compression": "zlib", "predictor": True},
    "tiled": {"tile": (16, 16)},
    "strips": {"rowsperstrip": 5, "compression": "zlib"},
    "big": {"bigtiff": True},
    "big-endian": {"byteorder": ">", "bigtiff": True},
    "ImageJ": {"imagej": True, "metadata": TYX},
    "OME": {"ome": True, "metadata": TYX},
    "OME compressed": {"ome": True, "metadata": TYX, "compression": "zlib"},
}
"""Ways to write a movie, as arguments of `tifffile.imwrite`."""
IN_ONE_PIECE = {"plain", "no description", "one page", "big", "big-endian", "ImageJ", "OME"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiff")


@pytest.fixture(scope="module")
def movie() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 4000, (12, 20, 24)).astype(np.uint16)


def write(path: Path, movie: np.ndarray, **way: object) -> Path:
    tifffile.imwrite(path, movie, **way)
    return path


def frame_by_frame(path: Path, movie: np.ndarray, **way: object) -> Path:
    with tifffile.TiffWriter(path) as writer:
        for frame in movie:
            writer.write(frame, **way)
    return path


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_writing_opens(folder: Path, movie: np.ndarray, way: str):
    stack = open_stack(write(folder / f"{way}.tif", movie, **WAYS[way]))
    assert stack.shape == movie.shape
    assert stack.dtype.name == "uint16"
    assert isinstance(stack.array, RawFrames if way in IN_ONE_PIECE else DecodedPages)
    np.testing.assert_array_equal(stack.read(), movie)
    np.testing.assert_array_equal(stack.read(3, 5), movie[3:5])
    assert stack.fingerprint() == Stack(movie).fingerprint()
    assert stack.frame_rate is None
    assert "Frame rate: not stored in the file" in stack.notes


@given(data=st.data(), way=st.sampled_from(["plain", "no description", "big-endian", "compressed", "tiled", "strips"]))
@examples(max_examples=40)
def test_pixels_survive_a_file(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, way: str):
    dtype = data.draw(st.sampled_from([np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32]))
    shape = st.tuples(st.integers(2, 9), st.integers(8, 40), st.integers(8, 40))
    elements = st.floats(-1e6, 1e6, width=32) if dtype is np.float32 else None
    movie = data.draw(npst.arrays(dtype, shape, elements=elements))
    stack = open_stack(
        write(tmp_path_factory.getbasetemp() / "round.tif", movie, photometric="minisblack", **WAYS[way])
    )
    assert stack.dtype.name == np.dtype(dtype).name
    np.testing.assert_array_equal(stack.read(), movie.astype(np.float32))


@pytest.mark.parametrize("way", [{}, {"metadata": None}, {"contiguous": True}, {"compression": "zlib"}])
def test_frames_written_one_by_one_are_one_movie(folder: Path, movie: np.ndarray, way: dict):
    stack = open_stack(frame_by_frame(folder / "frames.tif", movie, **way))
    np.testing.assert_array_equal(stack.read(), movie)


@pytest.mark.parametrize("way", [{"imagej": True}, {"ome": True}, {"compression": "zlib"}])
def test_axes_of_length_one_do_not_count(folder: Path, movie: np.ndarray, way: dict):
    path = write(folder / "single.tif", movie[:, None, None], metadata={"axes": "TZCYX"}, **way)
    stack = open_stack(path)
    np.testing.assert_array_equal(stack.read(), movie)
    assert stack.notes[0].endswith("axes TYX")


def test_imagej_hyperstacks_with_a_single_page(folder: Path, movie: np.ndarray):
    """ImageJ writes movies beyond 4 GB so: the pixels in one piece behind a single page."""
    path = write(folder / "virtual.tif", movie, imagej=True, metadata=TYX)
    data = bytearray(path.read_bytes())
    order = "<" if data[:2] == b"II" else ">"
    first = struct.unpack(f"{order}I", data[4:8])[0]
    tags = struct.unpack(f"{order}H", data[first : first + 2])[0]
    data[first + 2 + 12 * tags : first + 6 + 12 * tags] = bytes(4)
    path.write_bytes(data)
    np.testing.assert_array_equal(open_stack(path).read(), movie)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(StackError, match="claims to hold 12 images but holds 1"):
        open_stack(path)


def test_the_real_recordings_open(recordings: Path):
    stack = open_stack(recordings / "mouse_somata_2p.tif")
    assert stack.shape == (2000, 128, 128)
    assert stack.frame_rate is None
    assert stack.notes[0] == "2000 frames of 128 x 128 pixels, axes TYX"
    np.testing.assert_array_equal(
        stack.read(700, 703), tifffile.imread(recordings / "mouse_somata_2p.tif", key=range(700, 703))
    )


@pytest.mark.parametrize(
    ("way", "rate", "note"),
    [
        ({"imagej": True, "metadata": {**TYX, "finterval": 0.05, "fps": 7.0}}, 20, "from ImageJ (finterval = 0.05 s)"),
        ({"imagej": True, "metadata": {**TYX, "fps": 7.0}}, 7, "speed of playback"),
        ({"imagej": True, "metadata": {**TYX, "finterval": 50.0, "tunit": "ms"}}, 20, "finterval = 50 ms"),
        ({"imagej": True, "metadata": {**TYX, "finterval": 0.0}}, None, "not stored"),
        ({"imagej": True, "metadata": {**TYX, "finterval": 1e-300}}, None, "not stored"),
        ({"imagej": True, "metadata": {**TYX, "finterval": 5.0, "tunit": "fortnights"}}, None, "not stored"),
        ({"ome": True, "metadata": {**TYX, "TimeIncrement": 0.1}}, 10, "from OME (TimeIncrement = 0.1 s)"),
        (
            {"ome": True, "metadata": {**TYX, "TimeIncrement": 40.0, "TimeIncrementUnit": "ms"}},
            25,
            "TimeIncrement = 40 ms",
        ),
        ({"metadata": {**TYX, "fps": 30}}, 30, "from the image description (fps)"),
        ({"metadata": {**TYX, "finterval": 0.125}}, 8, "finterval = 0.125 s"),
        ({"metadata": {**TYX, "fps": "fast"}}, None, "not stored"),
        ({"metadata": {**TYX, "fps": float("nan")}}, None, "not stored"),
    ],
)
def test_frame_rate_and_its_source(folder: Path, movie: np.ndarray, way: dict, rate: float | None, note: str):
    stack = open_stack(write(folder / "rate.tif", movie, **way))
    assert stack.frame_rate == (None if rate is None else pytest.approx(rate))
    assert note in stack.notes[2]


@pytest.mark.parametrize(
    ("way", "size", "note"),
    [
        ({"imagej": True, "resolution": (2, 2), "metadata": {**TYX, "unit": "um"}}, 0.5, "from ImageJ"),
        ({"imagej": True, "resolution": (2, 2), "metadata": {**TYX, "unit": "\\u00B5m"}}, 0.5, "from ImageJ"),
        ({"imagej": True, "resolution": (2, 2), "metadata": {**TYX, "unit": "micron"}}, 0.5, "from ImageJ"),
        ({"imagej": True, "resolution": (2000, 2000), "metadata": {**TYX, "unit": "mm"}}, 0.5, "from ImageJ"),
        ({"imagej": True, "resolution": (2, 2), "metadata": {**TYX, "unit": "pixel"}}, None, "not stored"),
        ({"imagej": True, "resolution": (2, 4), "metadata": {**TYX, "unit": "um"}}, None, "must be square"),
        ({"imagej": True, "resolution": (0.001, 0.001), "metadata": {**TYX, "unit": "um"}}, None, "no such microscope"),
        ({"imagej": True, "metadata": TYX}, None, "not stored"),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None, "not stored"),
        ({"resolution": (10_000, 10_000), "resolutionunit": "CENTIMETER", "metadata": None}, 1.0, "resolution tags"),
        ({"ome": True, "metadata": {**TYX, "PhysicalSizeX": 0.6, "PhysicalSizeY": 0.6}}, 0.6, "from OME"),
        (
            {
                "ome": True,
                "metadata": {
                    **TYX,
                    "PhysicalSizeX": 600.0,
                    "PhysicalSizeXUnit": "nm",
                    "PhysicalSizeY": 600.0,
                    "PhysicalSizeYUnit": "nm",
                },
            },
            0.6,
            "from OME",
        ),
        ({"ome": True, "metadata": {**TYX, "PhysicalSizeX": 0.6}}, None, "not stored"),
    ],
)
def test_pixel_size_and_its_source(folder: Path, movie: np.ndarray, way: dict, size: float | None, note: str):
    stack = open_stack(write(folder / "size.tif", movie, **way))
    assert stack.pixel_size == (None if size is None else pytest.approx(size))
    assert note in stack.notes[3]


def test_what_the_caller_says_goes_first(folder: Path, movie: np.ndarray):
    path = write(folder / "given.tif", movie, imagej=True, metadata={**TYX, "finterval": 0.05})
    stack = open_stack(path, frame_rate=15, pixel_size=0.8)
    assert (stack.frame_rate, stack.pixel_size) == (15, 0.8)
    assert "Frame rate: 15 Hz as given (20 Hz from ImageJ (finterval = 0.05 s))" in stack.notes
    assert "Pixel size: 0.8 um as given (not stored in the file)" in stack.notes
    with pytest.raises(ValueError, match="frame_rate"):
        open_stack(path, frame_rate=-1)


def test_notes_tell_what_was_found(folder: Path, movie: np.ndarray):
    plain = open_stack(write(folder / "plain.tif", movie, metadata=None))
    assert plain.name == "plain.tif"
    assert plain.notes[0] == "12 frames of 20 x 24 pixels, axes IYX"
    assert plain.notes[1].startswith("uint16 pixels, 0.01")
    assert plain.notes[1].endswith("MB on disk, read lazily")
    assert any(note.startswith("Axis I (images) is taken for time") for note in plain.notes)
    assert not any("taken for time" in note for note in open_stack(write(folder / "t.tif", movie, metadata=TYX)).notes)


def test_a_stray_image_is_left_out(folder: Path, movie: np.ndarray):
    with tifffile.TiffWriter(folder / "stray.tif") as writer:
        writer.write(movie, metadata=TYX)
        writer.write(movie[0, :10, :10])
    stack = open_stack(folder / "stray.tif")
    np.testing.assert_array_equal(stack.read(), movie)
    assert "1 other image series in the file left out" in stack.notes


def test_two_movies_in_one_file(folder: Path, movie: np.ndarray):
    with tifffile.TiffWriter(folder / "two.tif") as writer:
        writer.write(movie)
        writer.write(movie[:, :10, :10])
    with pytest.raises(
        ChoiceError, match=r"2 data sets. Choose dataset from '0: axes QYX \(12 images, 20 rows"
    ) as caught:
        open_stack(folder / "two.tif")
    for number, option in enumerate(caught.value.options["dataset"]):
        for choice in (number, option):
            stack = open_stack(folder / "two.tif", dataset=choice)
            np.testing.assert_array_equal(stack.read(), movie[:, :10, :10] if number else movie)


def test_planes_are_not_taken_for_time_without_being_asked(folder: Path, movie: np.ndarray):
    path = write(folder / "planes.tif", movie, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(ChoiceError, match="Planes are not taken for time points") as caught:
        open_stack(path)
    assert caught.value.options == {"plane": ["time"]}
    stack = open_stack(path, plane="time")
    np.testing.assert_array_equal(stack.read(), movie)
    assert "Axis Z (planes) is taken for time, as asked" in stack.notes


@pytest.mark.parametrize("choice", [{"channel": 1}, {"channel": "green"}, {"plane": 2}, {"dataset": "other"}])
def test_a_choice_that_the_file_does_not_offer_is_refused(folder: Path, choice: dict):
    path = write(folder / "plain.tif", np.zeros((6, 20, 24), np.uint16), metadata={"axes": "TYX"})
    with pytest.raises(ChoiceError, match=f"has no {next(iter(choice))}"):
        open_stack(path, **choice)
    assert open_stack(path, channel=0, plane=0, dataset=0).shape == (6, 20, 24)  # what it has one of


@pytest.mark.parametrize("way", [{"imagej": True}, {"ome": True}, {"ome": True, "compression": "zlib"}, {}])
@pytest.mark.parametrize("axes", ["TZCYX", "TCYX", "TZYX"])
def test_channel_and_plane_are_chosen(folder: Path, way: dict, axes: str):
    shape = [{"T": 6, "Z": 2, "C": 3, "Y": 20, "X": 24}[axis] for axis in axes]
    movie = np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)
    path = write(folder / "hyper.tif", movie, metadata={"axes": axes}, photometric="minisblack", **way)
    with pytest.raises(ChoiceError) as caught:
        open_stack(path)
    expected = {"channel": [0, 1, 2]} if "C" in axes else {}
    assert caught.value.options == expected | ({"plane": [0, 1]} if "Z" in axes else {})
    for channel in range(3 if "C" in axes else 1):
        for plane in range(2 if "Z" in axes else 1):
            choice = {"channel": channel} if "C" in axes else {}
            choice |= {"plane": plane} if "Z" in axes else {}
            index = tuple({"T": slice(None), "Z": plane, "C": channel}[axis] for axis in axes[:-2])
            stack = open_stack(path, **choice)
            np.testing.assert_array_equal(stack.read(), movie[index])
            np.testing.assert_array_equal(stack.array[-1, 3:9, ::2], movie[index][-1, 3:9, ::2])
    with pytest.raises(ChoiceError, match=r"has no (channel 3|plane 2)"):
        open_stack(path, **{"channel" if "C" in axes else "plane": 3 if "C" in axes else 2})


def test_channels_go_by_their_names(folder: Path):
    movie = np.random.default_rng(0).integers(0, 4000, (5, 2, 16, 16)).astype(np.uint16)
    path = write(folder / "named.ome.tif", movie, metadata={"axes": "TCYX", "Channel": {"Name": ["GCaMP", "tdTomato"]}})
    with pytest.raises(ChoiceError) as caught:
        open_stack(path)
    assert caught.value.options == {"channel": ["GCaMP", "tdTomato"]}
    np.testing.assert_array_equal(open_stack(path, channel="tdTomato").read(), movie[:, 1])


def test_frames_of_two_sizes(folder: Path, movie: np.ndarray):
    with tifffile.TiffWriter(folder / "sizes.tif") as writer:
        for frame in (movie[0], movie[1, :10, :10]):
            writer.write(frame)
    with pytest.raises(StackError, match=r"2 images of different sizes, \(20, 24\) and \(10, 10\)"):
        open_stack(folder / "sizes.tif")


@pytest.mark.parametrize(
    ("shape", "way", "message"),
    [
        ((20, 24), {}, "single image"),
        ((1, 20, 24), {}, "single image"),
        ((20, 24, 3), {"photometric": "rgb"}, "RGB colours, axes YXS"),
        (
            (6, 20, 24, 3),
            {"photometric": "rgb"},
            r"RGB colours, axes QYXS \(6 images, 20 rows, 24 columns, 3 colours\)",
        ),
        ((6, 2, 20, 24), {"imagej": True, "metadata": {"axes": "TCYX"}}, "holds 2 channels. Choose channel from 0, 1"),
        ((6, 20, 24), {"imagej": True, "metadata": {"axes": "CYX"}}, r"axes CYX \(6 channels"),
        ((20, 24, 6), {"metadata": {"axes": "YXT"}, "photometric": "minisblack"}, "axes YXT"),
        ((6, 4, 24), {}, "8 x 8"),
    ],
)
def test_what_is_no_movie_says_what_it_is(folder: Path, shape: tuple, way: dict, message: str):
    path = write(folder / "other.tif", np.ones(shape, np.uint8), **way)
    with pytest.raises(StackError, match=message):
        open_stack(path)


@pytest.mark.parametrize("dtype", [bool, np.complex64])
def test_pixels_that_are_no_numbers(folder: Path, dtype: type):
    with pytest.raises(StackError, match="real numbers"):
        open_stack(write(folder / "odd.tif", np.ones((6, 16, 16), dtype)))


def test_broken_pixels_show_when_read(folder: Path, movie: np.ndarray):
    holed = movie.astype(np.float32)
    holed[4, 3, 2] = np.nan
    stack = open_stack(write(folder / "holed.tif", holed))
    np.testing.assert_array_equal(stack.read(0, 4), movie[:4])
    with pytest.raises(StackError, match="first in frame 4"):
        stack.read()


def test_a_missing_codec_is_named_when_opened(folder: Path, movie: np.ndarray):
    imagecodecs = pytest.importorskip("imagecodecs", reason="writing LZW needs imagecodecs")
    assert imagecodecs
    path = write(folder / "coded.tif", movie, compression="lzw")
    np.testing.assert_array_equal(open_stack(path).read(), movie)
    script = f"""if True:
        import sys
        sys.modules["imagecodecs"] = None
        from napari_varae.io import open_stack
        try:
            open_stack({str(path)!r})
        except ValueError as error:
            print(error)"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert "could not be decoded" in done.stdout
    assert "pip install 'napari-varae[codecs]' (imagecodecs)" in done.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.tif", "no readable file"),
        ("a\0b.tif", "no readable file"),
        ("x" * 300 + ".tif", "no readable file"),
        ("folder", "folder without a recording"),
        ("movie.mp4", r"\.tif, \.tiff"),
        ("movie", r"\.tif, \.tiff"),
        ("empty.tif", "is empty"),
        ("text.tif", "no TIFF file"),
        ("header.tif", "cut off"),
    ],
)
def test_what_cannot_be_opened_says_what_to_do(folder: Path, name: str, message: str):
    (folder / "folder").mkdir(exist_ok=True)
    for file, content in {
        "movie.mp4": b"0", "movie": b"0", "empty.tif": b"", "text.tif": b"Dear reader", "header.tif": b"II*\0\0\0\0\0",
    }.items():  # fmt: skip
        (folder / file).write_bytes(content)
    with pytest.raises(StackError, match=message):
        open_stack(folder / name)


def test_extensions_in_capitals_and_names_as_text(folder: Path, movie: np.ndarray):
    assert open_stack(str(write(folder / "LOUD.TIF", movie))).shape == movie.shape
    assert all(extension == extension.lower() for extension in READERS)


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_is_cut_off_is_found_when_opened(folder: Path, movie: np.ndarray, way: str):
    path = write(folder / "whole.tif", movie, **WAYS[way])
    data = path.read_bytes()
    pixels = movie.nbytes if way in IN_ONE_PIECE else len(data)
    for share in (0.001, 0.01, 0.3, 0.5, 0.9, 0.99):
        path.write_bytes(data[: int(share * pixels)])
        with pytest.raises(StackError, match=r"cut off|no TIFF file"):
            open_stack(path)


def test_pages_in_a_circle_end(folder: Path, movie: np.ndarray):
    path = frame_by_frame(folder / "circle.tif", np.tile(movie, (20, 1, 1)), metadata=None)
    with tifffile.TiffFile(path) as tif:
        pages, last, order = [page.offset for page in tif.pages], tif.pages[-1].offset, tif.byteorder
    data = bytearray(path.read_bytes())
    tags = struct.unpack(f"{order}H", data[last : last + 2])[0]
    data[last + 2 + 12 * tags : last + 6 + 12 * tags] = struct.pack(f"{order}I", pages[150])
    path.write_bytes(data)
    with pytest.raises(StackError, match="circle"):
        open_stack(path)


def test_a_page_that_claims_more_than_the_file_can_hold(folder: Path, movie: np.ndarray):
    path = write(folder / "claims.tif", movie, metadata=None, compression="zlib")
    huge = struct.pack("<HHII", 256, 4, 1, 2**31)
    with tifffile.TiffFile(path) as tif:
        width = tif.pages[0].tags["ImageWidth"]
        before = struct.pack("<HHII", 256, width.dtype, 1, 24)
    path.write_bytes(path.read_bytes().replace(before, huge))
    with pytest.raises(StackError, match=r"cannot hold|cut off"):
        open_stack(path)


@pytest.fixture(scope="module")
def originals(folder: Path, movie: np.ndarray) -> list[bytes]:
    small = movie[:5, :16, :16]
    return [write(folder / "original.tif", small, **WAYS[way]).read_bytes() for way in WAYS]


@pytest.mark.long
@given(data=st.data())
@examples(max_examples=250)
def test_damaged_files_only_ever_raise_stack_errors(folder: Path, originals: list[bytes], data: st.DataObject):
    content = bytearray(data.draw(st.sampled_from(originals)))
    changes = st.tuples(st.integers(0, len(content) - 1), st.sampled_from([0, 1, 2, 3, 8, 127, 128, 255]))
    for position, value in data.draw(st.lists(changes, max_size=20)):
        content[position] = value
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    path = folder / "damaged.tif"
    path.write_bytes(content[:cut])
    try:
        stack = open_stack(path)
        frames = stack.read()
    except StackError:
        return
    assert frames.shape == stack.shape


@pytest.mark.long
@given(content=st.binary(max_size=300))
def test_any_bytes_only_ever_raise_stack_errors(folder: Path, content: bytes):
    for start in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0"):
        (folder / "noise.tif").write_bytes(start + content)
        with pytest.raises(StackError):
            open_stack(folder / "noise.tif")


def test_files_close_with_the_movie(folder: Path, movie: np.ndarray):
    path = write(folder / "closing.tif", movie, compression="zlib")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stack = open_stack(path)
        np.testing.assert_array_equal(stack.read(), movie)
        del stack
        gc.collect()
        path.unlink()


def test_complaints_about_odd_tags_go_to_the_notes(folder: Path, movie: np.ndarray, caplog: pytest.LogCaptureFixture):
    path = write(folder / "odd.tif", movie, metadata=None, extratags=[(65000, 2, 20, "x" * 19, True)])
    data = path.read_bytes()
    where = data.index(struct.pack("<HHI", 65000, 2, 20)) + 8
    path.write_bytes(data[:where] + struct.pack("<I", 2**31) + data[where + 4 :])
    stack = open_stack(path)
    np.testing.assert_array_equal(stack.read(), movie)
    assert any(note.startswith("tifffile reports: ") and "65000" in note for note in stack.notes)
    assert not caplog.records
