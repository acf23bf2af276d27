"""Fits from files: what the header asks for, compared and put together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_varae.core.autoencoder.make import network_from_state, tensor_shapes
from napari_varae.core.compute.device import choose_device
from napari_varae.core.fit.file import LARGEST, Header, TensorSpec, read
from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.normalisation import Normalisation
from napari_varae.core.var.model import VAR
from napari_varae.errors import FitFileError

__all__ = ["load_fit"]

_SANE = 1e6
"""Coefficients and second moments of standardised latents, of size 1, lie far below it."""
_LOWEST = {"mean": -LARGEST, "scale": float(np.finfo(np.float64).tiny), "weights": 0.0}
_HIGHEST = {"mean": LARGEST, "scale": LARGEST}
"""The range of an array of the VAR, where it is not that of :data:`_SANE`."""


def load_fit(path: str | Path, device: str = "auto") -> Fit:
    """Read a fit from a file.

    Parameters
    ----------
    path : path
    device : {"auto", "cpu", "cuda", "mps"}
        Where the fit shall compute.

    Raises
    ------
    FitFileError
        When the file is missing, is not a fit, is damaged, or has another format version.
    ValueError
        When the device is not there or does not work.
    """
    target, _ = choose_device(device)
    header, tensors = read(path, _expected)
    config = header.config
    prefix = "network."
    state = {name.removeprefix(prefix): torch.from_numpy(t) for name, t in tensors.items() if name.startswith(prefix)}
    try:
        network = network_from_state(config, header.image, state)
    except (RuntimeError, ValueError) as error:
        raise FitFileError(
            f"{Path(path).name} is damaged: its tensors do not make a network. Choose another one."
        ) from error
    arrays: dict[str, Any] = {name: tensors[f"var.{name}"] for name in VAR.shapes(header.n_latents, config.order)}
    return Fit(
        config=config,
        network=network.to(target).eval().requires_grad_(False),
        var=VAR(**header.var.model_dump(), **arrays),
        normalisation=Normalisation(tensors["static"], header.scale, config.static_skip),
        movie=header.movie,
        frames=header.frames,
        history=header.history,
        notes=header.notes,
        bad_frames=header.bad_frames,
        trained_with=header.trained_with,
    )


def _expected(header: Header) -> dict[str, TensorSpec]:
    """Describe the tensors of a file with this header, allocating none."""
    config = header.config
    specs = {
        f"network.{name}": TensorSpec(shape, "I64", -1, header.n_latents - 1)
        if name == "members"
        else TensorSpec(shape)
        for name, shape in tensor_shapes(config, header.image).items()
    }
    for name, shape in VAR.shapes(header.n_latents, config.order).items():
        specs[f"var.{name}"] = TensorSpec(shape, "F64", _LOWEST.get(name, -_SANE), _HIGHEST.get(name, _SANE))
    return specs | {"static": TensorSpec(header.image)}
