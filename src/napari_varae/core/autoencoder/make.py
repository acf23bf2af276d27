"""The network that settings ask for, and what its state looks like."""

from __future__ import annotations

from torch import Tensor

from napari_varae.core.autoencoder.convolutional import ConvolutionalNetwork
from napari_varae.core.autoencoder.footprints import FootprintNetwork
from napari_varae.core.autoencoder.network import Network
from napari_varae.core.settings import FitConfig

__all__ = ["network_from_state", "tensor_shapes"]

_CLASSES: dict[str, type[Network]] = {"footprints": FootprintNetwork, "convolutional": ConvolutionalNetwork}


def network_from_state(config: FitConfig, image: tuple[int, int], state: dict[str, Tensor]) -> Network:
    """Make the network that settings ask for, for images of (Y, X) pixels, with a state whose shapes were checked."""
    return _CLASSES[config.network].from_state(config, image, state)


def tensor_shapes(config: FitConfig, image: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the state of the network that settings ask for, -1 for any length; nothing is allocated."""
    return _CLASSES[config.network].tensors(config, image)
