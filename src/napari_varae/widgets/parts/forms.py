"""A form made from a settings model: one field per setting, with its label, unit, bounds and help."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_varae.core.settings import Settings
from napari_varae.widgets.parts.fields import make_field

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
        self.fields: dict[str, Any] = {}
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
        ValueError
            When a field does not hold what it should, in words.
        """
        values = {}
        for name, field in self.fields.items():
            try:
                values[name] = field.value()
            except ValueError as error:
                raise ValueError(f"{self.model.model_fields[name].title}: {error}") from None
        try:
            return self.model(**values)
        except ValidationError as error:
            raise ValueError(self._in_words(error)) from None

    def set_value(self, settings: S) -> None:
        """Show these settings."""
        for name, field in self.fields.items():
            field.set_value(getattr(settings, name))

    def _add(self, layout: QFormLayout, name: str, info: FieldInfo, unit: str) -> None:
        """Add the row of one setting."""
        field = make_field(info)
        self.fields[name] = field
        field.changed.connect(self.changed)
        label = QLabel(f"{info.title} ({unit})" if unit else str(info.title))
        for widget in (label, field):
            widget.setToolTip(info.description or "")
        field.setAccessibleName(str(info.title))
        layout.addRow(label, field)

    def _in_words(self, error: ValidationError) -> str:
        """Report what pydantic found wrong, with labels for names."""
        parts = []
        for found in error.errors():
            name = str(found["loc"][0]) if found["loc"] else ""
            label = self.model.model_fields[name].title if name in self.model.model_fields else ""
            message = found["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
            parts.append(f"{label} {message}".strip())
        return "; ".join(parts) + "."


def _form_layout() -> QFormLayout:
    layout = QFormLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setVerticalSpacing(4)
    return layout
