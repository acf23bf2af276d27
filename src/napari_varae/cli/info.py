"""The command `info`: what a bug report needs."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

__all__ = ["info"]

_PACKAGES = (
    "torch",
    "napari",
    "npe2",
    "numpy",
    "scipy",
    "numba",
    "pydantic",
    "pyqtgraph",
    "superqt",
    "tifffile",
    "zarr",
)
_QT_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
_GIB = 2**30


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show versions, the device that computes, and memory; paste this into a bug report."""
    facts = _facts()
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name:<{width}}  {value}")


def _facts() -> dict[str, str]:
    """Collect the facts, in the order in which they are shown."""
    import psutil
    import torch

    from napari_varae.core.compute.device import choose_device

    device, reason = choose_device()
    memory = psutil.virtual_memory()
    qt = [f"{name} {_version(name)}" for name in _QT_BINDINGS if _version(name)]
    return {
        "napari-varae": _version("napari-varae"),
        "Python": platform.python_version(),
        "platform": platform.platform(),
        "device": device.type,
        "why this device": reason,
        "threads": f"{torch.get_num_threads()} of {os.cpu_count()} cores",
        "memory": f"{memory.available / _GIB:.1f} GiB free of {memory.total / _GIB:.1f} GiB",
        "Qt binding": ", ".join(qt) or "none; install one with: pip install 'napari-varae[all]'",
        **{name: _version(name) or "not installed" for name in _PACKAGES},
    }


def _version(name: str) -> str:
    """Version of an installed distribution; empty when it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
