"""Words on the screen. Names of files, layers and fits come from anywhere: none is ever read as markup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_varae.errors import TrainingError
from napari_varae.widgets.parts.complaints import FieldError

__all__ = ["heading", "in_words", "literal", "note", "report_caution", "report_done", "report_error", "signed"]

JOINER = "\u2060"
"""Invisible, and part of no tag: Qt takes no text for HTML in which it follows each sign that could begin one."""


def literal(text: str) -> str:
    """Make a text that Qt shows as it is, where it would guess whether it is HTML: tooltips, notifications."""
    return text.replace("<", f"<{JOINER}").replace("&lt;", f"&{JOINER}lt;")


def signed(value: float) -> str:
    """Write a number with its sign and two decimals; one that rounds to zero has no sign."""
    return "0.00" if abs(value) < 0.005 else f"{value:+.2f}"


def report_error(text: str) -> None:
    """Show what went wrong, as a notification."""
    show_error(literal(text))


def report_done(text: str) -> None:
    """Show what was done, as a notification."""
    show_info(literal(text))


def report_caution(text: str) -> None:
    """Show what should be known about a result, as a notification."""
    show_warning(literal(text))


@contextmanager
def in_words() -> Iterator[None]:
    """Report an error that a user may meet: below its field, or as a notification. What was there before stays."""
    try:
        yield
    except FieldError as error:
        if not error.show():
            report_error(str(error))
    except (ValueError, TypeError, OSError, TrainingError) as error:
        report_error(str(error))


def heading(text: str) -> QLabel:
    """Make the title of a section."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setStyleSheet("font-weight: bold")  # a style sheet of the window would win over the font
    label.setContentsMargins(0, 6, 0, 0)
    return label


def note(text: str = "") -> QLabel:
    """Make a text that wraps and can be copied."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
