"""Fits as files: safetensors with settings, normalisation, versions and the movie's fingerprint in the header.

No pickle: opening a stranger's model must not run code.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from napari_varae.core.autoencoder.make import make_network, tensor_shapes
from napari_varae.core.compute.device import choose_device
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.settings import FitConfig
from napari_varae.core.var.model import VAR
from napari_varae.errors import FitFileError

__all__ = ["load_fit", "save_fit"]

_FORMAT = "napari-varae fit"
_FORMAT_VERSION = 2
_VAR_ARRAYS = ("coefficients", "mean", "scale", "gram", "cross", "covariance", "weights")


def save_fit(fit: Fit, path: str | Path) -> Path:
    """Write a fit to a file; an existing one is replaced only once the new one is whole.

    Parameters
    ----------
    fit : Fit
    path : path
        `.varae` is appended when it has no suffix.

    Returns
    -------
    path : Path
        Where it was written.

    Raises
    ------
    FitFileError
        When the file cannot be written.
    """
    path = Path(path)
    path = path if path.suffix else path.with_suffix(".varae")
    tensors = {f"network.{name}": weights.cpu().contiguous() for name, weights in fit.network.state_dict().items()}
    tensors |= {f"var.{name}": torch.from_numpy(getattr(fit.var, name).copy()) for name in _VAR_ARRAYS}
    tensors["static"] = torch.from_numpy(fit.static.copy())
    header = {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        "config": fit.config.model_dump(mode="json"),
        "image": fit.shape,
        "scale": fit.scale,
        "movie": fit.movie,
        "frames": fit.frames,
        "var": {name: getattr(fit.var, name) for name in ("penalty", "order", "n_pairs")},
        "history": [asdict(report) for report in fit.history],
        "versions": {name: version(name) for name in ("napari-varae", "torch", "numpy", "safetensors")},
    }
    header["digest"] = _digest(header, tensors)
    partial = path.with_name(path.name + ".partial")
    try:
        save_file(tensors, partial, metadata={"varae": json.dumps(header)})
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise FitFileError(
            f"{path} could not be written ({error}). Choose another folder, or free some space."
        ) from error
    return path


def _digest(header: dict[str, Any], tensors: dict[str, torch.Tensor]) -> str:
    """Hash all that a file holds, so that damage is noticed."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


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
        When the file is missing, is not a fit, is damaged, or comes from a newer version.
    ValueError
        When the device is not there or does not work.
    """
    path = Path(path)
    target, _ = choose_device(device)
    if not path.is_file():
        raise FitFileError(f"{path} is not a file. Choose a fit saved by napari-varae (.varae).")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("varae", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise FitFileError(f"{path.name} is not a fit file or is damaged ({error}). Choose another one.") from error
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise FitFileError(
            f"{path.name} is a safetensors file, but not a fit saved by napari-varae. Choose another one."
        )
    if header.get("format_version") != _FORMAT_VERSION:
        raise FitFileError(
            f"{path.name} has format version {header.get('format_version')!r}; this napari-varae reads version "
            f"{_FORMAT_VERSION}. Update napari-varae, or train anew."
        )
    try:
        return _build(header, tensors, target)
    except (ArithmeticError, AttributeError, LookupError, TypeError, RuntimeError, ValueError) as error:
        raise FitFileError(
            f"{path.name} is damaged: its parts do not fit together ({error}). Choose another one."
        ) from error


def _build(header: dict[str, Any], tensors: dict[str, torch.Tensor], device: torch.device) -> Fit:
    if header.pop("digest", None) != _digest(header, tensors):
        raise ValueError("they are not what was saved")
    config = FitConfig.model_validate(header["config"])
    image = (int(header["image"][0]), int(header["image"][1]))
    static = tensors["static"].numpy()
    if static.shape != image:
        raise ValueError(f"static image of shape {static.shape} in a fit for {image}")
    state = {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
    expected, found = tensor_shapes(config, image), {name: tuple(v.shape) for name, v in state.items()}
    if found != expected:
        raise ValueError(f"its network holds {found} and should hold {expected}")
    network = make_network(config, image)
    network.load_state_dict(state)
    scale = float(header["scale"])
    if not 0 < scale < float("inf"):
        raise ValueError(f"a scale of {scale}")
    network.static.copy_(torch.from_numpy(static) / scale)
    arrays = {name: tensors[f"var.{name}"].numpy() for name in _VAR_ARRAYS}
    order = int(header["var"]["order"])
    size, lagged = config.latents, config.latents * order
    shapes = {
        "mean": (size,),
        "scale": (size,),
        "gram": (lagged, lagged),
        "cross": (size, lagged),
        "covariance": (size, size),
        "coefficients": (order, size, size),
        "weights": (order, size, size),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"var.{name} has shape {arrays[name].shape} and should have {shape}")
    names = {field.name for field in fields(EpochReport)}
    return Fit(
        config=config,
        network=network.to(device).eval().requires_grad_(False),
        var=VAR(penalty=float(header["var"]["penalty"]), order=order, n_pairs=int(header["var"]["n_pairs"]), **arrays),
        static=static,
        baseline=static if config.static_skip else np.zeros_like(static),
        scale=scale,
        movie=str(header["movie"]),
        frames=(int(header["frames"][0]), int(header["frames"][1])),
        history=tuple(EpochReport(**{k: v for k, v in r.items() if k in names}) for r in header["history"]),
    )
