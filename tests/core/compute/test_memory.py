"""Running out of memory is reported in words, wherever it happens."""

import numpy as np
import pytest
import torch

import napari_varae as nv
from napari_varae.core.compute.memory import REMEDY, OutOfMemoryError, enough_memory, format_bytes
from napari_varae.core.training.trainer import Trainer

HUGE = 1 << 50


@pytest.mark.parametrize(
    "allocate", [lambda: np.empty(HUGE), lambda: torch.empty(HUGE), lambda: bytearray(1 << 62)],
    ids=["numpy", "torch", "python"],
)  # fmt: skip
def test_what_cannot_be_allocated_is_reported_with_what_is_free_and_what_helps(allocate):
    with pytest.raises(MemoryError, match=r"not enough memory for this \(\d.* are free\)") as raised, enough_memory():
        allocate()
    assert str(raised.value).endswith(REMEDY)
    assert raised.value.__cause__ is not None


def test_a_gpu_that_is_full_is_named():
    with pytest.raises(MemoryError, match=r"The GPU does not have enough memory.*'cpu'"), enough_memory():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_other_errors_pass_and_words_stay_those_of_the_innermost():
    with pytest.raises(RuntimeError, match="something else"), enough_memory():
        raise RuntimeError("something else")
    with pytest.raises(OutOfMemoryError, match=r"inner$"), enough_memory("outer"), enough_memory("inner"):
        raise MemoryError


def test_training_states_what_to_change(monkeypatch):
    stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4)).stack
    monkeypatch.setattr(Trainer, "windows", lambda _self: torch.empty(HUGE))
    with pytest.raises(MemoryError, match="bin or crop it, open only some of its frames"):
        nv.fit(stack, nv.FitConfig(latents=4))


@pytest.mark.parametrize(("n_bytes", "text"), [(10, "1 MB"), (2.5e6, "2 MB"), (1.26e9, "1.3 GB")])
def test_sizes_are_spelled(n_bytes, text):
    assert format_bytes(n_bytes) == text
