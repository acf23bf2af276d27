"""Recordings of microscopes that roiextractors reads, made as each program lays them out, open as written.

Inscopix files are written by the vendor's library. For the others there is no library that writes them; the layouts are
those that roiextractors reads from the example files of each vendor.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_varae.errors import ChoiceError, StackError
from napari_varae.io import open_stack

pytest.importorskip("roiextractors", reason="roiextractors, an optional dependency, is not installed")

MOVIE = np.random.default_rng(3).integers(0, 4000, (24, 16, 20)).astype(np.uint16)
"""Not square: swapped axes would be seen."""
OTHER = MOVIE[::-1].copy()


# Bruker (Prairie View)


PERIOD, PAUSE = 0.05, 0.5
"""Seconds from frame to frame, and between bursts."""
PRAIRIE = """<?xml version="1.0" encoding="utf-8"?><PVScan version="5.8.64.814" date="10/10/2024 10:00:00 AM">
<PVStateShard><PVStateValue key="framePeriod" value="0.05"/><PVStateValue key="micronsPerPixel">
<IndexedValue index="XAxis" value="1.14"/>
<IndexedValue index="YAxis" value="1.14"/><IndexedValue index="ZAxis" value="5"/></PVStateValue>
</PVStateShard>{}</PVScan>"""


def write_bruker(folder, channels, kind, lengths=None, volumes=False, multipage=False):
    """Write movies by the name of their channel, as Sequences of `lengths` frames: bursts, or volumes."""
    folder.mkdir()
    lengths = lengths or [len(next(iter(channels.values())))]
    sequences, frame, time = [], 0, 0.0
    for cycle, count in enumerate(lengths, 1):
        frames, began = [], 0.0 if volumes else time
        for index in range(1, count + 1):
            files = []
            for number, (name, movie) in enumerate(channels.items(), 1):
                part = f"{cycle:05d}_Ch{number}_{index:06d}" if not multipage else f"00001_Ch{number}_000001"
                file = folder / f"{folder.name}_Cycle{part}.ome.tif"
                if not file.exists():
                    tifffile.imwrite(
                        file, movie if multipage else movie[frame], metadata={"axes": "TYX"[not multipage :]}
                    )
                page = frame + 1 if multipage else 1
                files.append(f'<File channel="{number}" channelName="{name}" page="{page}" filename="{file.name}"/>')
            clocks = f'relativeTime="{time - began:.6f}" absoluteTime="{time + 2:.6f}"'
            frames.append(f'<Frame {clocks} index="{index}">{"".join(files)}</Frame>')
            frame, time = frame + 1, time + PERIOD
        sequences.append(f'<Sequence type="{kind}" cycle="{cycle}">{"".join(frames)}</Sequence>')
        time += 0 if volumes else PAUSE
    (folder / f"{folder.name}.xml").write_text(PRAIRIE.format("".join(sequences)))
    return folder


TIMED = "TSeries Timed Element"


@pytest.mark.parametrize("multipage", [False, True], ids=["a file per frame", "a file"])
def test_bruker(tmp_path: Path, multipage: bool):
    stack = open_stack(write_bruker(tmp_path / "TSeries-001", {"Ch2": MOVIE}, TIMED, multipage=multipage))
    np.testing.assert_array_equal(stack.read(), MOVIE)
    np.testing.assert_array_equal(stack.read(7, 9), MOVIE[7:9])
    assert stack.frame_rate == pytest.approx(20)
    assert stack.pixel_size == 1.14
    assert (stack.breaks, stack.dtype) == ((), np.uint16)
    assert "Bruker, read by roiextractors" in stack.notes


def test_bursts_of_bruker_are_runs_of_their_own(tmp_path: Path):
    folder = write_bruker(tmp_path / "Bursts", {"Ch2": MOVIE}, "TSeries Brightness Over Time Element", [10, 8, 6])
    stack = open_stack(folder)
    np.testing.assert_array_equal(stack.read(), MOVIE)
    assert stack.frame_rate == pytest.approx(20)
    assert stack.breaks == (10, 18)
    assert any("2 gaps in the time stamps, the first of 0.55 s before frame 10" in note for note in stack.notes)


@pytest.mark.parametrize("multipage", [False, True], ids=["a file per frame", "a file per channel"])
def test_channels_of_bruker_are_asked_for(tmp_path: Path, multipage: bool):
    folder = write_bruker(tmp_path / "Two", {"Red": MOVIE, "Green": OTHER}, TIMED, multipage=multipage)
    with pytest.raises(ChoiceError) as asked:
        open_stack(folder)
    assert asked.value.options == {"channel": ["Green", "Red"]}
    np.testing.assert_array_equal(open_stack(folder, channel="Green").read(), OTHER)
    stack = open_stack(folder, channel="Red")
    np.testing.assert_array_equal(stack.read(), MOVIE)
    assert "Channel 'Red' of 2" in stack.notes


def test_planes_of_bruker_are_asked_for_and_are_no_frames(tmp_path: Path):
    folder = write_bruker(tmp_path / "Piezo", {"Ch2": MOVIE}, "TSeries ZSeries Element", [4] * 6, volumes=True)
    with pytest.raises(ChoiceError) as asked:
        open_stack(folder)
    assert asked.value.options == {"plane": [0, 1, 2, 3]}
    stack = open_stack(folder, plane=2)
    np.testing.assert_array_equal(stack.read(), MOVIE[2::4])
    assert stack.frame_rate == pytest.approx(5)  # of volumes
    assert "Plane 2 of 4" in stack.notes


# ThorImage


def write_thor(folder, channels, planes=1, lsm="", streaming=""):
    """Write an OME-TIFF file for each frame and channel, all listed in the metadata of the first."""
    folder.mkdir()
    size_t, names = len(next(iter(channels.values()))) // planes, list(channels)
    files = {
        (c, z, t): f"{name}_001_001_{z + 1:03d}_{t + 1:03d}.tif"
        for t in range(size_t) for z in range(planes) for c, name in enumerate(names)
    }  # fmt: skip
    data = "".join(
        f'<TiffData FirstC="{c}" FirstZ="{z}" FirstT="{t}" IFD="0" PlaneCount="1"><UUID FileName="{file}">'
        f"urn:uuid:{i:08x}-0000-4000-8000-000000000000</UUID></TiffData>"
        for i, ((c, z, t), file) in enumerate(files.items())
    )
    y, x = MOVIE.shape[1:]
    ome = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2010-06">'
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="{x}" SizeY="{y}" '
        f'SizeC="{len(names)}" SizeZ="{planes}" SizeT="{size_t}" TimeIncrement="0">{data}</Pixels></Image></OME>'
    )
    for i, ((c, z, t), file) in enumerate(files.items()):
        frame = channels[names[c]][t * planes + z]
        tifffile.imwrite(folder / file, frame, description=ome if i == 0 else None, metadata=None)
    waves = "".join(f'<Wavelength name="{name}" exposuretimeMS="0"/>' for name in names)
    (folder / "Experiment.xml").write_text(
        '<?xml version="1.0"?><ThorImageExperiment><Name name="x"/><Date date="10/10/2024" uTime="1728554400"/>'
        f'<Wavelengths nyquistExWavelengthNM="488">{waves}</Wavelengths><LSM name="LightScanningModule" pixelX="{x}" '
        f'pixelY="{y}" pixelSizeUM="0.785" {lsm} frameRate="30.06"/>{streaming}</ThorImageExperiment>'
    )
    return folder


def test_thor(tmp_path: Path):
    stack = open_stack(write_thor(tmp_path / "thor", {"ChanA": MOVIE}, lsm='averageMode="0" averageNum="8"'))
    np.testing.assert_array_equal(stack.read(), MOVIE)
    assert (stack.frame_rate, stack.pixel_size, stack.breaks) == (30.06, 0.785, ())


def test_frames_of_thor_that_are_averages_come_less_often(tmp_path: Path):
    stack = open_stack(write_thor(tmp_path / "thor", {"ChanA": MOVIE}, lsm='averageMode="1" averageNum="3"'))
    assert stack.frame_rate == pytest.approx(10.02)
    assert any("divided by the 3 frames that are averaged" in note for note in stack.notes)


def test_channels_of_thor_are_asked_for(tmp_path: Path):
    folder = write_thor(tmp_path / "thor", {"ChanA": MOVIE, "ChanB": OTHER})
    with pytest.raises(ChoiceError) as asked:
        open_stack(folder)
    assert asked.value.options == {"channel": ["ChanA", "ChanB"]}
    np.testing.assert_array_equal(open_stack(folder, channel="ChanB").read(), OTHER)


@pytest.mark.parametrize(
    ("streaming", "rate"),
    [('<Streaming zFastEnable="1" flybackFrames="2"/>', 30.06 / 6), ('<Streaming zFastEnable="0"/>', None), ("", None)],
)
def test_a_plane_of_thor_has_the_rate_of_volumes(tmp_path: Path, streaming: str, rate: float | None):
    stack = open_stack(write_thor(tmp_path / "thor", {"ChanA": MOVIE}, planes=4, streaming=streaming), plane=1)
    np.testing.assert_array_equal(stack.read(), MOVIE[1::4])
    assert stack.frame_rate == (None if rate is None else pytest.approx(rate))


# Micro-Manager 2


def write_micro_manager(folder, movie, lengths, channels=("Default",)):
    """Write files of `lengths` frames, as Micro-Manager does: its header, one IFD per frame, the metadata of OME."""
    folder.mkdir()
    (folder / "DisplaySettings.json").write_text(
        json.dumps({"map": {"PlaybackFPS": {"type": "DOUBLE", "scalar": 10.0}}})
    )
    names = [f"x_MMStack_Pos0{f'_{i}' if i else ''}.ome.tif" for i in range(len(lengths))]
    of = [name for name, length in zip(names, lengths, strict=True) for _ in range(length)]
    y, x = movie.shape[1:]
    size_c = len(channels)
    data = "".join(f'<Channel ID="Channel:0:{c}" Name="{name}"/>' for c, name in enumerate(channels)) + "".join(
        f'<TiffData FirstC="{i % size_c}" FirstT="{i // size_c}" FirstZ="0" IFD="{of[:i].count(name)}" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{names.index(name):08x}-0000-4000-8000-000000000000</UUID></TiffData>'
        for i, name in enumerate(of)
    )
    ome = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2013-06"><Image '
        f'ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="{x}" SizeY="{y}" '
        f'SizeC="{size_c}" SizeZ="1" SizeT="{len(movie) // size_c}">{data}</Pixels></Image></OME>'
    )
    summary = {"Width": x, "Height": y, "Channels": size_c, "ChNames": list(channels), "Frames": len(movie) // size_c}
    first = 0
    for name, length in zip(names, lengths, strict=True):
        (folder / name).write_bytes(micro_manager_file(movie[first : first + length], json.dumps(summary), ome))
        first += length
    return folder


def micro_manager_file(frames, summary, ome):
    """Lay out one file: TIFF header, that of Micro-Manager, summary, frames, index map, display settings, comments."""
    y, x = frames.shape[1:]
    body, offsets, place = b"", [], 40 + len(summary)
    for i, frame in enumerate(frames):
        texts = {51123: json.dumps({"FrameIndex": i}).encode() + b"\0"} | ({270: ome.encode() + b"\0"} if not i else {})
        values = {256: x, 257: y, 258: 16, 259: 1, 262: 1, 277: 1, 278: y, 279: frame.nbytes}
        count = len(values) + 1 + len(texts)
        pixels = place + 2 + 12 * count + 4
        end = pixels + frame.nbytes
        entries = [(tag, 4, 1, value) for tag, value in values.items()] + [(273, 4, 1, pixels)]
        for tag, text in texts.items():
            entries.append((tag, 2, len(text), end))
            end += len(text)
        after = 0 if i == len(frames) - 1 else end
        ifd = struct.pack("<H", count) + b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
        body += ifd + struct.pack("<I", after) + frame.astype("<u2").tobytes() + b"".join(texts.values())
        offsets.append(place)
        place = end
    index = struct.pack("<II", 3453623, len(offsets)) + b"".join(
        struct.pack("<IIIII", 0, 0, i, 0, offset) for i, offset in enumerate(offsets)
    )
    display = struct.pack("<II", 347834724, 2) + b"[]"
    comments = struct.pack("<II", 84720485, 2) + b"{}"
    header = b"II*\0" + struct.pack(
        "<IIIIIIIII", 40 + len(summary), 54773648, place, 483765892, place + len(index), 99384722,
        place + len(index) + len(display), 2355492, len(summary),
    )  # fmt: skip
    return header + summary.encode() + body + index + display + comments


@pytest.mark.parametrize("lengths", [[24], [10, 14]], ids=["one file", "two files"])
def test_micro_manager(tmp_path: Path, lengths: list[int]):
    stack = open_stack(write_micro_manager(tmp_path / "mm", MOVIE, lengths))
    np.testing.assert_array_equal(stack.read(), MOVIE)
    np.testing.assert_array_equal(stack.read(8, 12), MOVIE[8:12])
    assert stack.frame_rate is None
    assert "Frame rate: not used: Micro-Manager stores the speed of playback only" in stack.notes
    assert open_stack(tmp_path / "mm", frame_rate=12.5).frame_rate == 12.5


def test_channels_of_micro_manager_are_asked_for(tmp_path: Path):
    both = np.stack([MOVIE, OTHER], axis=1).reshape(-1, *MOVIE.shape[1:])  # the channel changes fastest
    folder = write_micro_manager(tmp_path / "mm", both, [20, 28], channels=("GCaMP", "tdTomato"))
    with pytest.raises(ChoiceError) as asked:
        open_stack(folder)
    assert asked.value.options == {"channel": ["GCaMP", "tdTomato"]}
    np.testing.assert_array_equal(open_stack(folder, channel="tdTomato").read(), OTHER)


def test_several_positions_of_micro_manager_are_refused(tmp_path: Path):
    folder = write_micro_manager(tmp_path / "mm", MOVIE, [24])
    file = folder / "x_MMStack_Pos0.ome.tif"
    (folder / "x_MMStack_Pos1.ome.tif").write_bytes(file.read_bytes())
    with pytest.raises(StackError, match="holds 2 positions"):
        open_stack(folder)
    np.testing.assert_array_equal(open_stack(file).read(), MOVIE)  # the way out


def test_positions_of_a_grid_are_several(tmp_path: Path):
    """Micro-Manager names them by column and row, and further files of one position by a number at the end, too."""
    folder = write_micro_manager(tmp_path / "mm", MOVIE, [24])
    file = folder / "x_MMStack_Pos0.ome.tif"
    for place in ("000_000", "000_001"):
        (folder / f"x_MMStack_1-Pos{place}.ome.tif").write_bytes(file.read_bytes())
    file.unlink()
    with pytest.raises(StackError, match="holds 2 positions"):
        open_stack(folder)


# Femtonics


def write_femtonics(path, units):
    """Write measurements, name to channels, each name to movie."""
    h5py = pytest.importorskip("h5py")

    def text(word):
        return np.array([*map(ord, word), 0], dtype=np.int16)

    with h5py.File(path, "w") as file:
        file.attrs["Uuid"] = np.arange(16, dtype=np.uint8)
        for unit, channels in units.items():
            group = file.create_group(f"MSession_0/{unit}")
            group.attrs["VecChannelsSize"] = len(channels)
            group.attrs["ZAxisConversionConversionLinearScale"] = 32.25
            group.attrs["ZAxisConversionUnitName"] = text("ms")
            group.attrs["XAxisConversionConversionLinearScale"] = 0.61
            group.attrs["XAxisConversionUnitName"] = text("µm")
            for i, (name, movie) in enumerate(channels.items()):
                group.attrs[f"Channel_{i}_Name"] = text(name)
                group.create_dataset(f"Channel_{i}", data=movie)
    return path


def test_femtonics(tmp_path: Path):
    stack = open_stack(write_femtonics(tmp_path / "m.mesc", {"MUnit_0": {"UG": MOVIE}}))
    np.testing.assert_array_equal(stack.read(), MOVIE)
    assert stack.frame_rate == pytest.approx(1000 / 32.25)
    assert stack.pixel_size == 0.61
    assert "MSession_0/MUnit_0 of 1 measurement(s)" in stack.notes


def test_measurements_and_channels_of_femtonics_are_asked_for(tmp_path: Path):
    path = write_femtonics(tmp_path / "m.mesc", {"MUnit_0": {"UG": MOVIE}, "MUnit_1": {"UG": MOVIE, "UR": OTHER}})
    with pytest.raises(ChoiceError) as asked:
        open_stack(path)
    assert asked.value.options == {"dataset": ["MSession_0/MUnit_0", "MSession_0/MUnit_1"]}
    with pytest.raises(ChoiceError) as asked:
        open_stack(path, dataset=1)
    assert asked.value.options == {"channel": ["UG", "UR"]}
    np.testing.assert_array_equal(open_stack(path, dataset="MSession_0/MUnit_1", channel="UR").read(), OTHER)


# Scanbox


def write_scanbox(path, movie, **changes):
    """Write frames inverted, with the settings in a MAT file beside them."""
    from scipy.io import savemat

    y, x = movie.shape[1:]
    info = {
        "channels": 2, "scanmode": 1, "resfreq": 7930.0, "recordsPerBuffer": y, "sz": np.array([y, x]),
        "config": {"lines": 512}, "otwave": np.zeros(0), "volscan": 0, "scanbox_version": 3, "bytesPerBuffer": 512,
    }  # fmt: skip
    savemat(path.with_suffix(".mat"), {"info": info | changes})
    (np.iinfo(np.uint16).max - movie).tofile(path)
    return path


@pytest.mark.parametrize("both_ways", [False, True], ids=["one way", "both ways"])
def test_scanbox(tmp_path: Path, both_ways: bool):
    y = MOVIE.shape[1] // (2 if both_ways else 1)  # it stores half of the lines, which it doubles
    path = write_scanbox(tmp_path / "m.sbx", MOVIE, scanmode=int(not both_ways), recordsPerBuffer=y)
    stack = open_stack(path)
    np.testing.assert_array_equal(stack.read(), MOVIE)
    assert stack.frame_rate == pytest.approx(7930 / 512 * (1 + both_ways))  # roiextractors would cut it to 15 or 30


def test_the_settings_of_scanbox_are_missed(tmp_path: Path):
    write_scanbox(tmp_path / "m.sbx", MOVIE).with_suffix(".mat").unlink()
    with pytest.raises(StackError, match=r"'m\.mat', which Scanbox writes"):
        open_stack(tmp_path / "m.sbx")


def test_two_channels_and_planes_of_scanbox_are_refused_with_a_way_out(tmp_path: Path):
    with pytest.raises(StackError, match="two channels"):
        open_stack(write_scanbox(tmp_path / "m.sbx", MOVIE, channels=1))
    with pytest.raises(StackError, match="3 planes of an optotune scan"):
        open_stack(write_scanbox(tmp_path / "m.sbx", MOVIE, volscan=1, otwave=np.arange(3)))


# Inscopix, written by the vendor's library


def test_inscopix(tmp_path: Path):
    isx = pytest.importorskip("isx", reason="isx, the library of Inscopix, is not installed")
    timing = isx.Timing(num_samples=24, period=isx.Duration.from_msecs(50), dropped=[5, 6])
    movie = isx.Movie.write(str(tmp_path / "m.isxd"), timing, isx.Spacing(num_pixels=MOVIE.shape[1:]), np.uint16)
    for i, frame in enumerate(MOVIE):
        if i not in (5, 6):
            movie.set_frame_data(i, frame)
    movie.flush()
    del movie
    stack = open_stack(tmp_path / "m.isxd")
    good = stack.good_frames()
    np.testing.assert_array_equal(stack.read()[good], MOVIE[good])
    assert (stack.frame_rate, stack.bad_frames) == (pytest.approx(20), {5, 6})
    assert any("2 frames were dropped or cropped" in note for note in stack.notes)


def test_the_files_of_a_microscope_are_closed(tmp_path: Path):
    """Ten openings of a Bruker folder leave no file open."""
    import gc

    psutil = pytest.importorskip("psutil")
    folder = write_bruker(tmp_path / "TSeries-001", {"Ch2": MOVIE}, TIMED, multipage=True)
    open_stack(folder).read()
    gc.collect()
    count = psutil.Process().num_fds() if sys.platform != "win32" else psutil.Process().num_handles()
    for _ in range(10):
        open_stack(folder).read()
    gc.collect()
    now = psutil.Process().num_fds() if sys.platform != "win32" else psutil.Process().num_handles()
    assert now <= count + 1
