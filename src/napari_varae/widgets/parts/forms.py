"""A form made from a settings model: one field per setting, with its label, unit, bounds and help."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from magicgui.widgets.bases import ValueWidget
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_varae.core.settings import Settings
from napari_varae.widgets.parts.complaints import FieldError, clear_complaint, complaint
from napari_varae.widgets.parts.setting_widgets import setting_widget

__all__ = ["SettingsForm"]

S = TypeVar("S", bound=Settings)


class SettingsForm(QWidget, Generic[S]):
    """A form for a settings model: simple settings visible, advanced ones folded away.

    Parameters
    ----------
    model : type
        A subclass of :class:`Settings`.
    exclude : iterable of str
        Settings that are set elsewhere; they keep their default.
    """

    changed = Signal()

    def __init__(self, model: type[S], exclude: Iterable[str] = ()) -> None:
        super().__init__()
        self.model = model
        self.fields: dict[str, ValueWidget[Any]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        simple, hidden = _form_layout(), _form_layout()
        for name, info in model.model_fields.items():
            if name in exclude:
                continue
            extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            self._add(hidden if extra.get("advanced") else simple, name, info, str(extra.get("unit", "")))
        layout.addLayout(simple)
        if hidden.rowCount():
            inner = QWidget()
            inner.setLayout(hidden)
            self.advanced = QCollapsible("Advanced settings")
            self.advanced.setDuration(0)  # pixels of an animation cost frames of a playing movie
            self.advanced.addWidget(inner)
            layout.addWidget(self.advanced)
        self.set_value(model())

    def value(self) -> S:
        """Return the settings.

        Raises
        ------
        FieldError
            When fields do not hold what they should.
        ValueError
            When settings do not go together.
        """
        values: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for name, field in self.fields.items():
            try:
                values[name] = field.value
            except ValueError as error:
                wrong[name] = str(error)
        if wrong:
            named = (f"{self.model.model_fields[name].title}: {why}" for name, why in wrong.items())
            raise self._error(" ".join(named), wrong)
        try:
            return self.model(**values)
        except ValidationError as error:
            wrong = {str(found["loc"][0]): f"{_upper(_sentence(found))}." for found in error.errors() if found["loc"]}
            raise self._error(self._in_words(error), wrong) from None

    def check(self) -> None:
        """Mark the fields that hold what cannot be used, once they were typed."""
        for field in self.fields.values():
            clear_complaint(field.native)
        try:
            self.value()
        except FieldError as error:
            error.show()
        except ValueError:
            pass  # of several settings: reported when they are used

    def _error(self, message: str, wrong: dict[str, str]) -> ValueError:
        """Make the error about fields of this form."""
        fields = {self.fields[name].native: why for name, why in wrong.items() if name in self.fields}
        return FieldError(message, fields) if fields else ValueError(message)

    def set_value(self, settings: S) -> None:
        """Show these settings."""
        for name, field in self.fields.items():
            field.value = getattr(settings, name)

    def _add(self, layout: QFormLayout, name: str, info: FieldInfo, unit: str) -> None:
        """Add the row of one setting."""
        self.fields[name] = widget = setting_widget(name, info)
        widget.changed.connect(self.changed.emit)
        label = QLabel(f"{info.title} ({unit})" if unit else widget.label)
        label.setToolTip(widget.tooltip)
        layout.addRow(label, widget.native)
        layout.addRow(complaint(widget.native, widget.changed))
        if hasattr(widget.native, "editingFinished"):
            widget.native.editingFinished.connect(self.check)

    def _in_words(self, error: ValidationError) -> str:
        """Report what pydantic found wrong, with labels for names."""
        parts = []
        for found in error.errors():
            name = str(found["loc"][0]) if found["loc"] else ""
            label = self.model.model_fields[name].title if name in self.model.model_fields else ""
            parts.append(f"{label} {_sentence(found)}".strip())
        return "; ".join(parts) + "."


def _upper(text: str) -> str:
    """Begin with a capital, and leave names like BIC as they are."""
    return text[:1].upper() + text[1:]


def _sentence(found: Any) -> str:
    """Give what pydantic found wrong with one setting."""
    return str(found["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")


def _form_layout() -> QFormLayout:
    layout = QFormLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setVerticalSpacing(4)
    return layout
