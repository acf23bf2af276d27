"""Fits as files: what is loaded is what was saved, to the bit, or an error in words; never code."""

import json
import math
import pickle
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from napari_varae.core.fit.file import _digest, load_fit, save_fit
from napari_varae.core.fit.fit import Fit
from napari_varae.errors import FitFileError


@pytest.fixture(scope="module")
def saved(small_fit, tmp_path_factory) -> Path:
    return small_fit.save(tmp_path_factory.mktemp("fits") / "cells")


@pytest.fixture(scope="module")
def parts(saved) -> tuple[dict, dict]:
    """Header and tensors."""
    with safe_open(saved, framework="pt") as file:
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
        and np.array_equal(a.baseline, b.baseline)
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


def test_the_suffix_is_added_when_there_is_none(saved, small_fit, tmp_path):
    assert saved.name == "cells.varae"
    assert save_fit(small_fit, tmp_path / "a.fit") == tmp_path / "a.fit"
    assert save_fit(small_fit, str(tmp_path / "b")) == tmp_path / "b.varae"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.fit", "b.varae"]


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
    assert len(header["history"]) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
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


@pytest.mark.parametrize("change", ["missing", "cut", "wrapped"])
def test_tensors_that_do_not_fit_are_refused_in_words(parts, tmp_path, change):
    header, tensors = parts
    for name, tensor in tensors.items():
        others = {key: value for key, value in tensors.items() if key != name}
        if change == "cut":
            others[name] = tensor[1:].clone()
        elif change == "wrapped":
            others[name] = tensor[None].clone()
        with pytest.raises(FitFileError, match="do not fit together"):
            load_fit(forged(tmp_path, header, others), "cpu")


def test_files_that_are_no_fit_are_refused(tmp_path, parts):
    text = tmp_path / "notes.varae"
    text.write_text("not a fit")
    empty = tmp_path / "empty.varae"
    empty.write_bytes(b"")
    other = tmp_path / "other.varae"
    save_file({"a": torch.ones(3)}, other)
    deep = tmp_path / "deep.varae"
    save_file({"a": torch.ones(3)}, deep, metadata={"varae": "[" * 100_000})
    listed = tmp_path / "listed.varae"
    save_file({"a": torch.ones(3)}, listed, metadata={"varae": "[1]"})
    for path in (text, empty, other, deep, listed):
        with pytest.raises(FitFileError, match="not a fit"):
            load_fit(path)
    for path in (tmp_path, tmp_path / "missing.varae"):
        with pytest.raises(FitFileError, match="not a file"):
            load_fit(path)


def test_a_file_of_a_newer_version_is_refused(tmp_path, parts):
    header, tensors = parts
    save_file(tensors, tmp_path / "new.varae", metadata={"varae": json.dumps(header | {"format_version": 3})})
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
