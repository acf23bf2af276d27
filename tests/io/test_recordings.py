"""suite2p, HDF5, NWB, Zarr, .npy, joined files and others' formats: what opens is what was written."""

import gc
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from napari_varae.core.movie.stack import Stack
from napari_varae.errors import ChoiceError, StackError
from napari_varae.io import open_stack, readers
from napari_varae.io.probe import Fact, Found

from .test_scanimage import write_scanimage

MOVIE = np.random.default_rng(3).integers(-500, 500, (24, 16, 18)).astype(np.int16)
ANY_INDEX = st.one_of(
    st.integers(-24, 23), st.slices(24), st.lists(st.integers(-24, 23), min_size=1, max_size=5).map(np.array)
)


def need(name: str):
    return pytest.importorskip(name, reason=f"{name}, an optional dependency, is not installed")


# suite2p


def write_suite2p(folder: Path, movie: np.ndarray = MOVIE, **ops: object) -> Path:
    """Write a plane as suite2p lays it out."""
    folder.mkdir(parents=True, exist_ok=True)
    movie.astype("<i2").tofile(folder / "data.bin")
    n = len(movie)
    known = {
        "Ly": movie.shape[1], "Lx": movie.shape[2], "nframes": n, "fs": 7.5, "nplanes": 4,
        "frames_per_file": np.array([10, n - 10]), "badframes": np.arange(n) == 5,
        "yoff": np.arange(n, dtype=np.int32), "xoff": -np.arange(n, dtype=np.int32), "meanImg": np.ones((4, 4)),
    }  # fmt: skip
    np.save(folder / "ops.npy", {k: v for k, v in (known | ops).items() if v is not None})
    return folder


@pytest.mark.parametrize("where", ["suite2p/plane0", "suite2p", "", "suite2p/plane0/data.bin"])
def test_a_suite2p_folder_brings_all_it_knows(tmp_path: Path, where: str):
    write_suite2p(tmp_path / "suite2p" / "plane0")
    stack = open_stack(tmp_path / where)
    np.testing.assert_array_equal(stack.read(), MOVIE)
    assert (stack.frame_rate, stack.breaks, stack.bad_frames, stack.dtype) == (7.5, (10,), {5}, np.int16)
    np.testing.assert_array_equal(stack.shifts, np.stack([np.arange(24), -np.arange(24)], axis=1))
    assert "Frame rate: 7.5 Hz from suite2p (fs, per plane)" in stack.notes


def test_planes_and_channels_of_suite2p_are_asked_for(tmp_path: Path):
    for number in (0, 1, 10):
        write_suite2p(tmp_path / "suite2p" / f"plane{number}", MOVIE + number)
    with pytest.raises(ChoiceError) as caught:
        open_stack(tmp_path / "suite2p")
    assert caught.value.options == {"plane": ["plane0", "plane1", "plane10"]}
    np.testing.assert_array_equal(open_stack(tmp_path, plane="plane10").read(), MOVIE + 10)
    np.testing.assert_array_equal(open_stack(tmp_path, plane=1).read(), MOVIE + 1)
    plane = tmp_path / "suite2p" / "plane0"
    (MOVIE + 7).tofile(plane / "data_chan2.bin")
    with pytest.raises(ChoiceError, match="2 channels"):
        open_stack(plane)
    np.testing.assert_array_equal(open_stack(plane, channel=1).read(), MOVIE + 7)
    np.testing.assert_array_equal(open_stack(plane / "data_chan2.bin").read(), MOVIE + 7)


def test_newer_suite2p_saves_its_results_apart(tmp_path: Path):
    folder = write_suite2p(tmp_path / "plane0")
    (folder / "ops.npy").rename(folder / "reg_outputs.npy")
    assert open_stack(folder).bad_frames == {5}


@pytest.mark.parametrize(
    ("ops", "message"),
    [({"Ly": None}, "give no Ly"), ({"Ly": 1000}, "belongs to another run"), ({"nframes": 25}, "report 25"),
     ({"Lx": "wide"}, "give no Lx")],
)  # fmt: skip
def test_settings_that_do_not_fit_the_movie(tmp_path: Path, ops: dict, message: str):
    with pytest.raises(StackError, match=message):
        open_stack(write_suite2p(tmp_path / "plane0", **ops))


def test_what_does_not_fit_is_left_out_and_noted(tmp_path: Path):
    wrong = {"frames_per_file": [3, 4], "badframes": np.zeros(7, bool), "xoff": np.zeros(3), "fs": "fast"}
    stack = open_stack(write_suite2p(tmp_path / "plane0", **wrong))
    assert (stack.breaks, stack.bad_frames, stack.shifts, stack.frame_rate) == ((), frozenset(), None, None)
    assert sum("not used" in note for note in stack.notes) == 3


def test_side_files_of_suite2p_that_are_missing_or_unsafe(tmp_path: Path):
    folder = write_suite2p(tmp_path / "plane0")
    (folder / "data.bin").unlink()
    with pytest.raises(StackError, match=r"no data\.bin.*delete_bin"):
        open_stack(folder)
    write_suite2p(folder)
    np.save(folder / "ops.npy", {"Ly": os.getcwd})
    with pytest.raises(StackError, match="not plain data"):
        open_stack(folder)
    (folder / "ops.npy").unlink()
    with pytest.raises(StackError, match=r"neither ops\.npy nor reg_outputs\.npy"):
        open_stack(folder)


# HDF5


def test_hdf5_data_sets_are_asked_for(tmp_path: Path):
    h5py = need("h5py")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["frame_rate"] = 12.5
        file["raw/movie"] = MOVIE
        file["corrected"] = MOVIE + 1
        file["mean"] = MOVIE[0]
        file["names"] = ["a", "b"]
        file["corrected"].attrs["fs"] = 30.0
    with pytest.raises(ChoiceError, match="2 data sets") as caught:
        open_stack(tmp_path / "m.h5")
    assert caught.value.options == {"dataset": ["corrected", "raw/movie"]}
    raw = open_stack(tmp_path / "m.h5", dataset="/raw/movie")
    np.testing.assert_array_equal(raw.read(), MOVIE)
    assert raw.frame_rate == 12.5
    assert open_stack(tmp_path / "m.h5", dataset=0).frame_rate == 30
    assert "from HDF5 (attribute fs of /corrected)" in open_stack(tmp_path / "m.h5", dataset=0).notes[2]


@pytest.mark.parametrize("matlab", [False, True])
@pytest.mark.parametrize("axis", [None, 1, 3])
def test_hdf5_axes(tmp_path: Path, matlab: bool, axis: int | None):
    h5py = need("h5py")
    stored = MOVIE.transpose(0, 2, 1) if matlab else MOVIE
    stored = stored if axis is None else np.stack([stored, stored + 1, stored + 2], axis=axis)
    path = tmp_path / ("m.mat" if matlab else "m.h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("Y", data=stored, chunks=True, compression="gzip")
        if matlab:
            file["Y"].attrs["MATLAB_class"] = np.bytes_("int16")
    if axis is None:
        np.testing.assert_array_equal(open_stack(path).read(), MOVIE)
        return
    with pytest.raises(ChoiceError) as caught:
        open_stack(path)
    assert caught.value.options == {"channel": [0, 1, 2]}
    np.testing.assert_array_equal(open_stack(path, channel=2).read(), MOVIE + 2)
    np.testing.assert_array_equal(open_stack(path, plane=1).read(), MOVIE + 1)


@pytest.mark.parametrize("matlab", [False, True])
def test_axes_of_hdf5_are_asked_for_where_time_may_be_last(tmp_path: Path, matlab: bool):
    """A set (24, 26, 400) is more likely 400 images of 24 x 26 than 24 images of 26 x 400."""
    h5py = need("h5py")
    movie = np.random.default_rng(3).integers(0, 99, (400, 24, 26)).astype(np.int16)
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["movie"] = movie.transpose(2, 1, 0) if matlab else movie.transpose(1, 2, 0)
        if matlab:
            file["movie"].attrs["MATLAB_class"] = np.bytes_("int16")
    orders = ["YXT", "TYX"] if matlab else ["TYX", "YXT"]
    with pytest.raises(ChoiceError, match="axes YXT") as caught:
        open_stack(path)
    options = [f"movie, axes {order}" for order in orders]
    assert caught.value.options == {"dataset": options}
    stack = open_stack(path, dataset=options[1])
    np.testing.assert_array_equal(stack.read(), movie)
    assert open_stack(path, dataset=1).shape == movie.shape
    assert stack.source.dataset == options[1]
    first = open_stack(path, dataset=options[0])
    assert first.shape[0] in (24, 26)
    assert any("very oblong" in note for note in first.notes)


def test_a_data_set_of_clear_axes_is_chosen_by_its_name(tmp_path: Path):
    h5py = need("h5py")
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["clear"] = MOVIE
        file["movie"] = np.zeros((24, 26, 400), np.int16)
    options = ["movie, axes TYX", "movie, axes YXT"]
    with pytest.raises(ChoiceError) as caught:
        open_stack(path)
    assert caught.value.options == {"dataset": ["clear", *options]}
    with pytest.raises(ChoiceError) as caught:
        open_stack(path, dataset="/movie")
    assert caught.value.options == {"dataset": options}
    for name in ("clear", "clear, axes TYX"):
        np.testing.assert_array_equal(open_stack(path, dataset=name).read(), MOVIE)
    with pytest.raises(ChoiceError, match="has no dataset"):
        open_stack(path, dataset="clear, axes YXT")


@pytest.mark.parametrize(
    ("shape", "asked"),
    [
        ((300, 512, 512), False), ((2000, 100, 796), False), ((9000, 512, 512), False), ((20, 16, 16), False),
        ((512, 512, 400), True), ((512, 500, 400), True), ((24, 26, 400), True), ((512, 796, 3000), True),
        ((400, 300, 400), False), ((0, 16, 16), False),
    ],
)  # fmt: skip
def test_which_axes_of_hdf5_are_clear(shape: tuple[int, int, int], asked: bool):
    from napari_varae.io.hdf5 import _readings

    assert len(_readings(shape, matlab=False)) == 1 + asked


def test_hdf5_without_a_movie(tmp_path: Path):
    h5py = need("h5py")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["trace"] = np.ones(5)
    with pytest.raises(StackError, match=r"no data set that can be a movie .*trace \(5,\) float64"):
        open_stack(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["odd"] = np.zeros((9, 16, 16, 16))
    with pytest.raises(StackError, match="no axis beside time"):
        open_stack(tmp_path / "m.h5")
    (tmp_path / "old.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(StackError, match=r"before version 7\.3"):
        open_stack(tmp_path / "old.mat")
    (tmp_path / "empty.mat").touch()
    with pytest.raises(StackError, match=r"'empty\.mat' is empty"):
        open_stack(tmp_path / "empty.mat")


# NWB


def write_nwb(path: Path, **series: dict) -> Path:
    """Write imaging series with pynwb, stored (frame, x, y)."""
    pynwb = need("pynwb")
    from pynwb.ophys import OpticalChannel, TwoPhotonSeries

    nwb = pynwb.NWBFile("test", "test", datetime(2026, 3, 1, tzinfo=UTC))
    channel = OpticalChannel(name="green", description="", emission_lambda=510.0)
    plane = nwb.create_imaging_plane(
        name="plane", optical_channel=channel, description="", device=nwb.create_device("scope"),
        excitation_lambda=920.0, indicator="GCaMP", location="V1", imaging_rate=9.0,
        grid_spacing=[0.8e-6, 0.8e-6], grid_spacing_unit="meters",
    )  # fmt: skip
    for name, options in series.items():
        options = {"data": MOVIE.transpose(0, 2, 1), "rate": 10.0, **options}
        nwb.add_acquisition(TwoPhotonSeries(name=name, imaging_plane=plane, unit="a.u.", **options))
    with pynwb.NWBHDF5IO(path, "w") as file:
        file.write(nwb)
    return path


def test_nwb_is_transposed(tmp_path: Path):
    stack = open_stack(write_nwb(tmp_path / "m.nwb", movie={}))
    np.testing.assert_array_equal(stack.read(), MOVIE)
    np.testing.assert_array_equal(stack.array[3, 2:5], MOVIE[3, 2:5])
    assert (stack.frame_rate, stack.pixel_size) == (10, pytest.approx(0.8))


def test_nwb_series_and_planes_are_asked_for(tmp_path: Path):
    volumes = np.stack([MOVIE.transpose(0, 2, 1) + i for i in range(3)], axis=-1)
    path = write_nwb(tmp_path / "m.nwb", one={}, volume={"data": volumes})
    with pytest.raises(ChoiceError) as caught:
        open_stack(path)
    assert sorted(caught.value.options["dataset"]) == ["one", "volume"]
    with pytest.raises(ChoiceError) as caught:
        open_stack(path, dataset="volume")
    assert caught.value.options == {"plane": [0, 1, 2]}
    np.testing.assert_array_equal(open_stack(path, dataset="volume", plane=2).read(), MOVIE + 2)


def test_gaps_in_nwb_time_stamps_are_breaks(tmp_path: Path):
    times = np.arange(24) / 8
    times[9:] += 5
    stack = open_stack(write_nwb(tmp_path / "m.nwb", movie={"rate": None, "timestamps": times}))
    assert stack.frame_rate == pytest.approx(8)
    assert stack.breaks == (9,)


def test_nwb_without_frames(tmp_path: Path):
    outside = {
        "data": None,
        "external_file": ["a.tif"],
        "format": "external",
        "starting_frame": [0],
        "rate": None,
        "timestamps": [0.0, 0.1],
        "dimension": [4, 4],
    }
    with pytest.raises(StackError, match=r"lie outside 'm\.nwb', in a\.tif"):
        open_stack(write_nwb(tmp_path / "m.nwb", movie=outside))
    with pytest.raises(StackError, match="no TwoPhotonSeries"):
        open_stack(write_nwb(tmp_path / "empty.nwb"))


# Zarr


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_arrays_and_groups(tmp_path: Path, version: int):
    array = zarr.create_array(tmp_path / "a.zarr", data=MOVIE, chunks=(5, 16, 9), zarr_format=version)
    assert array.shape == MOVIE.shape
    np.testing.assert_array_equal(open_stack(tmp_path / "a.zarr").read(), MOVIE)
    group = zarr.open_group(tmp_path / "g.zarr", mode="w", zarr_format=version)
    group.create_array("one", data=MOVIE[:, None])
    group.create_array("deep/two", data=MOVIE + 1)
    group.create_array("mean", data=MOVIE[0])
    with pytest.raises(ChoiceError) as caught:
        open_stack(tmp_path / "g.zarr")
    assert sorted(caught.value.options["dataset"]) == ["deep/two", "one"]
    np.testing.assert_array_equal(open_stack(tmp_path / "g.zarr", dataset="one").read(), MOVIE)
    np.testing.assert_array_equal(open_stack(tmp_path / "g.zarr", dataset="deep/two").read(), MOVIE + 1)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(("channels", "planes"), [(1, 1), (2, 1), (2, 3)])
def test_ome_zarr_opens_at_level_0(tmp_path: Path, version: int, channels: int, planes: int):
    grid = np.arange(channels * planes).reshape(1, channels, planes, 1, 1).astype(np.int16)
    movie = MOVIE[:, None, None] + grid
    group = zarr.open_group(tmp_path / "m.ome.zarr", mode="w", zarr_format=version)
    group.create_array("0", data=movie)
    group.create_array("1", data=movie[..., ::2, ::2])
    units = {"t": "second", "y": "micrometer", "x": "micrometer"}
    axes = [{"name": a, **({"unit": units[a]} if a in units else {})} for a in "tczyx"]
    scales = [{"path": str(i), "coordinateTransformations": [{"type": "scale", "scale": [0.1, 1, 1, s, s]}]}
              for i, s in enumerate((0.5, 1.0))]  # fmt: skip
    described = {"multiscales": [{"axes": axes, "datasets": scales}],
                 "omero": {"channels": [{"label": f"ch{i}"} for i in range(channels)]}}  # fmt: skip
    group.attrs.update({"ome": described} if version == 3 else described)
    choice = {"channel": f"ch{channels - 1}"} if channels > 1 else {}
    choice |= {"plane": planes - 1} if planes > 1 else {}
    if choice:
        with pytest.raises(ChoiceError) as caught:
            open_stack(tmp_path / "m.ome.zarr")
        assert caught.value.options.keys() == choice.keys()
    stack = open_stack(tmp_path / "m.ome.zarr", **choice)
    np.testing.assert_array_equal(stack.read(), movie[:, -1, -1])
    assert (stack.frame_rate, stack.pixel_size) == (pytest.approx(10), 0.5)


def test_zarr_axes_without_names_are_not_guessed(tmp_path: Path):
    zarr.create_array(tmp_path / "a.zarr", data=np.stack([MOVIE, MOVIE], axis=1))
    with pytest.raises(StackError, match="without names for its axes"):
        open_stack(tmp_path / "a.zarr")
    zarr.create_array(tmp_path / "b.zarr", data=np.stack([MOVIE, MOVIE + 1], axis=1), dimension_names=list("tcyx"))
    np.testing.assert_array_equal(open_stack(tmp_path / "b.zarr", channel=1).read(), MOVIE + 1)


# .npy, and slicing as numpy does


@pytest.mark.parametrize("dtype", ["<i2", ">u2", "<f4", "u1", "<f8"])
def test_npy_files(tmp_path: Path, dtype: str):
    movie = np.abs(MOVIE % 200).astype(dtype)
    np.save(tmp_path / "m.npy", movie)
    stack = open_stack(tmp_path / "m.npy")
    np.testing.assert_array_equal(stack.read(), movie)
    assert stack.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    ("thing", "message"),
    [(MOVIE[0], "three dimensions"), (np.asfortranarray(MOVIE), "Fortran order"), (np.array([{}]), "holds object"),
     (MOVIE.astype(complex), "real numbers"), (MOVIE[:1], "at least two")],
)  # fmt: skip
def test_npy_files_without_a_movie(tmp_path: Path, thing: np.ndarray, message: str):
    np.save(tmp_path / "m.npy", thing)
    with pytest.raises(StackError, match=message):
        open_stack(tmp_path / "m.npy")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list:
    folder = tmp_path_factory.mktemp("sources")
    np.save(folder / "m.npy", MOVIE)
    tifffile.imwrite(folder / "z.tif", MOVIE, compression="zlib")
    for name, part in (("1", MOVIE[:5]), ("2", MOVIE[5:17]), ("3", MOVIE[17:])):
        np.save(folder / f"{name}.npy", part)
    parts = [folder / f"{name}.npy" for name in "123"]
    zarr.create_array(folder / "m.zarr", data=MOVIE)
    return [open_stack(folder / name).array for name in ("m.npy", "z.tif", "m.zarr")] + [open_stack(parts).array]


@pytest.mark.long
@given(first=ANY_INDEX, y=st.one_of(st.integers(0, 15), st.slices(16)), x=st.slices(18), dots=st.booleans())
@examples(max_examples=120)
def test_every_source_is_indexed_as_an_array(sources: list, first: object, y: object, x: slice, dots: bool):
    for source in sources:
        for key in (first, (first, y, x), (first, ..., x) if dots else (..., y, x)):
            np.testing.assert_array_equal(source[key], MOVIE[key])
    assert all(np.shape(np.asarray(source)) == MOVIE.shape for source in sources)


# Several files


def test_files_are_joined_along_time(tmp_path: Path):
    for name, part in (("control", MOVIE[:9]), ("drug", MOVIE[9:])):
        tifffile.imwrite(tmp_path / f"{name}.tif", part, imagej=True, metadata={"axes": "TYX", "finterval": 0.1})
    stack = open_stack([tmp_path / "control.tif", str(tmp_path / "drug.tif")])
    np.testing.assert_array_equal(stack.read(), MOVIE)
    np.testing.assert_array_equal(stack.read(7, 12), MOVIE[7:12])
    assert (stack.breaks, stack.frame_rate) == ((9,), pytest.approx(10))
    assert "control.tif: frames 0 to 9" in stack.notes
    assert "drug.tif: frames 9 to 24" in stack.notes


def test_breaks_bad_frames_and_shifts_are_joined(tmp_path: Path):
    folders = [write_suite2p(tmp_path / name / "plane0", fs=fs) for name, fs in (("a", 7.5), ("b", 9.0))]
    stack = open_stack(folders)
    assert stack.breaks == (10, 24, 34)
    assert stack.bad_frames == {5, 29}
    assert stack.shifts.shape == (48, 2)
    assert stack.frame_rate is None
    assert any("not used: 7.5 Hz in 'a/plane0', 9 Hz" in note for note in stack.notes)


@pytest.mark.parametrize(
    ("other", "message"), [(MOVIE[:, :10], "10 x 18 pixels"), (MOVIE.astype(np.float32), "float32 pixels")]
)
def test_files_that_do_not_fit_together(tmp_path: Path, other: np.ndarray, message: str):
    np.save(tmp_path / "a.npy", MOVIE)
    np.save(tmp_path / "b.npy", other)
    with pytest.raises(StackError, match=rf"'b\.npy' has .*{message}"):
        open_stack([tmp_path / "a.npy", tmp_path / "b.npy"])


def test_a_folder_of_numbered_files_is_a_series(tmp_path: Path):
    for number in range(12):
        tifffile.imwrite(tmp_path / f"run_{number}.tif", MOVIE[2 * number : 2 * number + 2])
    stack = open_stack(tmp_path)
    np.testing.assert_array_equal(stack.read(), MOVIE)
    assert len(stack.breaks) == 11
    tifffile.imwrite(tmp_path / "other_1.tif", MOVIE)
    with pytest.raises(ChoiceError) as caught:
        open_stack(tmp_path)
    assert caught.value.options == {"dataset": ["other", "run"]}
    np.testing.assert_array_equal(open_stack(tmp_path, dataset="other").read(), MOVIE)


def test_a_folder_of_single_frames_is_a_movie(tmp_path: Path):
    for number, frame in enumerate(MOVIE):
        tifffile.imwrite(tmp_path / f"frame{number}.tif", frame)
    stack = open_stack(tmp_path)
    np.testing.assert_array_equal(stack.read(), MOVIE)
    assert stack.breaks == ()
    tifffile.imwrite(tmp_path / "frame7.tif", MOVIE[7, :9])
    with pytest.raises(StackError, match=r"frame7\.tif.*unlike 'frame0\.tif'"):
        stack.read()


def test_nothing_to_open(tmp_path: Path):
    with pytest.raises(StackError, match="No file was given"):
        open_stack([])
    with pytest.raises(StackError, match="folder without a recording"):
        open_stack(tmp_path)


# Others' formats


class Extractor:
    """An object as roiextractors makes them."""

    def get_series(self, start, stop):
        return MOVIE[start:stop]

    def get_num_samples(self):
        return len(MOVIE)


def test_objects_with_get_series_are_movies():
    stack = Stack(Extractor(), frame_rate=5)
    np.testing.assert_array_equal(stack.read(), MOVIE)
    np.testing.assert_array_equal(stack.array[-1, 3], MOVIE[-1, 3])

    class Sized(Extractor):
        shape, get_num_samples = MOVIE.shape, property()

        def get_series(self, start, stop):
            raise OSError("gone")

    with pytest.raises(StackError, match="size of a Sized could not be read"):
        Stack(Sized())


def test_a_package_that_one_format_needs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    need("roiextractors")
    monkeypatch.setitem(sys.modules, "isx", None)
    (tmp_path / "m.isxd").write_bytes(b"0")
    with pytest.raises(StackError, match="needs isx: pip install isx"):
        open_stack(tmp_path / "m.isxd")


def test_errors_of_roiextractors_are_wrapped(tmp_path: Path):
    need("roiextractors")
    (tmp_path / "m.mesc").write_bytes(b"no mesc")
    with pytest.raises(StackError, match="could not be read as Femtonics"):
        open_stack(tmp_path / "m.mesc")
    folder = tmp_path / "bruker"
    folder.mkdir()
    (folder / "bruker.xml").write_text("<PVScan/>")
    tifffile.imwrite(folder / "a.ome.tif", MOVIE[0])
    with pytest.raises(StackError, match="could not be read as Bruker"):
        open_stack(folder)


def test_damaged_files_of_microscopes_only_ever_raise_stack_errors(tmp_path: Path):
    need("roiextractors")
    h5py = need("h5py")
    from scipy.io import savemat

    info = {"channels": 2, "scanmode": 1, "resfreq": 7930.0, "sz": np.array([16, 16]), "config": {"lines": 512}}
    savemat(tmp_path / "m.mat", {"info": info})
    np.zeros(16 * 16 * 8, np.uint16).tofile(tmp_path / "m.sbx")
    with h5py.File(tmp_path / "m.mesc", "w") as file:
        file["MSession_0/MUnit_0/Channel_0"] = np.abs(MOVIE).astype(np.uint16)
    bruker, thor = tmp_path / "bruker", tmp_path / "thor"
    for folder, name in ((bruker, "bruker.xml"), (thor, "Experiment.xml")):
        folder.mkdir()
        (folder / name).write_text('<PVScan><Sequence><Frame><File channelName="Ch2"/></Frame></Sequence></PVScan>')
        tifffile.imwrite(folder / "a.ome.tif", MOVIE)
    random = np.random.default_rng(0)
    targets = [
        (tmp_path / "m.mat", tmp_path / "m.sbx"), (tmp_path / "m.mesc", tmp_path / "m.mesc"),
        (bruker / "bruker.xml", bruker), (thor / "Experiment.xml", thor), (thor / "a.ome.tif", thor),
    ]  # fmt: skip
    for file, path in targets:
        whole = file.read_bytes()
        for attempt in range(12):
            content = bytearray(whole)
            for place in random.integers(0, len(content), 8 * (attempt > 0)):
                content[place] = random.integers(0, 256)
            file.write_bytes(content[: len(content) if attempt % 3 else random.integers(0, len(content))])
            try:
                open_stack(path).read(0, 1)
            except StackError:
                continue
        file.write_bytes(whole)


@pytest.mark.parametrize(("name", "package"), [("m.mesc", "formats"), ("m.nwb", "nwb"), ("m.h5", "hdf5")])
def test_a_missing_package_is_named(tmp_path: Path, name: str, package: str, monkeypatch: pytest.MonkeyPatch):
    for module in ("roiextractors", "pynwb", "h5py"):
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(b"0")
    with pytest.raises(StackError, match=rf"pip install 'napari-varae\[{package}\]'"):
        open_stack(tmp_path / name)


def read_abc(path: Path, wanted: object) -> Found | None:
    """A reader as another package would bring it."""
    return None if path.stat().st_size else Found(MOVIE, frame_rate=Fact(3.0, "from ABC"))


def test_other_packages_add_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    module = sys.modules[__name__]
    monkeypatch.setitem(sys.modules, "abc_reader", module)
    points = [EntryPoint(".abc", "abc_reader:read_abc", readers.GROUP)]
    monkeypatch.setattr(readers, "entry_points", lambda group: points if group == readers.GROUP else [])
    (tmp_path / "m.abc").write_bytes(b"")
    stack = open_stack(tmp_path / "m.abc")
    np.testing.assert_array_equal(stack.read(), MOVIE)
    assert stack.frame_rate == 3
    (tmp_path / "full.abc").write_bytes(b"1")
    with pytest.raises(StackError, match="not of a format"):  # it passed
        open_stack(tmp_path / "full.abc")
    points[0] = EntryPoint(".abc", "no_such_module:read", readers.GROUP)
    with pytest.raises(StackError, match=r"'no_such_module:read' for \.abc files could not be loaded"):
        open_stack(tmp_path / "m.abc")


# All of them


@pytest.fixture(scope="module")
def recordings_of_all_kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("all")
    h5py = need("h5py")
    with h5py.File(folder / "m.h5", "w") as file:
        file["movie"] = MOVIE
    np.save(folder / "m.npy", MOVIE)
    tifffile.imwrite(folder / "m.tif", MOVIE)
    tifffile.imwrite(folder / "z.tif", MOVIE, compression="zlib")
    zarr.create_array(folder / "m.zarr", data=MOVIE)
    write_suite2p(folder / "plane0")
    write_nwb(folder / "m.nwb", movie={})
    write_scanimage(folder / "si.tif", MOVIE, [1])
    two = np.stack([MOVIE, MOVIE + 1], 1).astype(np.uint16)
    tifffile.imwrite(folder / "m.ome.tif", two, ome=True, metadata={"axes": "TCYX"})
    names = "m.h5", "m.npy", "m.tif", "z.tif", "m.zarr", "plane0", "m.nwb", "si.tif", "m.ome.tif"
    return {name: folder / name for name in names}


@pytest.mark.skipif(sys.platform != "linux", reason="counts the open files of the process as Linux lists them")
@pytest.mark.parametrize("cycles", [5, pytest.param(50, marks=pytest.mark.long)])
def test_opening_and_letting_go_leaks_no_handle(recordings_of_all_kinds: dict[str, Path], cycles: int):
    folder = os.path.realpath(recordings_of_all_kinds["m.npy"].parent)

    def open_files() -> list[str]:
        """Files of the folder that are open or mapped; handles of threads and event loops come and go on their own."""
        gc.collect()
        handles = [os.path.realpath(handle) for handle in Path("/proc/self/fd").iterdir()]
        return [name for name in handles + mapped_files() if name.startswith(folder)]

    for _ in range(cycles):
        for name, path in recordings_of_all_kinds.items():
            read = open_stack(path, channel=0 if name == "m.ome.tif" else None).read(3, 4)
            np.testing.assert_array_equal(read, MOVIE[3:4].astype(np.uint16) if name == "m.ome.tif" else MOVIE[3:4])
        parts = [recordings_of_all_kinds[name] for name in ("m.h5", "m.npy", "z.tif")]
        np.testing.assert_array_equal(open_stack(parts).read(27, 28), MOVIE[3:4])
    assert open_files() == []


def mapped_files() -> list[str]:
    lines = [line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text().splitlines()]
    return [line[5] for line in lines if len(line) == 6]


@pytest.mark.parametrize("name", ["m.h5", "m.npy", "m.nwb", "plane0/ops.npy", "plane0/data.bin", "m.zarr/zarr.json"])
def test_damaged_files_only_ever_raise_stack_errors(recordings_of_all_kinds, name: str):
    file = recordings_of_all_kinds["m.npy"].parent / name
    path = file if "/" not in name else file.parent
    whole = file.read_bytes()
    random = np.random.default_rng(0)
    try:
        for attempt in range(25 if name == "m.nwb" else 120):
            content = bytearray(whole)
            for place in random.integers(0, len(content) if attempt % 2 else min(2000, len(content)), 6):
                content[place] = random.choice([0, 1, 48, 57, 127, 255])
            file.write_bytes(content[: len(content) if attempt % 3 else random.integers(0, len(content))])
            try:
                open_stack(path).read()
            except StackError:
                continue
    finally:
        file.write_bytes(whole)


def test_an_open_movie_can_be_duplicated(tmp_path):
    """As napari's Duplicate does with the data of a layer; an open HDF5 file cannot be copied."""
    import copy

    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file["movie"] = np.zeros((20, 16, 16), np.uint16)
    movie = open_stack(tmp_path / "movie.h5").array
    assert copy.deepcopy(movie) is movie


def test_joined_files_keep_their_names(tmp_path):
    for folder, n in (("control", 4), ("drug", 6)):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "m.npy", MOVIE[:n])
    paths = [tmp_path / folder / "m.npy" for folder in ("control", "drug")]
    assert open_stack(paths).source.files == (("control/m", (0, 4)), ("drug/m", (4, 10)))
    assert open_stack(paths[0]).source.files == ()
    assert [name for name, _ in open_stack([paths[0], paths[0]]).source.files] == ["m.npy (1)", "m.npy (2)"]
