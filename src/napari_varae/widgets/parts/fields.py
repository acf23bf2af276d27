"""The fields of a form: one widget for each kind of setting, each with `value`, `set_value` and `changed`.

A field whose value cannot be used is marked, with a sentence below it: make the line of the sentence with `complaint`,
and raise a `FieldError` (or use `of_field`) where the value is read.
"""

from __future__ import annotations

import math
import operator
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QValidator, QWheelEvent
from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QHBoxLayout, QLabel, QScrollArea, QWidget
from superqt import QCollapsible

__all__ = ["FieldError", "NumberField", "clear_complaint", "complaint", "make_field", "of_field"]

MARK = "#e0483e"
"""Colour around a field whose value cannot be used."""

_BOUNDS: tuple[tuple[type, str, Callable[[Any, Any], bool]], ...] = (
    (Ge, "ge", operator.ge), (Gt, "gt", operator.gt), (Le, "le", operator.le), (Lt, "lt", operator.lt),
)  # fmt: skip


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


def complaint(field: Any) -> QLabel:
    """Make the line for below a field that reports why its value cannot be used; it is hidden until then."""
    field.complaint = line = QLabel()
    line.setTextFormat(Qt.TextFormat.PlainText)
    line.setWordWrap(True)
    line.hide()
    edited = field.changed if hasattr(field, "changed") else field.textEdited
    edited.connect(lambda *_text: clear_complaint(field))
    return line


def clear_complaint(field: Any) -> None:
    """Take the mark from a field, whose value is another now."""
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
    field.setStyleSheet(f"{type(field).__name__} {{ border: 1px solid {MARK} }}")
    above: Any = line
    while (above := above.parentWidget()) is not None:
        if isinstance(above, QCollapsible):
            above.expand(animate=False)
        elif isinstance(above, QScrollArea):
            above.ensureWidgetVisible(line)
    return True


class NumberField(QAbstractSpinBox):
    """A spin box that keeps any int or float exactly as it was given; a `QDoubleSpinBox` would round 1e-3 to 0.

    Parameters
    ----------
    kind : type
        int or float.
    bounds : iterable
        Bounds from `annotated_types`: Ge, Gt, Le, Lt.
    empty : str
        What to show, and to accept, where there is no number; when empty, there must be one.
    absent : object
        The value where there is no number.
    """

    changed = Signal()

    def __init__(
        self, kind: type[int] | type[float] = float, bounds: Iterable[Any] = (), empty: str = "", absent: Any = None
    ) -> None:
        super().__init__()
        self._kind, self._bounds, self._empty, self._absent = kind, tuple(bounds), empty, absent
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumWidth(60)
        edit = self.lineEdit()
        edit.setPlaceholderText(empty)
        edit.textEdited.connect(lambda _text: self.changed.emit())

    def value(self) -> Any:
        """Return the number, or `absent` when the field is empty and may be.

        Raises
        ------
        ValueError
            When the text is not a number.
        """
        text = self.text().strip()
        if self._empty and text in ("", self._empty):
            return self._absent
        try:
            return self._kind(text)
        except ValueError:
            kind = "whole number" if self._kind is int else "number"
            raise ValueError(f"{text!r} is not a {kind}.") from None

    def value_within(self) -> Any:
        """Return the value, which is within the bounds.

        Raises
        ------
        FieldError
            When the text is not such a number.
        """
        with of_field(self):
            value = self.value()
            if isinstance(value, int | float) and not self._fits(value):
                words = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}
                wanted = [
                    f"{words[name]} {getattr(bound, name):g}"
                    for bound in self._bounds
                    for kind, name, _ in _BOUNDS
                    if isinstance(bound, kind)
                ]
                raise ValueError(f"{value:g} must be {' and '.join(wanted)}.")
        return value

    def set_value(self, value: Any) -> None:
        """Show a number, or that there is none."""
        text = "" if value is None or value == self._absent else repr(self._kind(value)).removesuffix(".0")
        if text != self.text():
            self.lineEdit().setText(text)
            self.lineEdit().setCursorPosition(0)
            self.changed.emit()

    def stepBy(self, steps: int) -> None:
        """Step by one, or by one unit of the leading digit."""
        number = self._number()
        value = number if isinstance(number, int | float) else 0
        if self._kind is int:
            stepped: float = value + steps
        else:
            size = 10.0 ** math.floor(math.log10(abs(value)) + 1e-9) if value else 0.1
            if steps < 0 and value > 0 and value - size <= size * 1e-6:  # from 0.1 down to 0.09, not to 0
                size /= 10
            stepped = float(f"{value + steps * size:.12g}")
        if self._fits(stepped):
            self.set_value(stepped)

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        """Offer steps always; one beyond a bound does nothing."""
        return QAbstractSpinBox.StepEnabledFlag.StepUpEnabled | QAbstractSpinBox.StepEnabledFlag.StepDownEnabled

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Let any text be typed: errors are reported when it is used."""
        return QValidator.State.Acceptable, text, position

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the dock, not a value that the pointer happens to be over."""
        event.ignore()

    def _number(self) -> Any:
        """Return the value, or None when there is none."""
        try:
            return self.value()
        except ValueError:
            return None

    def _fits(self, value: float) -> bool:
        """Whether a value is within the bounds."""
        return all(
            within(value, getattr(bound, name))
            for bound in self._bounds
            for kind, name, within in _BOUNDS
            if isinstance(bound, kind)
        )


class _CheckField(QCheckBox):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.toggled.connect(lambda _on: self.changed.emit())

    def value(self) -> bool:
        return bool(self.isChecked())

    def set_value(self, value: bool) -> None:
        self.setChecked(value)


class _ChoiceField(QComboBox):
    changed = Signal()

    def __init__(self, choices: Iterable[str]) -> None:
        super().__init__()
        for choice in choices:
            self.addItem(choice.replace("_", " "), choice)
        self.currentIndexChanged.connect(lambda _index: self.changed.emit())

    def value(self) -> str:
        return str(self.currentData())

    def set_value(self, value: str) -> None:
        self.setCurrentIndex(self.findData(value))

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class _PairField(QWidget):
    """A range (start, stop), or None when both are empty."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._ends = NumberField(int, empty="first"), NumberField(int, empty="last")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for end in self._ends:
            layout.addWidget(end)
            end.changed.connect(self.changed)

    def value(self) -> tuple[int, int] | None:
        start, stop = (end.value() for end in self._ends)
        if start is None and stop is None:
            return None
        if start is None or stop is None:
            raise ValueError("fill both ends of the range, or none.")
        return start, stop

    def set_value(self, value: tuple[int, int] | None) -> None:
        for end, number in zip(self._ends, value or (None, None), strict=True):
            end.set_value(number)


def _number_or_word(kinds: tuple[Any, ...]) -> NumberField | None:
    """Make the field of a number, of type Annotated[int, Field(...)], or a word like "auto" in its place."""
    words = [get_args(kind)[0] for kind in kinds if get_origin(kind) is Literal]
    numbers = [kind for kind in kinds if hasattr(kind, "__metadata__")]
    if len(words) != 1 or len(numbers) != 1:
        return None
    bounds = [bound for field in numbers[0].__metadata__ for bound in field.metadata]
    return NumberField(get_args(numbers[0])[0], bounds, empty=words[0], absent=words[0])


def make_field(info: FieldInfo) -> Any:
    """Make the widget for one setting.

    Raises
    ------
    TypeError
        When there is none for this type.
    """
    kind: Any = info.annotation
    optional = False
    if get_origin(kind) in (Union, types.UnionType):
        if field := _number_or_word(get_args(kind)):
            return field
        kinds = [arg for arg in get_args(kind) if arg is not type(None)]
        optional = len(kinds) < len(get_args(kind))
        kind = kinds[0] if len(kinds) == 1 else kind
    while hasattr(kind, "__metadata__"):  # Annotated
        kind = get_args(kind)[0]
    if kind is bool:
        return _CheckField()
    if kind in (int, float):
        return NumberField(kind, info.metadata, empty="automatic" if optional else "")
    if get_origin(kind) is Literal:
        return _ChoiceField(get_args(kind))
    if get_origin(kind) is tuple and optional:
        return _PairField()
    raise TypeError(f"There is no field for a setting of type {info.annotation}.")
