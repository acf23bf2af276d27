"""Folders that a process owns while it runs: what is left by one that no longer runs can be taken over."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil

__all__ = ["OWNER", "own", "owned"]

OWNER = "owner.json"


def own(folder: Path, **facts: float | str) -> None:
    """Note that this process writes to a folder, with some facts beside.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    owner = {"pid": os.getpid(), "began": psutil.Process().create_time(), **facts}
    (folder / OWNER).write_text(json.dumps(owner), encoding="utf-8")


def owned(folder: Path) -> bool:
    """Whether the process that owns a folder still runs; another one may have its number by now."""
    try:
        owner = json.loads((folder / OWNER).read_text(encoding="utf-8"))
        return bool(abs(psutil.Process(int(owner["pid"])).create_time() - float(owner["began"])) < 1)
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return False
