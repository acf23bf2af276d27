"""Names of files to be written: each format has its ending, and no file is replaced without being asked about."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

__all__ = ["ask_path", "with_ending"]


def ask_path(parent: QWidget, title: str, name: str, endings: tuple[str, ...]) -> str:
    """Let the user choose where to write a file of one of these formats; empty when the dialog is cancelled.

    Raises
    ------
    ValueError
        As for :func:`with_ending`.
    """
    kinds = ";;".join(f"{ending[1:].upper()} (*{ending})" for ending in endings)
    path, _ = QFileDialog.getSaveFileName(parent, title, name, kinds)
    return with_ending(path, endings) if path else ""


def with_ending(path: str, endings: tuple[str, ...]) -> str:
    """Append the first of these endings to a name that has none of them.

    Raises
    ------
    ValueError
        When that is the name of another file, which the dialog did not ask about.
    """
    if path.lower().endswith(endings):
        return path
    complete = path + endings[0]
    if Path(complete).exists():
        raise ValueError(f"{complete} exists already. Choose it with its ending to replace it, or another name.")
    return complete
