"""A spin box for any number, as it was given."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QValidator, QWheelEvent
from qtpy.QtWidgets import QAbstractSpinBox, QWidget

from napari_varae.widgets.parts.complaints import of_field

__all__ = ["NumberField"]

_BOUNDS: tuple[tuple[type, str, Callable[[Any, Any], bool]], ...] = (
    (Ge, "ge", operator.ge), (Gt, "gt", operator.gt), (Le, "le", operator.le), (Lt, "lt", operator.lt),
)  # fmt: skip


class NumberField(QAbstractSpinBox):
    """A spin box that keeps any int or float exactly as it was given; a `QDoubleSpinBox` would round 1e-3 to 0.

    Parameters
    ----------
    kind : type
        int or float.
    bounds : iterable
        Bounds from `annotated_types`: Ge, Gt, Le, Lt.
    empty : str
        Placeholder, such as "automatic", that stands for no number; when empty, a number is required.
    absent : object
        Value of the field without a number.
    parent : QWidget, optional
        The widget that it is in.
    """

    changed = Signal()

    def __init__(
        self,
        kind: type[int] | type[float] = float,
        bounds: Iterable[Any] = (),
        empty: str = "",
        absent: Any = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
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
        value = number if isinstance(number, int | float) and math.isfinite(number) else 0
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
