"""The network that settings ask for, and what its tensors are called and how large they are."""

from __future__ import annotations

import torch

from napari_varae.core.autoencoder.footprints import Autoencoder
from napari_varae.core.settings import FitConfig

__all__ = ["make_network", "tensor_shapes"]


def make_network(config: FitConfig, image: tuple[int, int], random: torch.Generator | None = None) -> Autoencoder:
    """Make an untrained network for images of (Y, X) pixels, its first weights drawn from `random`.

    Raises
    ------
    ValueError
        When the settings name no grid.
    """
    if config.grid is None:
        raise ValueError("The settings name no grid step.")
    return Autoencoder(image, config.latents, config.grid, config.channels, config.static_skip, random)


def tensor_shapes(config: FitConfig, image: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """Give the shape of each tensor that such a network keeps in a file, without allocating any of them."""
    with torch.device("meta"):
        network = make_network(config, image)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
