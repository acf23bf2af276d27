"""ScanImage files: pages are interleaved by channel, slice and volume, and a plane is what is opened."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from napari_varae.errors import ChoiceError, StackError
from napari_varae.io import open_stack
from napari_varae.io.frame_stamps import Stamp, find_breaks

HEADER = """SI.VERSION_MAJOR = 2020
SI.VERSION_MINOR = 0
SI.acqState = 'grab'
SI.hChannels.channelSave = {channels}
SI.hStackManager.enable = {stack}
SI.hStackManager.numSlices = {slices}
SI.hStackManager.actualNumSlices = {slices}
SI.hStackManager.framesPerSlice = {per_slice}
SI.hStackManager.numFramesPerVolumeWithFlyback = {with_flyback}
SI.hFastZ.enable = {stack}
SI.hScan2D.logAverageFactor = {averaged}
SI.hRoiManager.scanFrameRate = 30
SI.hRoiManager.scanVolumeRate = {volume_rate}
SI.hRoiManager.mroiEnable = {mroi}
SI.hRoiManager.imagingFovUm = [-300 -300;300 -300;300 300;-300 300]
"""


def write_scanimage(
    path: Path, pages: np.ndarray, channels: list[int], slices: int = 1, flyback: int = 0, per_slice: int = 1,
    first: int = 1, numbers: list[int] | None = None, averaged: int = 1, mroi: bool = False, rois: int = 2,
    acquisitions: list[int] | None = None, times: list[float] | None = None,
) -> Path:  # fmt: skip
    """Write int16 pages (P, Y, X) as BigTIFF in the layout of ScanImage 2020; descriptions vary in length, as there."""
    cycle = slices * per_slice + flyback
    header = HEADER.format(
        channels=channels[0] if len(channels) == 1 else f"[{' '.join(map(str, channels))}]",
        stack="true" if slices > 1 else "false", slices=slices, per_slice=per_slice if slices > 1 else "Inf",
        with_flyback=cycle, volume_rate=30 / cycle, averaged=averaged, mroi="true" if mroi else "false",
    ).encode() + b"\0"  # fmt: skip
    rois_json = ('{"RoiGroups": {"imagingRoiGroup": {"rois": [' + ",".join(["{}"] * rois) + "]}}}\0").encode()
    height, width = pages.shape[1:]
    out = bytearray(b"II" + struct.pack("<HHHQ", 43, 8, 0, 0))
    out += struct.pack("<IIII", 117637889, 3, len(header), len(rois_json)) + header + rois_json
    previous = 8
    for i, page in enumerate(pages):
        number = numbers[i // len(channels)] if numbers else first + i // len(channels)
        frame = i // len(channels)
        acquisition, time = acquisitions[frame] if acquisitions else 1, times[frame] if times else number / 30
        text = (
            f"frameNumbers = {number}\nacquisitionNumbers = {acquisition}\nframeTimestamps_sec = {time:.6f}\n".encode()
            + b"\0"
        )
        out += bytes(-len(out) % 8)
        description = len(out)
        out += text
        out += bytes(-len(out) % 8)
        ifd = len(out)
        data = ifd + 8 + 20 * 12 + 8
        out += struct.pack("<Q", 12)
        for tag, kind, count, value in (
            (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1),
            (270, 2, len(text), description), (273, 16, 1, data), (277, 3, 1, 1), (278, 4, 1, height),
            (279, 4, 1, height * width * 2), (305, 2, len(header), 32), (339, 3, 1, 2),
        ):  # fmt: skip
            out += struct.pack("<HHQQ", tag, kind, count, value)
        out += struct.pack("<Q", 0) + page.astype("<i2").tobytes()
        out[previous : previous + 8] = struct.pack("<Q", ifd)
        previous = ifd + 8 + 20 * 12
    path.write_bytes(out)
    return path


def pages_of(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(-500, 500, (count, 16, 18)).astype(np.int16)


def test_one_channel(tmp_path: Path):
    pages = pages_of(20)
    stack = open_stack(write_scanimage(tmp_path / "m.tif", pages, [1]))
    np.testing.assert_array_equal(stack.read(), pages)
    assert stack.read().min() < 0
    assert (stack.dtype, stack.frame_rate, stack.breaks) == (np.int16, 30, ())
    assert stack.notes[2] == "Frame rate: 30 Hz from ScanImage (SI.hRoiManager.scanFrameRate)"
    assert "not used: the file reports 33.33 um across and 37.5 um down" in stack.notes[3]


def test_two_channels_are_asked_for(tmp_path: Path):
    pages = pages_of(21)  # the last frame lacks a channel
    path = write_scanimage(tmp_path / "m.tif", pages, [1, 3])
    with pytest.raises(ChoiceError, match="holds 2 channels") as caught:
        open_stack(path)
    assert caught.value.options == {"channel": ["Channel 1", "Channel 3"]}
    for i, name in enumerate(caught.value.options["channel"]):
        np.testing.assert_array_equal(open_stack(path, channel=name).read(), pages[i:20:2])
        np.testing.assert_array_equal(open_stack(path, channel=i).read(), pages[i:20:2])
    assert any("lacks a channel" in note for note in open_stack(path, channel=0).notes)
    with pytest.raises(ChoiceError, match="has no channel 'Channel 2'"):
        open_stack(path, channel="Channel 2")


@given(
    channels=st.integers(1, 3), slices=st.integers(2, 5), flyback=st.integers(0, 2), volumes=st.integers(2, 5),
    rest=st.integers(0, 4),
)  # fmt: skip
@examples(max_examples=25)
def test_a_plane_is_one_frame_of_each_volume(tmp_path_factory, channels, slices, flyback, volumes, rest):
    cycle = slices + flyback
    frames = volumes * cycle + min(rest, cycle - 1)
    pages = pages_of(frames * channels)
    path = tmp_path_factory.getbasetemp() / "volumes.tif"
    write_scanimage(path, pages, list(range(1, channels + 1)), slices, flyback)
    with pytest.raises(ChoiceError) as caught:
        open_stack(path)
    assert caught.value.options["plane"] == list(range(slices))
    grid = pages.reshape(frames, channels, *pages.shape[1:])
    for plane in range(slices):
        stack = open_stack(path, plane=plane, channel=channels - 1)
        np.testing.assert_array_equal(stack.read(), grid[plane::cycle, channels - 1])
        assert stack.frame_rate == pytest.approx(30 / cycle, rel=1e-5)
        assert stack.breaks == ()
        assert any("flyback" in note for note in stack.notes) == (flyback > 0)


def test_flyback_frames_that_were_not_saved(tmp_path: Path):
    pages = pages_of(12)
    numbers = [1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15]
    path = write_scanimage(tmp_path / "m.tif", pages, [1], slices=3, flyback=1, numbers=numbers)
    np.testing.assert_array_equal(open_stack(path, plane=2).read(), pages[2::3])


def test_several_frames_at_each_slice_are_runs(tmp_path: Path):
    pages = pages_of(24)
    stack = open_stack(write_scanimage(tmp_path / "m.tif", pages, [1], slices=3, per_slice=4), plane=1)
    np.testing.assert_array_equal(stack.read(), pages[[4, 5, 6, 7, 16, 17, 18, 19]])
    assert stack.breaks == (4,)
    assert stack.frame_rate == 30


def test_acquisitions_and_gaps_begin_new_runs(tmp_path: Path):
    pages = pages_of(200)
    times = (np.arange(100) / 30 + 9 * (np.arange(100) >= 60)).tolist()
    path = write_scanimage(tmp_path / "m.tif", pages, [1, 2], acquisitions=[1] * 37 + [2] * 63, times=times)
    stack = open_stack(path, channel=1)
    assert stack.breaks == (37, 60)
    assert "Acquisitions 1 to 2: each begins a new run" in stack.notes
    assert "A gap in the time stamps, of 9.03 s before frame 60" in stack.notes
    np.testing.assert_array_equal(stack.read(), pages[1::2])


def test_a_gap_is_found_in_each_plane(tmp_path: Path):
    times = (np.arange(60) / 30 + 2 * (np.arange(60) >= 31)).tolist()
    path = write_scanimage(tmp_path / "m.tif", pages_of(60), [1], slices=3, times=times)
    assert [open_stack(path, plane=plane).breaks for plane in range(3)] == [(11,), (10,), (10,)]


@given(
    gaps=st.dictionaries(st.integers(1, 99_999), st.sampled_from([1.0, 2.0, 270.0, -40_000.0]), max_size=4),
    acquisitions=st.sets(st.integers(1, 99_999), max_size=4),
    drift=st.floats(-1e-3, 1e-3),
)  # fmt: skip
@examples(max_examples=30)
def test_few_of_many_descriptions_are_read(gaps, acquisitions, drift):
    frames = np.arange(100_000)
    jitter = np.random.default_rng(0).normal(0, 1e-4, len(frames))
    late = sum((size * (frames >= at) for at, size in gaps.items()), np.zeros(len(frames)))
    times = (frames * (1 + drift * frames / len(frames)) + jitter + late) / 30
    numbers = np.searchsorted(sorted(acquisitions), frames, side="right")
    reads = []

    def read(frame):
        reads.append(frame)
        return Stamp(int(numbers[frame]), round(float(times[frame]), 6))

    breaks, _ = find_breaks(read, len(frames))
    assert set(breaks) == {*gaps, *acquisitions}
    assert len(reads) < 900


def test_frames_without_stamps_have_no_breaks():
    assert find_breaks(lambda _frame: Stamp(), 1000) == ((), ())
    assert find_breaks(lambda frame: Stamp(1 + frame // 600), 1000)[0] == (600,)


def test_averaged_frames_have_the_lower_rate(tmp_path: Path):
    stack = open_stack(write_scanimage(tmp_path / "m.tif", pages_of(8), [1], averaged=3))
    assert stack.frame_rate == 10


def test_a_series_whose_files_end_inside_a_volume(tmp_path: Path):
    pages = pages_of(40)  # 10 volumes of 4 frames, in files of 15, 15 and 10 frames
    for i, (start, stop) in enumerate([(0, 15), (15, 30), (30, 40)]):
        write_scanimage(tmp_path / f"m_{i + 1:05}.tif", pages[start:stop], [1], slices=3, flyback=1, first=start + 1)
    for plane in range(3):
        stack = open_stack(tmp_path, plane=plane)
        np.testing.assert_array_equal(stack.read(), pages[plane::4])
        assert len(stack.breaks) == 2
    with pytest.raises(ChoiceError) as caught:
        open_stack(tmp_path)
    assert caught.value.options == {"plane": [0, 1, 2]}
    alone = open_stack(tmp_path / "m_00001.tif", plane=0)
    assert any("2 more file(s) of this series" in note for note in alone.notes)


def test_mesoscope_strips_are_refused_with_a_remedy(tmp_path: Path):
    with pytest.raises(StackError, match=r"3 regions \(mROI\).*assemble them"):
        open_stack(write_scanimage(tmp_path / "m.tif", pages_of(8), [1], mroi=True, rois=3))
    assert open_stack(write_scanimage(tmp_path / "one.tif", pages_of(8), [1], mroi=True, rois=1)).n_frames == 8


def test_a_single_volume_is_no_movie(tmp_path: Path):
    with pytest.raises(StackError, match=r"1 frame\(s\) of one plane"):
        open_stack(write_scanimage(tmp_path / "m.tif", pages_of(3), [1], slices=3), plane=0)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_file_that_was_cut_off(tmp_path: Path, share: float):
    path = write_scanimage(tmp_path / "m.tif", pages_of(80), [1, 2])
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(StackError, match="cut off"):
        open_stack(path, channel=0)


@pytest.mark.long
@given(data=st.data())
@examples(max_examples=150)
def test_damaged_files_only_ever_raise_stack_errors(tmp_path_factory, data: st.DataObject):
    path = write_scanimage(tmp_path_factory.getbasetemp() / "damaged.tif", pages_of(12), [1, 2], slices=3)
    content = bytearray(path.read_bytes())
    places = st.one_of(st.integers(0, 1100), st.integers(0, len(content) - 1))
    for place, value in data.draw(st.lists(st.tuples(places, st.sampled_from([0, 1, 48, 57, 127, 255])), max_size=12)):
        content[place] = value
    path.write_bytes(content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))])
    try:
        open_stack(path, channel=0, plane=0).read()
    except StackError:
        return


def test_old_files_hold_their_header_in_the_description(tmp_path: Path):
    header = "state.configName='x'\rstate.acq.savingChannel1=1\rstate.acq.savingChannel2=1\rstate.acq.frameRate=7.5\r"
    header += "state.acq.numberOfZSlices=1\rstate.acq.numberOfFrames=10\r"
    pages = pages_of(20)
    with tifffile.TiffWriter(tmp_path / "old.tif") as writer:
        for page in pages:
            writer.write(page, description=header, metadata=None, contiguous=False)
    with pytest.raises(ChoiceError) as caught:
        open_stack(tmp_path / "old.tif")
    assert caught.value.options == {"channel": ["Channel 1", "Channel 2"]}
    stack = open_stack(tmp_path / "old.tif", channel=1)
    np.testing.assert_array_equal(stack.read(), pages[1::2])
    assert stack.frame_rate == 7.5
