"""Pickles of suite2p and cellpose open; a pickle with code in it is refused before the code runs."""

import datetime as dt
import os
import pickle
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.lib import format as npy

from napari_varae.errors import StackError
from napari_varae.io.pickles import load_npy

OPS = {
    "Ly": 512, "fs": 30.0, "meanImg": np.ones((4, 5), np.float32), "xoff": np.arange(3, dtype=np.int32),
    "name": "m1", "ok": True, "none": None, "n": np.int64(4), "date": dt.date(2026, 3, 1), "raw": b"a",
    "files": [PurePosixPath("/data/m1.tif")], "windows": PureWindowsPath("C:/data/m1.tif"), "pair": (1, 2), "set": {3},
}  # fmt: skip


def save_pickle(path: Path, thing: object, protocol: int = 4) -> Path:
    """Write a thing as `numpy.save` writes objects, by the protocol."""
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        array = np.empty((), dtype=object)
        array[()] = thing
        pickle.dump(array, file, protocol=protocol)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_suite2p_saves_opens(tmp_path: Path, protocol: int):
    loaded = load_npy(save_pickle(tmp_path / "ops.npy", OPS, protocol))
    assert loaded.keys() == OPS.keys()
    np.testing.assert_array_equal(loaded["meanImg"], OPS["meanImg"])
    np.testing.assert_array_equal(loaded["xoff"], [0, 1, 2])
    for name in ("Ly", "fs", "name", "ok", "none", "n", "date", "pair", "set"):
        assert loaded[name] == OPS[name]
    assert loaded["files"][0].replace("//", "/") == "/data/m1.tif"


def test_a_list_of_cells_is_an_array_of_dicts(tmp_path: Path):
    cells = np.array([{"ypix": np.arange(3)}, {"ypix": np.arange(5)}], dtype=object)
    np.save(tmp_path / "stat.npy", cells)
    assert [len(cell["ypix"]) for cell in load_npy(tmp_path / "stat.npy")] == [3, 5]


def test_names_of_numpy_1_are_known(tmp_path: Path):
    path = save_pickle(tmp_path / "old.npy", OPS)
    content = path.read_bytes()
    assert b"numpy._core.multiarray" in content
    old = b"numpy.core.multiarray"
    content = content.replace(b"\x16numpy._core.multiarray", bytes([len(old)]) + old)
    frame = content.index(b"\x95", 100) + 1  # the length of the frame shrinks by a byte
    length = int.from_bytes(content[frame : frame + 8], "little") - 1
    path.write_bytes(content[:frame] + length.to_bytes(8, "little") + content[frame + 8 :])
    np.testing.assert_array_equal(load_npy(path)["meanImg"], OPS["meanImg"])


def test_arrays_of_every_kind_come_back(tmp_path: Path):
    structured = np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "<i4"), ("b", ">f8")])
    arrays = [structured, np.array(["a", "bc"]), np.arange(6, dtype=">u2").reshape(2, 3).T, np.ones((2, 0)),
              np.float32(2.5), np.str_("a"), np.array([True, False]),
              np.array([[1, "a"], [None, {}]], dtype=object)]  # fmt: skip
    for protocol in (2, 4, 5):
        for loaded, array in zip(load_npy(save_pickle(tmp_path / "a.npy", arrays, protocol)), arrays, strict=True):
            assert type(loaded) is type(array)
            assert loaded.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")  # numpy makes it native
            np.testing.assert_array_equal(loaded, array)


def test_what_a_pickle_says_of_the_insides_of_a_type_is_not_believed(tmp_path: Path):
    """Flags of a type that do not fit it make numpy free memory that is not its own."""
    path = save_pickle(tmp_path / "ops.npy", {"a": np.arange(5)}, protocol=2)
    content = path.read_bytes()
    state = b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"  # item size, alignment, flags
    assert state in content
    path.write_bytes(content.replace(state, state[:-2] + b"\x3ft"))
    np.testing.assert_array_equal(load_npy(path)["a"], np.arange(5))


@given(array=npst.arrays(npst.scalar_dtypes(), npst.array_shapes()))
@examples(max_examples=30)
def test_plain_arrays_open_too(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray):
    path = tmp_path_factory.getbasetemp() / "plain.npy"
    np.save(path, array)
    np.testing.assert_array_equal(load_npy(path), array)


class Runs:
    """Calls a function when it is unpickled."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple:
        function, *args = self.call
        return function, tuple(args)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "make",
    [
        lambda mark: Runs(os.mkdir, str(mark)),
        lambda mark: Runs(os.system, f"mkdir {mark}"),
        lambda mark: Runs(eval, f"__import__('os').mkdir({str(mark)!r})"),
        lambda mark: Runs(np.save, str(mark), 1),
        lambda mark: Runs(getattr, Path(mark), "mkdir"),
    ],
    ids=["mkdir", "system", "eval", "save", "getattr"],
)
def test_code_in_a_pickle_does_not_run(tmp_path: Path, protocol: int, make):
    path = save_pickle(tmp_path / "stat.npy", {"fine": 1, "bad": make(tmp_path / "mark")}, protocol)
    with pytest.raises(StackError, match=r"'stat\.npy' was not opened: it holds .*could run code"):
        load_npy(path)
    assert [p.name for p in tmp_path.iterdir()] == ["stat.npy"]


def test_a_pickle_cannot_change_the_functions_it_finds(tmp_path: Path):
    path = tmp_path / "change.npy"
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        file.write(b"\x80\x02cnumpy._core.numeric\n_frombuffer\nN}X\x04\x00\x00\x00markK\x01s\x86b.")
    with pytest.raises(StackError, match="damaged"):
        load_npy(path)
    assert not hasattr(np._core.numeric._frombuffer, "mark")


@pytest.mark.parametrize("content", [b"", b"no numpy", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x09\x00v\x00{}"])
def test_what_is_no_npy_file_says_so(tmp_path: Path, content: bytes):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(StackError, match=r"damaged or not a \.npy file"):
        load_npy(tmp_path / "x.npy")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(StackError, match=r"ops\.npy.*could not be read"):
        load_npy(tmp_path / "ops.npy")


@given(data=st.data())
@examples(max_examples=200)
def test_damaged_pickles_only_ever_raise_stack_errors(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    path = save_pickle(tmp_path_factory.getbasetemp() / "damaged.npy", OPS)
    content = bytearray(path.read_bytes())
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=6)
    ):
        content[place] = value
    path.write_bytes(content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))])
    try:
        load_npy(path)
    except StackError:
        return
