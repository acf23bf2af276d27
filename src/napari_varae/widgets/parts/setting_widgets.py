"""The widget of a setting: magicgui's, chosen by the type of the setting, with number fields of our own.

magicgui's own number widgets round: they turn a learning rate of 3.7e-05 into 4e-05 or 0, and show None as 0.
"""

from __future__ import annotations

import types
from typing import Any, Literal, Union, cast, get_args, get_origin

from magicgui.backends._qtpy.widgets import QBaseValueWidget
from magicgui.type_map import TypeMap
from magicgui.widgets import CheckBox, ComboBox
from magicgui.widgets.bases import ValueWidget
from pydantic.fields import FieldInfo
from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_varae.widgets.parts.number_field import NumberField

__all__ = ["setting_widget"]


def setting_widget(name: str, info: FieldInfo) -> ValueWidget[Any]:
    """Make the widget of one setting.

    Parameters
    ----------
    name : str
        Name of the setting.
    info : FieldInfo
        Its type, bounds, title and description.

    Returns
    -------
    magicgui.widgets.bases.ValueWidget
        Reading its ``value`` raises ValueError when the text typed is not a value of the setting.

    Raises
    ------
    ValueError
        When there is no widget for this type.
    """
    kind, bounds, word = _number_or_word(info)
    options: dict[str, Any] = {"tooltip": info.description or ""}
    if kind in (int, float):
        options |= {"bounds": bounds, "word": word}
    made = _TYPES.create_widget(annotation=kind, name=name, label=info.title, options=options)
    widget = cast("ValueWidget[Any]", made)
    if isinstance(widget, ComboBox):
        widget.choices = [(str(choice).replace("_", " "), choice) for choice in widget.choices]
        widget.native.installEventFilter(_NO_WHEEL)
    widget.native.setAccessibleName(str(info.title))
    return widget


def _number_or_word(info: FieldInfo) -> tuple[Any, tuple[Any, ...], str]:
    """Split the type of a setting like ``Literal["auto"] | Annotated[int, Field(ge=1)]`` into type, bounds and word."""
    kinds = get_args(info.annotation) if get_origin(info.annotation) in (Union, types.UnionType) else ()
    words = [get_args(kind)[0] for kind in kinds if get_origin(kind) is Literal]
    numbers = [kind for kind in kinds if hasattr(kind, "__metadata__")]
    if len(words) == len(numbers) == 1:
        number, *metadata = get_args(numbers[0])
        return number, tuple(bound for field in metadata for bound in field.metadata), words[0]
    return info.annotation, tuple(info.metadata), ""


class NumberEdit(ValueWidget[Any]):
    """A number, exactly as it was given; where None is allowed, an empty field shows "automatic".

    Parameters
    ----------
    kind : type
        int or float.
    bounds : iterable
        Bounds from `annotated_types`.
    word : str
        A word, such as "auto", that is a value as well.

    Notes
    -----
    ``changed`` is emitted with None: what is being typed need not be a number yet.
    """

    def __init__(
        self, kind: type[int] | type[float], bounds: Any = (), word: str = "", nullable: bool = False, **rest: Any
    ) -> None:
        empty = word or ("automatic" if nullable else "")
        given = {"kind": kind, "bounds": bounds, "empty": empty, "absent": word or None}
        super().__init__(widget_type=_Number, nullable=True, backend_kwargs=given, **rest)


class RangeOrNone(ValueWidget[Any]):
    """A range (start, stop), or None when both fields are empty."""

    def __init__(self, **rest: Any) -> None:
        rest["nullable"] = True
        super().__init__(widget_type=_Range, **rest)


class _Number(QBaseValueWidget):
    """What magicgui asks of a number field."""

    def __init__(self, parent: QWidget | None = None, **given: Any) -> None:
        def number_field(parent: QWidget | None) -> NumberField:
            return NumberField(parent=parent, **given)

        # magicgui declares a class, and only calls it
        super().__init__(number_field, "value", "set_value", "changed", parent=parent)  # type: ignore[arg-type]


class _Range(QBaseValueWidget):
    """What magicgui asks of a range."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_RangeField, "value", "set_value", "changed", parent=parent)


class _RangeField(QWidget):
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ends = NumberField(int, empty="first"), NumberField(int, empty="last")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for end in self.ends:
            layout.addWidget(end)
            end.changed.connect(self.changed)

    def value(self) -> tuple[int, int] | None:
        start, stop = (end.value() for end in self.ends)
        if start is None and stop is None:
            return None
        if start is None or stop is None:
            raise ValueError("fill both ends of the range, or none.")
        return start, stop

    def set_value(self, value: tuple[int, int] | None) -> None:
        for end, number in zip(self.ends, value or (None, None), strict=True):
            end.set_value(number)


class _NoWheel(QObject):
    """Scrolls the dock, not a value that the pointer happens to be over."""

    def eventFilter(self, _watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return False


_NO_WHEEL = _NoWheel()

_TYPES = TypeMap(simple_types={}, simple_annotations={}, additional_kwargs={})
_TYPES.register_type(bool, widget_type=CheckBox, text="")  # before int, of which bool is a subclass
_TYPES.register_type(int, widget_type=NumberEdit, kind=int)
_TYPES.register_type(float, widget_type=NumberEdit, kind=float)
_TYPES.register_type(tuple[int, int], widget_type=RangeOrNone)
