"""The network that settings ask for."""

from __future__ import annotations

import torch

from napari_varae.core.autoencoder.convolutional import ConvolutionalNetwork
from napari_varae.core.autoencoder.footprints import Autoencoder
from napari_varae.core.autoencoder.network import Network
from napari_varae.core.settings import FitConfig

__all__ = ["make_network", "tensor_shapes"]


def make_network(config: FitConfig, image: tuple[int, int], random: torch.Generator | None = None) -> Network:
    """Make an untrained network for images of (Y, X) pixels, its first weights drawn from `random`.

    Raises
    ------
    ValueError
        When there is no such network, for instance no map of this many latents.
    """
    if config.network == "convolutional":
        return ConvolutionalNetwork.build(config, image, random)
    if config.grid is None:
        raise ValueError("the settings name no grid")
    with torch.random.fork_rng(devices=[]):
        return Autoencoder(image, config.latents, config.grid, config.channels, config.static_skip)


def tensor_shapes(config: FitConfig, image: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the state of the network that settings ask for; nothing is allocated."""
    network = ConvolutionalNetwork if config.network == "convolutional" else Autoencoder
    return network.tensors(config, image)
