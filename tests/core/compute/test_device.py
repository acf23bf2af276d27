"""Where to compute, and why there."""

import pytest
import torch

from napari_varae.core.compute.device import choose_device

GPU = torch.cuda.is_available() or torch.backends.mps.is_available()


def test_the_cpu_is_always_there():
    device, reason = choose_device("cpu")
    assert device == torch.device("cpu")
    assert reason == "CPU, as chosen"


def test_auto_gives_a_device_that_works_and_says_why():
    device, reason = choose_device()
    assert float((torch.ones(3, device=device) * 2).sum()) == 6
    assert (device.type != "cpu") == GPU
    if not GPU:
        assert "no CUDA device" in reason
        assert "no MPS device" in reason


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_asked_for_is_given_or_missed_in_words(name):
    there = torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()
    if there:
        assert choose_device(name)[0].type == name
    else:
        with pytest.raises(
            ValueError, match=f"device='{name}' cannot be used: torch .* finds no {name.upper()} device"
        ):
            choose_device(name)


@pytest.mark.parametrize("name", ["gpu", "", "CPU", "cuda:7"])
def test_a_device_that_nobody_knows_is_refused(name):
    with pytest.raises(ValueError, match=r"there is no such device. Choose 'auto' or 'cpu'"):
        choose_device(name)
