"""Fits as files: what is loaded is what was saved, to the bit, or an error in words; never code."""

import contextlib
import copy
import json
import math
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from napari_varae.core.autoencoder.make import tensor_shapes
from napari_varae.core.fit.file import _digest
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.load import load_fit
from napari_varae.errors import FitFileError


@pytest.fixture(scope="module")
def saved(small_fit, tmp_path_factory) -> Path:
    return small_fit.save(tmp_path_factory.mktemp("fits") / "cells")


@pytest.fixture(scope="module")
def parts(saved) -> tuple[dict, dict]:
    """Header and tensors."""
    with safe_open(saved, framework="np") as file:
        return json.loads(file.metadata()["varae"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def same(a: Fit, b: Fit) -> bool:
    """Whether two fits hold the same, to the bit."""
    arrays = all(
        np.array_equal(getattr(a.var, field.name), getattr(b.var, field.name), equal_nan=True)
        for field in fields(a.var)
    )
    plain = ("config", "scale", "movie", "frames", "history", "shape", "id")
    return (
        arrays
        and all(getattr(a, name) == getattr(b, name) for name in plain)
        and np.array_equal(a.static, b.static)
        and np.array_equal(a.normalisation.baseline, b.normalisation.baseline)
    )


def test_a_loaded_fit_is_the_saved_one_to_the_bit(saved, small_fit, small_stack):
    torch.manual_seed(4)
    state = torch.get_rng_state()
    loaded = load_fit(saved, device="cpu")
    assert same(loaded, small_fit)
    np.testing.assert_array_equal(loaded.encode(small_stack), small_fit.encode(small_stack))
    np.testing.assert_array_equal(loaded.reconstruct(small_stack, (3, 9)), small_fit.reconstruct(small_stack, (3, 9)))
    np.testing.assert_array_equal(loaded.predict(small_stack, (3, 9)), small_fit.predict(small_stack, (3, 9)))
    np.testing.assert_array_equal(loaded.var.path.at(0.3), small_fit.var.path.at(0.3))
    assert not any(weights.requires_grad for weights in loaded.network.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_file_of_another_kind_is_never_replaced(saved, small_fit, tmp_path):
    assert saved.name == "cells.varae"
    movie = tmp_path / "movie.tif"
    movie.write_text("months of work")
    names = {"b": "b.varae", "mouse.day2": "mouse.day2.varae", "movie.tif": "movie.tif.varae", "c.VARAE": "c.VARAE"}
    for name, expected in names.items():
        assert small_fit.save(tmp_path / name) == tmp_path / expected
    assert movie.read_text() == "months of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({*names.values(), "movie.tif"})


def test_writers_of_one_fit_do_not_disturb_each_other(small_fit, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        for saving in [pool.submit(small_fit.save, tmp_path / "shared") for _ in range(60)]:
            saving.result()
    assert same(load_fit(tmp_path / "shared.varae", "cpu"), small_fit)
    assert [path.name for path in tmp_path.iterdir()] == ["shared.varae"]


def test_a_fit_of_an_earlier_version_says_why_it_does_not_open():
    """Written by the first program that knew format version 2."""
    with pytest.raises(FitFileError, match=r"format-2\.varae was saved by an older napari-varae .* Train again"):
        load_fit(Path(__file__).with_name("format-2.varae"), "cpu")


def test_saving_again_gives_the_same_file(saved, small_fit, tmp_path):
    assert load_fit(saved, "cpu").save(tmp_path / "again").read_bytes() == saved.read_bytes()


def test_an_existing_file_is_replaced(small_fit, tmp_path):
    (tmp_path / "old.varae").write_text("old")
    assert same(load_fit(small_fit.save(tmp_path / "old"), "cpu"), small_fit)


def test_what_cannot_be_written_is_told_and_leaves_nothing(small_fit, tmp_path):
    (tmp_path / "taken.varae").mkdir()
    for path in (tmp_path / "missing" / "cells", tmp_path / "taken"):
        with pytest.raises(FitFileError, match=r"could not be written"):
            small_fit.save(path)
    assert [path.name for path in tmp_path.iterdir()] == ["taken.varae"]


def test_the_header_says_what_made_it(parts, small_fit):
    header, _ = parts
    assert header["config"] == small_fit.config.model_dump(mode="json")
    assert header["movie"] == small_fit.movie
    assert {"napari-varae", "torch", "numpy"} <= set(header["versions"])
    assert len(header["history"]) == 4


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(data=st.data())
def test_a_damaged_file_is_noticed(saved, small_fit, tmp_path, data):
    content = bytearray(saved.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    place = data.draw(st.integers(0, len(content) - 1) | st.integers(0, header))
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "blank"]))
    if kind == "flip":
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "cut":
        del content[place : place + data.draw(st.integers(1, len(content)))]
    elif kind == "insert":
        content[place:place] = data.draw(st.binary(min_size=1, max_size=20))
    else:
        content[place : place + 50] = bytes(len(content[place : place + 50]))
    damaged = tmp_path / "damaged.varae"
    damaged.write_bytes(content)
    try:
        loaded = load_fit(damaged, "cpu")
    except FitFileError as error:
        assert "damaged" in str(error) or "not a" in str(error)  # noqa: PT017 - either way is right
    else:
        assert same(loaded, small_fit)  # for instance a blank in the header that became another one


def forged(folder, header, tensors) -> Path:
    """A file made on purpose: also its digest is right."""
    header = {key: value for key, value in header.items() if key != "digest"}
    path = folder / "forged.varae"
    save_file(tensors, path, metadata={"varae": json.dumps(header | {"digest": _digest(header, tensors)})})
    return path


PLACES = [("config",), ("config", "latents"), ("config", "frames"), ("image",), ("image", 0), ("scale",), ("movie",)]
PLACES += [("frames",), ("frames", 1), ("var",), ("var", "order"), ("var", "penalty"), ("history",), ("history", 0)]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_nonsense_in_the_header_is_refused_in_words(parts, tmp_path, place):
    for junk in (None, True, -1, 0, 3, 1e300, math.nan, math.inf, "", "x", [], [1], {}, {"a": 1}):
        header = inner = json.loads(json.dumps(parts[0]))
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = junk
        try:
            loaded = load_fit(forged(tmp_path, header, parts[1]), "cpu")
        except FitFileError as error:
            assert "forged.varae" in str(error)  # noqa: PT017 - some nonsense is harmless
        else:
            assert isinstance(loaded, Fit)


def filled(number: float) -> Callable:
    """Change all of a tensor to one number, or to one that no index can be."""
    return lambda tensor: np.full_like(tensor, number if tensor.dtype.kind == "f" else 10**9)


CHANGES = {
    "missing": lambda tensor: None,
    "cut": lambda tensor: tensor[1:].copy(),
    "wrapped": lambda tensor: tensor[None].copy(),
    "of another type": lambda tensor: tensor.astype({4: np.float64, 8: np.float32}[tensor.itemsize]),
    "not a number": filled(np.nan),
    "infinite": filled(np.inf),
    "huge": filled(1e30),
}


@pytest.mark.parametrize("change", CHANGES)
def test_tensors_that_make_no_sense_are_refused_in_words(parts, tmp_path, change):
    header, tensors = parts
    for name, tensor in tensors.items():
        others = {key: value for key, value in tensors.items() if key != name}
        if (other := CHANGES[change](tensor)) is not None:
            others[name] = other
        with pytest.raises(FitFileError, match=f"forged.varae is damaged: the tensor {name}"):
            load_fit(forged(tmp_path, header, others), "cpu")


@pytest.mark.parametrize(("name", "number"), [("var.scale", 0), ("var.weights", -1), ("var.coefficients", 1e300)])
def test_impossible_numbers_of_the_var_are_refused(parts, tmp_path, name, number):
    tensors = parts[1] | {name: np.full_like(parts[1][name], number)}
    with pytest.raises(FitFileError, match=f"the tensor {name} has numbers"):
        load_fit(forged(tmp_path, parts[0], tensors), "cpu")


def test_a_tensor_that_does_not_belong_is_refused_unread(parts, tmp_path):
    path = forged(tmp_path, parts[0], parts[1] | {"extra": np.zeros(3)})
    with pytest.raises(FitFileError, match="'extra' does not belong"):
        load_fit(path, "cpu")


@pytest.mark.parametrize(
    ("key", "junk"),
    [("epoch", "one"), ("seconds", "3"), ("best", 1), ("train_loss", math.nan), ("penalty", math.inf), ("extra", 1)],
)
def test_a_history_with_nonsense_is_refused(parts, tmp_path, key, junk):
    header = json.loads(json.dumps(parts[0]))
    header["history"][1][key] = junk
    with pytest.raises(FitFileError, match=rf"damaged: history\.1.*{key}"):
        load_fit(forged(tmp_path, header, parts[1]), "cpu")


def edited(content: bytes, change) -> bytes:
    """A safetensors file with a changed list of tensors."""
    length = int.from_bytes(content[:8], "little")
    listed = json.loads(content[8 : 8 + length])
    change(listed)
    text = json.dumps(listed).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def claim(listed: dict) -> None:
    """Say that a tensor is larger than the file."""
    listed["static"].update(shape=[30_000, 35_000], data_offsets=[0, 4 * 30_000 * 35_000])


def ask_for_more(listed: dict) -> None:
    """Ask for the largest network there can be."""
    header = json.loads(listed["__metadata__"]["varae"])
    header["config"] |= {"latents": 1024}
    header["image"] = [16384, 16384]
    listed["__metadata__"]["varae"] = json.dumps(header)


def overlap(listed: dict) -> None:
    listed["var.scale"]["data_offsets"] = listed["var.mean"]["data_offsets"]


def many(listed: dict) -> None:
    """List ever more tensors of the same bytes."""
    listed |= {f"tensor {i}": listed["static"] for i in range(3000)}


@pytest.mark.parametrize("change", [claim, ask_for_more, overlap, many])
def test_a_small_hostile_file_takes_no_memory(saved, tmp_path, change):
    path = tmp_path / "hostile.varae"
    path.write_bytes(edited(saved.read_bytes(), change))
    with memory_limited(1 << 30), pytest.raises(FitFileError, match=r"hostile\.varae is damaged: the tensor"):
        load_fit(path, "cpu")


@contextlib.contextmanager
def memory_limited(n_bytes: int) -> Iterator[None]:
    """Let this process take only so much more memory than now; anything larger is a MemoryError or RuntimeError."""
    resource = pytest.importorskip("resource")
    if not Path("/proc/self/statm").is_file():
        pytest.skip("reads the memory in use from /proc")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_the_expected_tensors_are_those_of_the_network(small_fit):
    state = small_fit.network.state_dict()
    expected = tensor_shapes(small_fit.config, small_fit.shape)
    assert expected.keys() == state.keys()
    for name, shape in expected.items():
        assert all(wanted in (-1, n) for wanted, n in zip(shape, state[name].shape, strict=True))


def test_tiles_whose_lengths_disagree_are_refused(saved, small_fit, tmp_path):
    """Each is possible by itself; together they are not a network."""
    network = copy.deepcopy(small_fit.network)
    network.members = torch.cat([network.members, network.members], 1)
    path = replace(small_fit, network=network).save(tmp_path / "disagree")
    with pytest.raises(FitFileError, match="damaged"):
        load_fit(path, "cpu")


def test_files_that_are_no_fit_are_refused(tmp_path, parts):
    text = tmp_path / "notes.varae"
    text.write_text("not a fit")
    empty = tmp_path / "empty.varae"
    empty.write_bytes(b"")
    other = tmp_path / "other.varae"
    save_file({"a": np.ones(3)}, other)
    deep = tmp_path / "deep.varae"
    save_file({"a": np.ones(3)}, deep, metadata={"varae": "[" * 100_000})
    listed = tmp_path / "listed.varae"
    save_file({"a": np.ones(3)}, listed, metadata={"varae": "[1]"})
    for path in (text, empty, other, deep, listed):
        with pytest.raises(FitFileError, match="not a fit"):
            load_fit(path)
    for path in (tmp_path, tmp_path / "missing.varae"):
        with pytest.raises(FitFileError, match="not a file"):
            load_fit(path)


def test_a_file_of_a_newer_version_is_refused(tmp_path, parts):
    header, tensors = parts
    save_file(tensors, tmp_path / "new.varae", metadata={"varae": json.dumps(header | {"format_version": 4})})
    with pytest.raises(FitFileError, match=r"version 3.*Update"):
        load_fit(tmp_path / "new.varae")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("dump", [lambda bomb, path: path.write_bytes(pickle.dumps(bomb)), torch.save])
def test_opening_a_file_runs_no_code(tmp_path, dump):
    dump(Bomb(tmp_path / "ran"), tmp_path / "bomb.varae")
    with pytest.raises(FitFileError):
        load_fit(tmp_path / "bomb.varae")
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickle.dumps(Bomb(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()  # it would have


def test_a_device_that_is_not_there_is_no_fault_of_the_file(saved):
    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(ValueError, match=f"device='{missing}' cannot be used") as error:
        load_fit(saved, missing)
    assert not isinstance(error.value, FitFileError)
