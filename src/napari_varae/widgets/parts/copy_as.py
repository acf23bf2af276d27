"""A button that puts what is on the screen on the clipboard: as a Python script, or as commands."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QApplication, QMenu, QPushButton

from napari_varae.session.recipe import Shown
from napari_varae.session.recipe_command import as_command
from napari_varae.session.recipe_python import as_python
from napari_varae.widgets.parts.text import in_words, report_done

if TYPE_CHECKING:
    Write = Callable[[Shown], str]

__all__ = ["copy_button"]


def copy_button(shown: Callable[[], Shown]) -> QPushButton:
    """Make a button with a menu; `shown` gives what is on the screen, or raises a ValueError with the reason."""
    made = QPushButton("Copy as")
    made.setToolTip("What is shown as a text that gives the same numbers without the window")
    menu = QMenu(made)
    menu.addAction("Python script", partial(_copy, shown, as_python, "A Python script"))
    menu.addAction("Commands", partial(_copy, shown, as_command, "Commands for a terminal"))
    made.setMenu(menu)
    return made


def _copy(shown: Callable[[], Shown], write: Write, what: str) -> None:
    with in_words():
        text = write(shown())
        QApplication.clipboard().setText(text)
        report_done(f"{what} that gives the same numbers is on the clipboard.")
