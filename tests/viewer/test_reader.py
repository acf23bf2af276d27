"""What napari's reader command does with files and folders: recordings and cells become layers, others are left."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from npe2 import PluginManifest

import napari_varae
from napari_varae.errors import ChoiceError, StackError
from napari_varae.io import open_stack
from napari_varae.session.session import session_of
from napari_varae.viewer.cells import CELLS
from napari_varae.viewer.movie import stack_of_layer
from napari_varae.viewer.provenance import KEY, ours
from napari_varae.viewer.reader import get_reader
from napari_varae.viewer.synchronise import follow

GOOD = np.random.default_rng(0).integers(0, 1000, (40, 16, 16), dtype=np.int16)


def opened(path):
    """Open a path as napari does."""
    reader = get_reader(str(path))
    assert reader is not None
    return reader(str(path))


def add(viewer, path):
    """Add what a reader gives to a viewer, as napari does."""
    return [layer for data in opened(path) for layer in viewer._add_layer_from_data(*data)]


@pytest.fixture
def suite2p(tmp_path):
    """A folder as suite2p writes it, with a bad frame, two files and two cells."""
    folder = tmp_path / "plane0"
    folder.mkdir()
    GOOD.tofile(folder / "data.bin")
    bad = np.zeros(40, bool)
    bad[7] = True
    settings = {
        "Ly": 16, "Lx": 16, "nframes": 40, "fs": 25.0, "nplanes": 1, "nchannels": 1, "frames_per_file": [30, 10],
        "badframes": bad, "xoff": np.zeros(40), "yoff": np.ones(40),
    }  # fmt: skip
    np.save(folder / "ops.npy", settings, allow_pickle=True)
    cells = [{"ypix": np.arange(3) + i, "xpix": np.arange(3) + i, "lam": np.ones(3)} for i in (2, 9)]
    np.save(folder / "stat.npy", np.array(cells, dtype=object), allow_pickle=True)
    return folder


def test_a_movie_becomes_a_layer_with_what_the_file_states(tmp_path):
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, GOOD.astype(np.uint16), imagej=True, metadata={"axes": "TYX", "finterval": 0.1})
    [(data, keywords, kind)] = opened(path)
    assert (kind, keywords["name"], keywords["scale"][0]) == ("image", "movie.tif", pytest.approx(0.1))
    assert keywords["units"][0] == "s"
    np.testing.assert_array_equal(data[5], GOOD[5])
    assert any("40 frames" in note for note in keywords["metadata"][KEY]["notes"])


@pytest.mark.parametrize("kind", ["image", "rgb", "label .npy", "folder"])
def test_what_is_no_recording_is_left_to_other_readers(tmp_path, kind):
    path = tmp_path / {"label .npy": "b.npy", "folder": "empty"}.get(kind, "a.tif")
    if kind == "folder":
        path.mkdir()
    elif kind == "label .npy":
        np.save(path, GOOD[0])
    else:
        tifffile.imwrite(path, GOOD[0] if kind == "image" else np.zeros((16, 16, 3), np.uint8))
    assert get_reader(str(path)) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.npy", "damaged"),
        ("a.tif", "damaged"),
        ("a.h5", "damaged"),
        ("a.mat", "MAT file"),
        ("data.bin", "neither ops.npy"),
    ],
)
def test_of_a_damaged_recording_the_reason_is_shown(tmp_path, name, reason):
    path = tmp_path / name
    path.write_bytes(b"II*\0 nothing of the kind")
    with pytest.raises(StackError, match=reason):
        opened(path)


def test_nothing_is_opened_to_find_out_what_it_is(tmp_path, suite2p, monkeypatch):
    for name in ("a.nwb", "a.sbx", "a.h5"):
        (tmp_path / name).write_bytes(b"some bytes")
    (tmp_path / "movie.zarr").mkdir()
    (tmp_path / "movie.zarr" / "zarr.json").write_text("{}")
    monkeypatch.setattr("napari_varae.io.readers.find", None)
    for path in ("a.nwb", "a.sbx", "a.h5", "movie.zarr", suite2p.name):
        assert get_reader(str(tmp_path / path)) is not None


def test_a_dropped_folder_of_suite2p_is_the_movie_with_its_cells(suite2p):
    viewer = ViewerModel()
    session = session_of(viewer)
    follow(viewer, session)
    movie, cells = add(viewer, suite2p)
    expected = open_stack(suite2p)
    stack = session.stack
    assert stack.array is movie.data
    assert (stack.frame_rate, stack.breaks, stack.bad_frames) == (25.0, (30,), {7})
    np.testing.assert_array_equal(stack.shifts, expected.shifts)
    assert session.cells.ids == (0, 1)
    assert [layer for layer, _ in ours(viewer, CELLS)] == [cells]
    assert tuple(cells.scale) == tuple(movie.scale[1:])
    assert len(viewer.layers) == 2


def test_cells_alone_come_as_labels(suite2p):
    [(labels, keywords, kind)] = opened(suite2p / "stat.npy")
    assert kind == "labels"
    assert set(np.unique(labels)) == {0, 1, 2}
    assert keywords["features"]["cell"].tolist() == ["0", "1"]


def test_a_file_that_is_dropped_beside_a_movie_replaces_nothing(tmp_path, suite2p):
    viewer = ViewerModel()
    session = session_of(viewer)
    follow(viewer, session)
    add(viewer, suite2p)
    before = session.stack, session.cells
    tifffile.imwrite(tmp_path / "other.tif", GOOD[:20])
    add(viewer, tmp_path / "other.tif")
    assert (session.stack, session.cells) == before
    assert len(viewer.layers) == 3


def test_layers_that_were_there_are_taken_up_when_the_first_dock_opens(suite2p):
    viewer = ViewerModel()
    add(viewer, suite2p)
    session = session_of(viewer)
    assert session.stack is None
    follow(viewer, session)
    assert session.stack.breaks == (30,)
    assert session.cells is not None


def test_a_choice_without_a_window_is_an_error_that_names_the_dock(tmp_path):
    path = tmp_path / "two.tif"
    tifffile.imwrite(path, np.stack([GOOD, GOOD], axis=1).astype(np.uint16), imagej=True, metadata={"axes": "TCYX"})
    with pytest.raises(ChoiceError, match="Movie dock") as error:
        opened(path)
    assert list(error.value.options) == ["channel"]


def test_a_series_is_joined(tmp_path):
    paths = [str(tmp_path / f"{i}.npy") for i in range(2)]
    for path in paths:
        np.save(path, GOOD)
    [(data, keywords, _)] = get_reader(paths)(paths)
    assert data.shape == (80, 16, 16)
    assert keywords["metadata"][KEY]["breaks"] == (40,)
    viewer = ViewerModel()
    layer = viewer.add_image(data, **keywords)
    assert stack_of_layer(layer).source.files == (("0", (0, 40)), ("1", (40, 80)))
    layer.data = np.asarray(data) + 1
    assert stack_of_layer(layer).source is None  # no longer the data of the files


@pytest.mark.long
def test_asking_loads_no_torch_and_no_qt(tmp_path):
    np.save(tmp_path / "movie.npy", GOOD)
    script = (
        f"import sys; from napari_varae.viewer.reader import get_reader; path = {str(tmp_path / 'movie.npy')!r}\n"
        "assert get_reader(path)(path)\n"
        "print([name for name in ('torch', 'qtpy', 'h5py', 'pynwb') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_manifest_names_every_format():
    """Formats that open_stack knows are those that napari asks us about."""
    from napari_varae.io.readers import READERS

    manifest = PluginManifest.from_file(f"{napari_varae.__path__[0]}/napari.yaml")
    analyses, reader, fits = manifest.contributions.readers
    assert set(reader.filename_patterns) == {f"*{extension}" for extension in READERS}
    assert reader.accepts_directories
    assert fits.filename_patterns == ["*.varae"]
    assert analyses.filename_patterns == ["*analysis.toml"]
