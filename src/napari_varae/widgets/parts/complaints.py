"""A field whose value cannot be used is marked, with a sentence below it.

Make the line of the sentence with `complaint`, and raise a `FieldError` (or use `of_field`) where the value is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QScrollArea, QWidget
from superqt import QCollapsible

from napari_varae.figures.colours import OBSERVED_COLOUR

__all__ = ["FieldError", "clear_complaint", "complaint", "of_field"]


class FieldError(ValueError):
    """Fields hold what cannot be used.

    Parameters
    ----------
    message : str
        What is wrong, with the names of the fields.
    wrong : mapping of QWidget to str
        The fields, and what is wrong with each.
    """

    def __init__(self, message: str, wrong: Mapping[QWidget, str]) -> None:
        super().__init__(message)
        self.wrong = dict(wrong)

    def show(self) -> bool:
        """Mark the fields, and return whether each has a line for its sentence."""
        shown = [_complain(field, text) for field, text in self.wrong.items()]
        return all(shown)


@contextmanager
def of_field(field: QWidget) -> Iterator[None]:
    """Turn a ValueError into one about a field."""
    try:
        yield
    except FieldError:
        raise
    except ValueError as error:
        raise FieldError(str(error), {field: str(error)}) from error


def complaint(field: Any, edited: Any = None) -> QLabel:
    """Make the line for below a field that reports why its value cannot be used; it is hidden until then.

    Parameters
    ----------
    field : QWidget
        The field.
    edited : signal, optional
        Emitted when the field is edited; its ``changed`` or its ``textEdited`` when not given.
    """
    field.complaint = line = QLabel()
    line.setTextFormat(Qt.TextFormat.PlainText)
    line.setWordWrap(True)
    line.hide()
    if edited is None:
        edited = field.changed if hasattr(field, "changed") else field.textEdited
    edited.connect(lambda *_value: clear_complaint(field))
    return line


def clear_complaint(field: Any) -> None:
    """Remove the mark from a field whose value has changed."""
    if field.complaint.text():
        field.complaint.clear()
        field.complaint.hide()
        field.setStyleSheet("")


def _complain(field: Any, text: str) -> bool:
    """Mark a field, and bring the sentence below it into view."""
    line = getattr(field, "complaint", None)
    if line is None:
        return False
    line.setText(f"⚠ {text}")
    line.show()
    field.setStyleSheet(f"{type(field).__name__} {{ border: 1px solid {OBSERVED_COLOUR} }}")
    above: Any = line
    while (above := above.parentWidget()) is not None:
        if isinstance(above, QCollapsible):
            above.expand(animate=False)
        elif isinstance(above, QScrollArea):
            above.ensureWidgetVisible(line)
    return True
